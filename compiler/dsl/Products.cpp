// Matrix products, and weights that they multiply.
#include "compiler/dsl/ProgramImpl.h"

using namespace mlir;

namespace lath {

Tile dequant(Operand codes, Operand factors, const Tile *zeros,
             int zeroOffset) {
  Call call(programOf({&codes, &factors}), "dequant", codes.where);
  Tile q = call.tileOf(codes), scales = call.tileOf(factors);
  Value zv = zeros ? call.get(*zeros) : Value();
  if (!sharesWords(q.dtype()) || q.shape().size() != 2)
    call.fail("expected q of u4 or s8 [K, N], got {}", describe(q));
  if ((scales.dtype() != Dtype::f16 && scales.dtype() != Dtype::bf16) ||
      scales.shape().size() != 2 || scales.shape()[1] != q.shape()[1] ||
      q.shape()[0] % scales.shape()[0])
    call.fail("expected scales of f16 or bf16 [G, {}] with G a divisor of {}, "
              "got {}",
              q.shape()[1], q.shape()[0], describe(scales));
  if (zeros &&
      (zeros->dtype() != Dtype::u4 || zeros->shape() != scales.shape()))
    call.fail("expected zeros of u4 {}, got {}", print(scales.shape()),
              describe(*zeros));
  if (zeros && q.dtype() != Dtype::u4)
    call.fail("zeros are for u4 alone, got q of {}", describe(q));
  if (!zeros && zeroOffset)
    call.fail("a zero offset needs zeros");
  return call.wrap(call.create<tile::DequantOp>(
                       call.tensor(q.shape(), scales.dtype()), call.get(q),
                       call.get(scales), zv, zeroOffset),
                   scales.dtype());
}

Tile dot(Operand left, Operand right, Operand sums, std::string_view schedule) {
  Call call(programOf({&left, &right, &sums}), "dot", left.where);
  Tile a = call.tileOf(left), b = call.tileOf(right), acc = call.tileOf(sums);
  auto isByteFloat = [](Dtype dtype) {
    return dtype == Dtype::f8e4m3 || dtype == Dtype::f8e5m2;
  };
  const bool matrices = a.shape().size() == 2 && b.shape().size() == 2;
  const bool multiplies = isByteFloat(a.dtype())
                              ? isByteFloat(b.dtype())
                              : a.dtype() == b.dtype() &&
                                    llvm::is_contained({Dtype::f16, Dtype::bf16,
                                                        Dtype::f32, Dtype::i8},
                                                       a.dtype());
  if (!matrices || !multiplies)
    call.fail("expected two matrices of f16, of bf16, of f32, of i8, or of "
              "f8e4m3 and f8e5m2 in any mixture, got {} and {}",
              describe(a), describe(b));
  const Dtype summed = a.dtype() == Dtype::i8 ? Dtype::i32 : Dtype::f32;
  if (a.shape()[1] != b.shape()[0] || acc.dtype() != summed ||
      acc.shape() != Shape{a.shape()[0], b.shape()[1]})
    call.fail("expected [M, K] * [K, N] + {} [M, N], got {} * {} + {}",
              name(summed), print(a.shape()), print(b.shape()), describe(acc));
  const std::vector<SaidWord> words = parseWords(schedule, WordOwner::dot);
  Value carried = call.get(acc);
  auto product = call.create<tile::DotOp>(
      carried.getType(), call.get(a), call.get(b), carried,
      /*scales=*/Value(), /*swapped=*/false);
  ProgramImpl::setWords(product, words);
  return call.wrap(product, summed);
}

} // namespace lath
