// and, or, xor, not, cnot, lop3: on integers and predicates.
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Machine.h"

namespace lath::emulator {

namespace {

struct And {
  static std::uint64_t apply(std::uint64_t a, std::uint64_t b) { return a & b; }
};
struct Or {
  static std::uint64_t apply(std::uint64_t a, std::uint64_t b) { return a | b; }
};
struct Xor {
  static std::uint64_t apply(std::uint64_t a, std::uint64_t b) { return a ^ b; }
};

template <typename Op>
void binary(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1);
  eachLane(mask, [&](unsigned l) { d[l] = Op::apply(a[l], b[l]); });
}

/// i.immediate: the bits of the type.
void invert(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0);
  eachLane(mask, [&](unsigned l) { d[l] = ~a[l] & i.immediate; });
}

void isZero(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0);
  eachLane(mask, [&](unsigned l) { d[l] = a[l] == 0; });
}

/// Bit n of the table is the result for a, b, c = bits 2, 1, 0 of n.
std::uint64_t look(unsigned table, std::uint64_t a, std::uint64_t b,
                   std::uint64_t c) {
  std::uint64_t result = 0;
  for (unsigned n = 0; n < 8; ++n)
    if (table >> n & 1)
      result |= (n & 4 ? a : ~a) & (n & 2 ? b : ~b) & (n & 1 ? c : ~c);
  return result & 0xffffffff;
}

void lop3(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1), *c = w.in(i, 2);
  auto table = static_cast<unsigned>(i.immediate);
  if (table == 0xea)
    eachLane(mask, [&](unsigned l) { d[l] = (a[l] & b[l]) | c[l]; });
  else
    eachLane(mask, [&](unsigned l) { d[l] = look(table, a[l], b[l], c[l]); });
}

} // namespace

bool decodeLogic(Decoding &d) {
  if (d.is("lop3")) {
    if (d.takeType() != Type::b32)
      d.unsupported();
    d.i.kind = Kind::logic;
    d.i.run = lop3;
    d.outputs({0});
    d.inputs({1, 2, 3}, Type::b32);
    d.i.immediate = d.immediate(d.operand(4)) & 0xff;
    return true;
  }
  if (!d.isOneOf({"and", "or", "xor", "not", "cnot"}))
    return false;
  Type type = d.takeType();
  d.i.kind = Kind::logic;
  d.i.type = type;
  d.i.immediate = type == Type::pred  ? 1
                  : sizeOf(type) == 8 ? ~0ull
                                      : (1ull << 8 * sizeOf(type)) - 1;
  d.i.run = d.is("and")   ? binary<And>
            : d.is("or")  ? binary<Or>
            : d.is("xor") ? binary<Xor>
            : d.is("not") ? invert
                          : isZero;
  d.outputs({0});
  for (std::size_t n = 1; n < d.operandCount(); ++n)
    d.input(d.operand(n), type);
  return true;
}

} // namespace lath::emulator
