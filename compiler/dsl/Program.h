// The embedded tile language: C++ values that stand for tiles on a GPU.
//
// A Program is one kernel. Every call appends an operation to its tile IR;
// nothing runs. A block of threads executes the program once; a Tile is a
// small dense array that the block holds in its registers, laid out by the
// compiler. The language says what is computed; a Schedule and the passes
// decide how.
//
//   Program p("add");
//   Index n = p.scalar("n");
//   View a = p.view("a", Dtype::f32, {n}), b = p.view("b", Dtype::f32, {n});
//   View c = p.view("c", Dtype::f32, {n});
//   Range r = p.range(p.programId(0), 1024);
//   c.store({r}, a.load({r}) + b.load({r}));
//
// All handles are small values that refer to their Program and are valid as
// long as it lives. Wrong use throws Error{invalidProgram} at the call, with
// the operands and their shapes, and a note of where the call stands. Not
// thread safe; use one Program per thread.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/base/Dtype.h"
#include "compiler/base/Error.h"
#include "compiler/dsl/Index.h"
#include "compiler/dsl/Tile.h"
#include "compiler/dsl/View.h"
#include "compiler/ir/Layout.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace lath {

/// Coordinates 0, step, 2 step, ... below `extent`: the loop that a schedule
/// may split over blocks. The body gets the step's range.
struct KRange {
  Extent extent;
  std::int64_t step;
};
/// Coordinates begin, begin + step, ... below `end`; never split. The body gets
/// the step's range.
struct Steps {
  Index begin, end;
  std::int64_t step;
};
/// The integers begin, begin + stride, ... below `end`. The body gets one.
struct Each {
  Index begin, end, stride;
};

/// What a loop or a branch carries.
using Carried = std::variant<Tile, Index, Bool>;

/// One kernel in the tile language. Owns its IR.
class LATH_API Program {
public:
  explicit Program(std::string name, Source where = Source::current());
  Program(Program &&) = delete;
  ~Program();

  // Parameters, in launch order.

  /// A 32-bit integer argument. `multipleOf`, a power of two, is a promise
  /// about its values that makes better code (rows that are vectors) and that
  /// every launch checks.
  Index scalar(const std::string &name, std::int64_t multipleOf = 1,
               Source where = Source::current());
  /// A number argument: a tile of one element, f32, i32, u32 or i64.
  Tile scalar(const std::string &name, Dtype dtype,
              Source where = Source::current());
  /// An array argument, row-major, dense. `packedDim` is the dimension that a
  /// view of u4 or s8 packs along, whose extent is a multiple of 8 or 4.
  View view(const std::string &name, Dtype dtype,
            const std::vector<Extent> &extents, int packedDim = -1,
            Source where = Source::current());
  /// An array argument whose element [i, j, ...] lies i strides[0] + j
  /// strides[1] + ... elements behind its first.
  View view(const std::string &name, Dtype dtype,
            const std::vector<Extent> &extents,
            const std::vector<Extent> &strides,
            Source where = Source::current());
  /// A u4 matrix [K, N] stored in atoms: `atom` gives the order of the elements
  /// of one, [a, b], in memory (offset bits, in 4-bit elements; see
  /// weightAtom). Atom (i, j) is the (i N / b + j)-th. K and N are multiples of
  /// a and b, and so is every tile that is loaded or stored.
  View view(const std::string &name, std::int64_t k, std::int64_t n,
            const Layout &atom, Source where = Source::current());
  /// The same for an array that stays as it is, weights say: a dependent launch
  /// reads it before the launches ahead are done. Cannot be stored to.
  View constantView(const std::string &name, Dtype dtype,
                    const std::vector<Extent> &extents, int packedDim = -1,
                    Source where = Source::current());
  View constantView(const std::string &name, std::int64_t k, std::int64_t n,
                    const Layout &atom, Source where = Source::current());

  // Where this block is.

  /// This block's position in the launch grid, axis 0 to 2.
  Index programId(int axis, Source where = Source::current());
  /// The extent of the launch grid along an axis.
  Index numPrograms(int axis, Source where = Source::current());
  Index constant(std::int64_t value, Source where = Source::current());
  /// Coordinates [index * extent, index * extent + extent).
  Range range(IndexOperand index, std::int64_t extent,
              Source where = Source::current());

  // Tiles of one value.

  Tile splat(double value, Dtype dtype, const Shape &shape,
             Source where = Source::current());
  Tile zeros(const Shape &shape, Dtype dtype = Dtype::f32,
             Source where = Source::current());

  // Loops and branches. What they carry is a Tile, an Index, a Bool or a tuple
  // of these, and goes into the body and out of it with the same types:
  //
  //   auto [m, l] = p.loop(p.steps(0, n, 64), std::tuple{m0, l0},
  //                        [&](Range k, Tile m, Tile l) {
  //                          ...
  //                          return std::tuple{m, l};
  //                        });
  //
  // `schedule` has words that hold for this loop and what is in it, in place of
  // the kernel's: "st2", "st3,scales=sums". Throws Error{invalidSpec} where it
  // is no such text, or a word is not a loop's.

