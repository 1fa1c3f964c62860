// Element types of tiles and views.
#pragma once

#include <optional>
#include <string_view>

namespace lath {

/// `u4` is an unsigned 4-bit integer, eight to a 32-bit word in memory; `s8` is
/// a signed one of 8 bits, four to a word: codes of weights. All others have
/// whole bytes of their own; `b1`, a condition, is a type of tiles alone.
/// `f8e4m3` has no infinities and saturates (FP8 Formats for Deep Learning,
/// arXiv 2209.05433).
enum class Dtype {
  u4,
  i32,
  f16,
  bf16,
  f32,
  s8,
  b1,
  i8,
  u8,
  u32,
  i64,
  f8e4m3,
  f8e5m2
};

constexpr unsigned bitWidth(Dtype type) {
  switch (type) {
  case Dtype::b1:
    return 1;
  case Dtype::u4:
    return 4;
  case Dtype::s8:
  case Dtype::i8:
  case Dtype::u8:
  case Dtype::f8e4m3:
  case Dtype::f8e5m2:
    return 8;
  case Dtype::f16:
  case Dtype::bf16:
    return 16;
  case Dtype::i32:
  case Dtype::u32:
  case Dtype::f32:
    return 32;
  case Dtype::i64:
    return 64;
  }
  return 0;
}

/// Whether several elements share a word: codes of weights.
constexpr bool sharesWords(Dtype type) {
  return type == Dtype::u4 || type == Dtype::s8;
}

/// Whether values below zero are among those of a type.
constexpr bool isSigned(Dtype type) {
  return type != Dtype::b1 && type != Dtype::u4 && type != Dtype::u8 &&
         type != Dtype::u32;
}

constexpr bool isFloat(Dtype type) {
  return type == Dtype::f8e4m3 || type == Dtype::f8e5m2 || type == Dtype::f16 ||
         type == Dtype::bf16 || type == Dtype::f32;
}

/// Of whole bytes.
constexpr bool isInteger(Dtype type) {
  return !isFloat(type) && !sharesWords(type) && type != Dtype::b1;
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
  case Dtype::b1:
    return "b1";
  case Dtype::i8:
    return "i8";
  case Dtype::u8:
    return "u8";
  case Dtype::u32:
    return "u32";
  case Dtype::i64:
    return "i64";
  case Dtype::f8e4m3:
    return "f8e4m3";
  case Dtype::f8e5m2:
    return "f8e5m2";
  }
  return "?";
}

inline std::optional<Dtype> parseDtype(std::string_view text) {
  for (Dtype type : {Dtype::b1, Dtype::u4, Dtype::s8, Dtype::i8, Dtype::u8,
                     Dtype::i32, Dtype::u32, Dtype::i64, Dtype::f8e4m3,
                     Dtype::f8e5m2, Dtype::f16, Dtype::bf16, Dtype::f32})
    if (text == name(type))
      return type;
  return std::nullopt;
}

} // namespace lath
