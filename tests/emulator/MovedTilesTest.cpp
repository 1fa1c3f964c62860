// Protects: tiles of every element type change places between lanes and warps,
// conditions too, and come through the stages of a pipelined loop.
#include "tests/emulator/Elements.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <catch2/catch.hpp>

#include <random>

using namespace lath;
using namespace lath::test;

namespace {

template <typename T> std::vector<T> numbers(std::size_t count) {
  std::mt19937_64 random(9);
  std::vector<T> values(count);
  for (T &value : values)
    value = static_cast<T>(random());
  return values;
}

template <typename T, typename Out>
std::vector<Out> launched(const Ptx &ptx, const std::vector<T> &in,
                          std::size_t outCount) {
  auto device = openEmulator();
  DeviceBuffer x = uploaded(device, in),
               out = uploaded(device, std::vector<Out>(outCount));
  device->load(ptx)->launch(nullptr, {},
                            std::vector<std::uint64_t>{x.get(), out.get()});
  return downloaded<Out>(*device, out);
}

template <typename T> void checkTransposed(Dtype dtype) {
  constexpr std::int64_t rows = 32, columns = 64;
  const std::vector<T> in = numbers<T>(rows * columns);
  for (int warps : {1, 2, 8}) {
    CAPTURE(name(dtype), warps);
    // Odd values stay.
    Program p("transposed");
    View x = p.view("x", dtype, {rows, columns});
    View out = p.view("out", dtype, {columns, rows});
    Range r = p.range(p.constant(0), rows), c = p.range(p.constant(0), columns);
    Tile tile = x.load({r, c});
    Tile odd = (tile & 1) == 1;
    out.store({c, r}, where(transpose(odd), transpose(tile), 7));
    auto result = launched<T, T>(compile(p, options("sm_90a", warps, 1)).ptx,
                                 in, rows * columns);
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < columns; ++j) {
        const T value = in[i * columns + j];
        REQUIRE(result[j * rows + i] == (value & 1 ? value : T(7)));
      }
  }
}

template <typename T> void checkSummed(Dtype dtype) {
  constexpr std::int64_t length = 4096, step = 512;
  const std::vector<T> in = numbers<T>(length);
  for (int stages : {1, 3}) {
    CAPTURE(name(dtype), stages);
    Program p("summed");
    View x = p.view("x", dtype, {length});
    View out = p.view("out", dtype, {step});
    Tile total = p.loop(p.kRange(length, step), p.zeros({step}, dtype),
                        [&](Range r, Tile sum) { return sum + x.load({r}); });
    out.store({p.range(p.constant(0), step)}, total);
    Ptx ptx = compile(p, options("sm_90a", 2, stages)).ptx;
    CHECK((ptx.text.find("cp.async") != std::string::npos) == (stages > 1));
    auto result = launched<T, T>(ptx, in, step);
    for (std::int64_t i = 0; i < step; ++i) {
      T expected = 0;
      for (std::int64_t at = i; at < length; at += step)
        expected =
            static_cast<T>(std::uint64_t(expected) + std::uint64_t(in[at]));
      REQUIRE(result[i] == expected);
    }
  }
}

} // namespace

TEST_CASE("moved: transposed, with conditions") {
  checkTransposed<std::int8_t>(Dtype::i8);
  checkTransposed<std::uint8_t>(Dtype::u8);
  checkTransposed<std::int32_t>(Dtype::i32);
  checkTransposed<std::int64_t>(Dtype::i64);
}

TEST_CASE("moved: through the stages of a loop") {
  checkSummed<std::uint8_t>(Dtype::u8);
  checkSummed<std::int32_t>(Dtype::i32);
  checkSummed<std::int64_t>(Dtype::i64);
}
