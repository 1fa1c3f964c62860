// One block that computes with whole arrays, on the emulator: what tests of
// single operations of the language are made of.
#pragma once

#include "compiler/Compile.h"
#include "tests/emulator/Ptx.h"

#include <catch2/catch.hpp>

#include <functional>
#include <random>
#include <string>
#include <vector>

namespace lath::test {

template <typename T> constexpr Dtype dtypeOf() {
  if constexpr (std::is_same_v<T, float>)
    return Dtype::f32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return Dtype::i64;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return Dtype::u32;
  else
    return Dtype::i32;
}

inline std::int64_t count(const Shape &shape) {
  std::int64_t elements = 1;
  for (std::int64_t extent : shape)
    elements *= extent;
  return elements;
}

inline CompileOptions onWarps(int warps, const std::string &gpu = "sm_90a") {
  CompileOptions options;
  options.target = &target(gpu);
  options.warps = warps;
  options.verifyEach = true;
  return options;
}

/// A tile of a whole view.
inline std::vector<At> whole(Program &p, const Shape &shape) {
  std::vector<At> at;
  for (std::int64_t extent : shape)
    at.push_back(p.range(p.constant(0), extent));
  return at;
}

/// What `compute` makes of a tile x of this shape, all in one block.
template <typename Out, typename In>
std::vector<std::vector<Out>>
applyAll(const Shape &shape, const std::vector<In> &x, int warps,
         const std::function<std::vector<Tile>(Program &, Tile)> &compute) {
  Program p("apply");
  View in = p.view("x", dtypeOf<In>(), {shape.begin(), shape.end()});
  auto device = openEmulator();
  DeviceBuffer from = uploaded(device, x);
  std::vector<std::uint64_t> arguments{from.get()};
  std::vector<DeviceBuffer> results;
  for (const Tile &y : compute(p, in.load(whole(p, shape)))) {
    REQUIRE(y.dtype() == dtypeOf<Out>());
    View out = p.view("y" + std::to_string(results.size()), y.dtype(),
                      {y.shape().begin(), y.shape().end()});
    out.store(whole(p, y.shape()), y);
    results.push_back(
        uploaded(device, std::vector<Out>(count(y.shape()), Out(77))));
    arguments.push_back(results.back().get());
  }
  Ptx ptx = compile(p, onWarps(warps)).ptx;
  device->load(ptx)->launch(nullptr, {}, arguments);
  std::vector<std::vector<Out>> values;
  for (DeviceBuffer &result : results)
    values.push_back(downloaded<Out>(*device, result));
  return values;
}
template <typename Out, typename In>
std::vector<Out> apply(const Shape &shape, const std::vector<In> &x, int warps,
                       const std::function<Tile(Program &, Tile)> &compute) {
  return applyAll<Out>(shape, x, warps,
                       [&](Program &p, Tile t) {
                         return std::vector<Tile>{compute(p, t)};
                       })
      .front();
}

/// The lines of an array along a dimension: `visit(values, write)`, where
/// `write(i, value)` goes to element i of that line of the result, which has
/// `extent` elements along it.
template <typename Out, typename In, typename F>
std::vector<Out> alongLines(const Shape &shape, int dim, std::int64_t extent,
                            const std::vector<In> &x, F &&visit) {
  std::int64_t inner = 1, length = shape[dim];
  for (std::size_t d = dim + 1; d < shape.size(); ++d)
    inner *= shape[d];
  const std::int64_t outer = count(shape) / inner / length;
  std::vector<Out> result(outer * extent * inner);
  for (std::int64_t o = 0; o < outer; ++o)
    for (std::int64_t i = 0; i < inner; ++i) {
      std::vector<In> line;
      for (std::int64_t j = 0; j < length; ++j)
        line.push_back(x[(o * length + j) * inner + i]);
      visit(line, [&](std::int64_t j, Out value) {
        result[(o * extent + j) * inner + i] = value;
      });
    }
  return result;
}

/// Shapes of each rank whose dimensions lie in registers, lanes and warps.
inline const std::vector<Shape> &shapes() {
  static const std::vector<Shape> all{
      {1024},  {8},        {16, 64},      {128, 4},       {1, 256},
      {64, 1}, {4, 8, 32}, {2, 4, 2, 16}, {2, 2, 4, 4, 8}};
  return all;
}

/// `check(shape, dim, warps)` for all of these, and warps of 1 to 8.
template <typename F> void forLines(F &&check) {
  for (const Shape &shape : shapes())
    for (int dim = 0; dim < (int)shape.size(); ++dim)
      for (int warps : {1, 2, 8}) {
        CAPTURE(shape, dim, warps);
        check(shape, dim, warps);
      }
}

/// Random whole numbers from -range to range, fewer of them than elements, so
/// that some are equal.
template <typename T>
std::vector<T> wholeNumbers(std::int64_t count, unsigned seed, int range) {
  std::mt19937 random(seed);
  std::uniform_int_distribution<int> number(-range, range);
  std::vector<T> values;
  for (std::int64_t i = 0; i < count; ++i)
    values.push_back(static_cast<T>(number(random)));
  return values;
}

} // namespace lath::test
