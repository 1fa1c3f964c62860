// Element types of tiles and views.
#pragma once

#include <optional>
#include <string_view>

namespace lath {

/// `u4` is an unsigned 4-bit integer, eight to a 32-bit word in memory; `s8` is
/// a signed one of 8 bits, four to a word.
enum class Dtype { u4, i32, f16, bf16, f32, s8 };

constexpr unsigned bitWidth(Dtype type) {
  switch (type) {
  case Dtype::u4:
    return 4;
  case Dtype::s8:
    return 8;
  case Dtype::f16:
  case Dtype::bf16:
    return 16;
  case Dtype::i32:
  case Dtype::f32:
    return 32;
  }
  return 0;
}

/// Whether several elements share a word: codes of weights.
constexpr bool sharesWords(Dtype type) { return bitWidth(type) < 16; }

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
  case Dtype::s8:
    return "s8";
  }
  return "?";
}

inline std::optional<Dtype> parseDtype(std::string_view text) {
  for (Dtype type :
       {Dtype::u4, Dtype::s8, Dtype::i32, Dtype::f16, Dtype::bf16, Dtype::f32})
    if (text == name(type))
      return type;
  return std::nullopt;
}

} // namespace lath
