// Elements of arrays that blocks change together.
#include "compiler/dsl/AccessAt.h"

using namespace mlir;

namespace lath {

namespace {
bool isWhole(Dtype dtype) {
  return dtype == Dtype::i32 || dtype == Dtype::u32 || dtype == Dtype::i64;
}
bool isSummed(Dtype dtype) {
  return isWhole(dtype) || dtype == Dtype::f32 || dtype == Dtype::f16 ||
         dtype == Dtype::bf16;
}
bool isWord(Dtype dtype) { return isWhole(dtype) || dtype == Dtype::f32; }

/// `types`: in words, those that the operation is for.
Tile atomic(const Call &call, const View &view, const std::vector<At> &at,
            tile::AtomicKind kind, bool (*isFor)(Dtype), std::string_view types,
            const Operand *expected, const Operand &operand) {
  call.get(view);
  const Dtype dtype = view.dtype();
  if (!isFor(dtype))
    call.fail("expected a view of {}, got {}", types, name(dtype));
  const AccessAt access(call, view, at);
  Tile value = access.valueOf(call, operand, dtype);
  Value compared;
  if (expected)
    compared = call.get(access.valueOf(call, *expected, dtype));
  access.checkWritable(call);
  Value written = call.get(value);
  return call.wrap(call.create<tile::AtomicOp>(written.getType(), kind, written,
                                               compared, access.view,
                                               access.starts, access.dims),
                   dtype);
}
} // namespace

Tile View::atomicAdd(const std::vector<At> &at, Operand value,
                     Source where) const {
  return atomic(Call(program_, "atomicAdd", where), *this, at,
                tile::AtomicKind::add, isSummed,
                "f32, f16, bf16, i32, u32 or i64", nullptr, value);
}

Tile View::atomicMax(const std::vector<At> &at, Operand value,
                     Source where) const {
  return atomic(Call(program_, "atomicMax", where), *this, at,
                dtype_ == Dtype::u32 ? tile::AtomicKind::umax
                                     : tile::AtomicKind::max,
                isWhole, "i32, u32 or i64", nullptr, value);
}

Tile View::atomicMin(const std::vector<At> &at, Operand value,
                     Source where) const {
  return atomic(Call(program_, "atomicMin", where), *this, at,
                dtype_ == Dtype::u32 ? tile::AtomicKind::umin
                                     : tile::AtomicKind::min,
                isWhole, "i32, u32 or i64", nullptr, value);
}

Tile View::atomicExchange(const std::vector<At> &at, Operand value,
                          Source where) const {
  return atomic(Call(program_, "atomicExchange", where), *this, at,
                tile::AtomicKind::exchange, isWord, "f32, i32, u32 or i64",
                nullptr, value);
}

Tile View::atomicCompareExchange(const std::vector<At> &at, Operand expected,
                                 Operand value, Source where) const {
  return atomic(Call(program_, "atomicCompareExchange", where), *this, at,
                tile::AtomicKind::compareExchange, isWord,
                "f32, i32, u32 or i64", &expected, value);
}

} // namespace lath
