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

void lop3(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1), *c = w.in(i, 2);
  auto table = static_cast<unsigned>(i.immediate);
  if (table == 0xea)
    eachLane(mask, [&](unsigned l) { d[l] = (a[l] & b[l]) | c[l]; });
  else
    eachLane(mask, [&](unsigned l) {
      d[l] = lookUp(table, a[l], b[l], c[l]) & 0xffffffff;
    });
}

} // namespace

bool decodeLogic(Decoding &d) {
  if (d.is("lop3")) {
    if (d.takeType() != Type::b32)
      d.unsupported();
    d.i.kind = Kind::logic;
    d.i.run = lop3;
    d.i.validity = Validity::table;
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
  // `not` keeps its mask in i.immediate, and all of its operand counts.
  if (d.isOneOf({"and", "or", "xor"})) {
    d.i.validity = Validity::table;
    d.i.immediate = d.is("and") ? 0xc0 : d.is("or") ? 0xfc : 0x3c;
  }
  for (std::size_t n = 1; n < d.operandCount(); ++n)
    d.input(d.operand(n), type);
  return true;
}

} // namespace lath::emulator
