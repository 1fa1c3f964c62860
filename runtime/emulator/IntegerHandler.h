// Handlers of integer instructions, made of an operation: a struct with a
// static apply<T>(words...) that computes in T and returns the bits, zero
// above the width.
#pragma once

#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/Machine.h"

#include <type_traits>

namespace lath::emulator {

using Word = std::uint64_t;

template <typename T> T as(std::uint64_t bits) { return static_cast<T>(bits); }
/// Back to 64 bits, zero above the width.
template <typename T> std::uint64_t bits(T value) {
  return static_cast<std::make_unsigned_t<T>>(value);
}
template <typename T> using Unsigned = std::make_unsigned_t<T>;

template <typename T, typename Op>
void unary(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0);
  eachLane(mask, [&](unsigned l) { d[l] = Op::template apply<T>(a[l]); });
}
template <typename T, typename Op>
void binary(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1);
  eachLane(mask, [&](unsigned l) { d[l] = Op::template apply<T>(a[l], b[l]); });
}
template <typename T, typename Op>
void ternary(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *d = w.out(i, 0);
  const std::uint64_t *a = w.in(i, 0), *b = w.in(i, 1), *c = w.in(i, 2);
  eachLane(mask,
           [&](unsigned l) { d[l] = Op::template apply<T>(a[l], b[l], c[l]); });
}

/// The handler of an operation for a type.
template <typename Op> Handler unaryOf(Type type) {
  switch (type) {
  case Type::s16:
    return unary<std::int16_t, Op>;
  case Type::u16:
  case Type::b16:
    return unary<std::uint16_t, Op>;
  case Type::s32:
    return unary<std::int32_t, Op>;
  case Type::u32:
  case Type::b32:
    return unary<std::uint32_t, Op>;
  case Type::s64:
    return unary<std::int64_t, Op>;
  case Type::u64:
  case Type::b64:
    return unary<std::uint64_t, Op>;
  default:
    return nullptr;
  }
}
template <typename Op> Handler binaryOf(Type type) {
  switch (type) {
  case Type::s16:
    return binary<std::int16_t, Op>;
  case Type::u16:
  case Type::b16:
    return binary<std::uint16_t, Op>;
  case Type::s32:
    return binary<std::int32_t, Op>;
  case Type::u32:
  case Type::b32:
    return binary<std::uint32_t, Op>;
  case Type::s64:
    return binary<std::int64_t, Op>;
  case Type::u64:
  case Type::b64:
    return binary<std::uint64_t, Op>;
  default:
    return nullptr;
  }
}
template <typename Op> Handler ternaryOf(Type type) {
  switch (type) {
  case Type::s16:
    return ternary<std::int16_t, Op>;
  case Type::u16:
    return ternary<std::uint16_t, Op>;
  case Type::s32:
    return ternary<std::int32_t, Op>;
  case Type::u32:
    return ternary<std::uint32_t, Op>;
  case Type::s64:
    return ternary<std::int64_t, Op>;
  case Type::u64:
    return ternary<std::uint64_t, Op>;
  default:
    return nullptr;
  }
}

/// The type among the modifiers, without taking it.
inline Type integerTypeOf(const Decoding &d) {
  for (std::size_t n = 1; n < d.statement().name.size(); ++n)
    if (Type type = typeNamed(d.statement().name[n]); type != Type::none)
      return type;
  return Type::none;
}

/// Binds the operands: a first input of `type`, others of type `rest`.
inline void bindInteger(Decoding &d, Type type, Handler handler, Type rest) {
  d.i.kind = Kind::integer;
  d.i.type = type;
  d.i.run = handler;
  if (!handler)
    d.unsupported();
  d.output(d.operand(0));
  for (std::size_t n = 1; n < d.operandCount(); ++n)
    d.input(d.operand(n), n == 1 && type != Type::none ? type : rest);
}

} // namespace lath::emulator
