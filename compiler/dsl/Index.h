// Numbers that all threads of a block agree on: indices, conditions, and the
// ranges of coordinates that say which part of an array a tile is.
#pragma once

#include "compiler/base/Api.h"

#include <concepts>
#include <cstdint>
#include <source_location>
#include <variant>

namespace lath {

class Program;
struct ProgramImpl;

/// Where in the caller's source a call stands; for messages.
using Source = std::source_location;

namespace detail {
/// A handle that operators take by value. An operator has no parameter for the
/// place of its call, so a handle knows where it was made or copied last: where
/// it was handed over.
class LATH_API Scalar {
public:
  Scalar(Source where = Source::current()) : where_(where) {}
  Scalar(const Scalar &other, Source where)
      : program_(other.program_), value_(other.value_), where_(where) {}

  /// The program it belongs to; null if default constructed.
  Program *program() const { return program_; }
  Source where() const { return where_; }

private:
  friend struct lath::ProgramImpl;
  Program *program_ = nullptr;
  void *value_ = nullptr;
  Source where_;
};
} // namespace detail

/// A 32-bit integer, the same in all threads of a block.
class LATH_API Index : public detail::Scalar {
public:
  Index(Source where = Source::current()) : Scalar(where) {}
  Index(const Index &other, Source where = Source::current())
      : Scalar(other, where) {}
  Index &operator=(const Index &) = default;
};

/// A condition, the same in all threads of a block.
class LATH_API Bool : public detail::Scalar {
public:
  Bool(Source where = Source::current()) : Scalar(where) {}
  Bool(const Bool &other, Source where = Source::current())
      : Scalar(other, where) {}
  Bool &operator=(const Bool &) = default;
};

/// An index, or a number where one goes.
struct LATH_API IndexOperand {
  IndexOperand(Index index, Source where = Source::current())
      : value(index), where(where) {}
  template <std::integral Number>
  IndexOperand(Number number, Source where = Source::current())
      : value(std::int64_t(number)), where(where) {}

  std::variant<std::int64_t, Index> value;
  Source where;
};

namespace detail {
enum class IndexOp { add, sub, mul, div, rem, min, max, ceilDiv };
enum class Comparison { lt, le, gt, ge, eq, ne };
LATH_API Index apply(IndexOp op, IndexOperand a, IndexOperand b, Source where);
LATH_API Bool apply(Comparison op, IndexOperand a, IndexOperand b,
                    Source where);
} // namespace detail

// 32-bit arithmetic that wraps around. `/` and `%` are unsigned: both sides
// must be non-negative, the divisor positive. One side may be a number.
LATH_API Index operator+(Index a, IndexOperand b);
LATH_API Index operator-(Index a, IndexOperand b);
LATH_API Index operator*(Index a, IndexOperand b);
LATH_API Index operator/(Index a, IndexOperand b);
LATH_API Index operator%(Index a, IndexOperand b);
LATH_API Index operator-(Index a);
LATH_API Index minimum(Index a, IndexOperand b);
LATH_API Index maximum(Index a, IndexOperand b);
/// ceil(a / b), of non-negative a and positive b whose sum fits 31 bits.
LATH_API Index ceilDiv(Index a, IndexOperand b);
template <std::integral Number> Index operator+(Number a, IndexOperand b) {
  return detail::apply(detail::IndexOp::add, a, b, b.where);
}
template <std::integral Number> Index operator-(Number a, IndexOperand b) {
  return detail::apply(detail::IndexOp::sub, a, b, b.where);
}
template <std::integral Number> Index operator*(Number a, IndexOperand b) {
  return detail::apply(detail::IndexOp::mul, a, b, b.where);
}

// Comparisons are signed.
LATH_API Bool operator<(Index a, IndexOperand b);
LATH_API Bool operator<=(Index a, IndexOperand b);
LATH_API Bool operator>(Index a, IndexOperand b);
LATH_API Bool operator>=(Index a, IndexOperand b);
LATH_API Bool operator==(Index a, Index b);
LATH_API Bool operator==(Index a, std::int64_t b);
LATH_API Bool operator!=(Index a, Index b);
LATH_API Bool operator!=(Index a, std::int64_t b);

LATH_API Bool operator&(Bool a, Bool b);
LATH_API Bool operator|(Bool a, Bool b);
LATH_API Bool operator!(Bool a);

/// `a` where the condition holds, else `b`.
LATH_API Index where(Bool condition, IndexOperand a, IndexOperand b);

/// `extent` consecutive coordinates from `start`. The extent is a power of two.
struct LATH_API Range {
  Index start;
  std::int64_t extent = 0;
  /// The groups of `divisor` coordinates that this range touches: of one
  /// group, or of extent / divisor whole ones.
  Range operator/(IndexOperand divisor) const;
};

/// An extent of an array, or of a loop: known when the kernel is built, or not.
using Extent = std::variant<std::int64_t, Index>;

} // namespace lath