  KRange kRange(Extent extent, std::int64_t step,
                Source where = Source::current());
  Steps steps(IndexOperand begin, IndexOperand end, std::int64_t step,
              Source where = Source::current());
  Each each(IndexOperand begin, IndexOperand end, IndexOperand stride = 1,
            Source where = Source::current());

  template <typename Coordinates, typename State, typename Body>
    requires(!std::invocable<State, Range> && !std::invocable<State, Index>)
  auto loop(const Coordinates &range, const State &init, Body &&body,
            std::string_view schedule = {}, Source where = Source::current());
  /// With nothing carried.
  template <typename Coordinates, typename Body>
    requires std::invocable<Body, Range> || std::invocable<Body, Index>
  void loop(const Coordinates &range, Body &&body,
            std::string_view schedule = {}, Source where = Source::current());

  /// `then` where the condition holds: what it returns, else `init`.
  template <typename State, typename Then>
    requires(!std::invocable<State>)
  auto when(Bool condition, const State &init, Then &&then,
            Source where = Source::current());
  template <std::invocable Then>
  void when(Bool condition, Then &&then, Source where = Source::current());

  // For whoever looks for a fault.

  /// Prints "name(block) text [i, j]: value" for every element, from the
  /// device.
  void devicePrint(std::string_view text, Operand value,
                   Source where = Source::current());
  /// Ends the launch with an error unless every element of `condition` holds.
  void deviceAssert(Operand condition, std::string_view text,
                    Source where = Source::current());

  const std::string &name() const;
  /// The tile IR as text.
  std::string print() const;

  struct ProgramImpl &impl() { return *impl_; }

private:
  using States = std::vector<Carried>;
  using RangeBody = std::function<States(Range, const States &)>;
  using EachBody = std::function<States(Index, const States &)>;
  States run(const KRange &, const States &init, const RangeBody &,
             std::string_view schedule, Source);
  States run(const Steps &, const States &init, const RangeBody &,
             std::string_view schedule, Source);
  States run(const Each &, const States &init, const EachBody &,
             std::string_view schedule, Source);
  States branch(Bool, const States &init,
                const std::function<States(const States &)> &, Source);

  std::unique_ptr<struct ProgramImpl> impl_;
};

namespace detail {
template <typename T> std::vector<Carried> toStates(const T &value) {
  return {Carried(value)};
}
template <typename... T>
std::vector<Carried> toStates(const std::tuple<T...> &values) {
  return std::apply(
      [](const auto &...value) { return std::vector<Carried>{value...}; },
      values);
}
/// Throws: a loop was given an empty function.
[[noreturn]] LATH_API void noBody(Source where);
/// The inverse, for as many states as `State` has.
template <typename State> struct FromStates {
  static State get(const std::vector<Carried> &states) {
    return std::get<State>(states.at(0));
  }
  template <typename Body, typename... First>
  static auto call(Body &body, const std::vector<Carried> &states,
                   First... first) {
    return body(first..., get(states));
  }
};
template <typename... T> struct FromStates<std::tuple<T...>> {
  static std::tuple<T...> get(const std::vector<Carried> &states) {
    return [&]<std::size_t... I>(std::index_sequence<I...>) {
      return std::tuple<T...>{std::get<T>(states.at(I))...};
    }(std::index_sequence_for<T...>());
  }
  template <typename Body, typename... First>
  static auto call(Body &body, const std::vector<Carried> &states,
                   First... first) {
    return std::apply(
        [&](const T &...value) { return body(first..., value...); },
        get(states));
  }
};
} // namespace detail

template <typename Coordinates, typename State, typename Body>
  requires(!std::invocable<State, Range> && !std::invocable<State, Index>)
auto Program::loop(const Coordinates &range, const State &init, Body &&body,
                   std::string_view schedule, Source where) {
  using From = detail::FromStates<State>;
  if constexpr (requires { body == nullptr; })
    if (body == nullptr)
      detail::noBody(where);
  return From::get(run(
      range, detail::toStates(init),
      [&](auto at, const States &states) {
        return detail::toStates(From::call(body, states, at));
      },
      schedule, where));
}

template <typename Coordinates, typename Body>
  requires std::invocable<Body, Range> || std::invocable<Body, Index>
void Program::loop(const Coordinates &range, Body &&body,
                   std::string_view schedule, Source where) {
  run(
      range, {},
      [&](auto at, const States &) {
        body(at);
        return States();
      },
      schedule, where);
}

template <typename State, typename Then>
  requires(!std::invocable<State>)
auto Program::when(Bool condition, const State &init, Then &&then,
                   Source where) {
  using From = detail::FromStates<State>;
  return From::get(branch(
      condition, detail::toStates(init),
      [&](const States &states) {
        return detail::toStates(From::call(then, states));
      },
      where));
}

template <std::invocable Then>
void Program::when(Bool condition, Then &&then, Source where) {
  branch(
      condition, {},
      [&](const States &) {
        then();
        return States();
      },
      where);
}

} // namespace lath
