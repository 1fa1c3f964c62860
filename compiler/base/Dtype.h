// Element types of tiles and views.
#pragma once

#include <optional>
#include <string_view>

namespace lath {

/// `u4` is an unsigned 4-bit integer, eight to a 32-bit word in memory.
enum class Dtype { u4, i32, f16, bf16, f32 };

constexpr unsigned bitWidth(Dtype type) {
  switch (type) {
  case Dtype::u4:
    return 4;
  case Dtype::f16:
  case Dtype::bf16:
    return 16;
  case Dtype::i32:
  case Dtype::f32:
    return 32;
  }
  return 0;
}

/// Whether values below zero are among those of a type.
constexpr bool isSigned(Dtype type) { return type != Dtype::u4; }

constexpr bool isFloat(Dtype type) {
  return type == Dtype::f16 || type == Dtype::bf16 || type == Dtype::f32;
}

constexpr std::string_view name(Dtype type) {
  switch (type) {
  case Dtype::u4:
    return "u4";
  case Dtype::i32:
    return "i32";
  case Dtype::f16:
    return "f16";
  case Dtype::bf16:
    return "bf16";
  case Dtype::f32:
    return "f32";
  }
  return "?";
}

inline std::optional<Dtype> parseDtype(std::string_view text) {
  for (Dtype type :
       {Dtype::u4, Dtype::i32, Dtype::f16, Dtype::bf16, Dtype::f32})
    if (text == name(type))
      return type;
  return std::nullopt;
}

} // namespace lath
