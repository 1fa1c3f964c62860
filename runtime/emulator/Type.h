// The scalar types of PTX.
#pragma once

#include <cstdint>
#include <string_view>

namespace lath::emulator {

enum class Type : std::uint8_t {
  none,
  pred,
  b8,
  u8,
  s8,
  e4m3, ///< 8-bit floats: 4 bits of exponent and 3 of mantissa
  e5m2,
  b16,
  u16,
  s16,
  f16,
  bf16,
  b32,
  u32,
  s32,
  f32,
  tf32,
  f16x2,
  bf16x2,
  b64,
  u64,
  s64,
  f64,
  f32x2,
  b128,
};

/// Type::none where `name` (without the dot) is no type.
Type typeNamed(std::string_view name);

/// Bytes that a value takes in memory; a predicate takes one.
constexpr unsigned sizeOf(Type type) {
  if (type >= Type::b128)
    return 16;
  if (type >= Type::b64)
    return 8;
  if (type >= Type::b32)
    return 4;
  return type >= Type::b16 ? 2 : 1;
}

constexpr bool isSigned(Type type) {
  return type == Type::s8 || type == Type::s16 || type == Type::s32 ||
         type == Type::s64;
}

constexpr bool isFloat(Type type) {
  return type == Type::f16 || type == Type::bf16 || type == Type::f32 ||
         type == Type::tf32 || type == Type::f16x2 || type == Type::bf16x2 ||
         type == Type::f64 || type == Type::f32x2;
}

} // namespace lath::emulator
