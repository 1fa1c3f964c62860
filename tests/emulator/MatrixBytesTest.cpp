// Protects: mma of integers of a byte and of 8-bit floats.
#include "tests/emulator/Ptx.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

using namespace lath;
using namespace lath::test;

namespace {

using Words = std::vector<std::uint32_t>;

/// One mma of bytes: lane l's registers are words l, 32 + l, ... of the input.
std::vector<std::uint32_t> multiplyBytes(const std::string &shape,
                                         unsigned aRegisters,
                                         unsigned bRegisters,
                                         const Words &operands) {
  auto device = quietEmulator();
  DeviceBuffer in = uploaded(device, operands), out(device, 4 * 128);
  std::string body = "mul.wide.u32 %rd10, %r1, 4;\nadd.s64 %rd11, %rd1, "
                     "%rd10;\nadd.s64 %rd12, %rd2, %rd10;\n";
  auto list = [&](unsigned first, unsigned count) {
    std::string text = "{";
    for (unsigned n = first; n < first + count; ++n)
      text += fmt::format("{}%r{}", n > first ? ", " : "", 10 + n);
    return text + "}";
  };
  unsigned all = aRegisters + bRegisters + 4;
  for (unsigned n = 0; n < all; ++n)
    body += fmt::format("ld.global.b32 %r{}, [%rd11+{}];\n", 10 + n, 128 * n);
  body +=
      fmt::format("mma.sync.aligned.{} {}, {}, {}, {};\n", shape, list(all, 4),
                  list(0, aRegisters), list(aRegisters, bRegisters),
                  list(aRegisters + bRegisters, 4));
  for (unsigned n = 0; n < 4; ++n)
    body +=
        fmt::format("st.global.b32 [%rd12+{}], %r{};\n", 128 * n, 10 + all + n);
  launchOnBoth(*device, makePtx({body}, 2), {&in, &out});
  for (const Report &r : device->takeReports())
    FAIL_CHECK(print(r));
  return downloaded<std::uint32_t>(*device, out);
}

/// Fragments of bytes a(row, k), b(k, column) and sums of `start`.
template <typename A, typename B>
Words byteFragments(unsigned depth, const A &a, const B &b,
                    std::uint32_t start) {
  Words words;
  auto pack = [](const auto &byte) {
    std::uint32_t word = 0;
    for (unsigned p = 0; p < 4; ++p)
      word |= std::uint32_t{static_cast<std::uint8_t>(byte(p))} << 8 * p;
    return word;
  };
  for (unsigned r = 0; r < depth / 8; ++r)
    for (unsigned l = 0; l < 32; ++l)
      words.push_back(pack([&](unsigned p) {
        return a(l / 4 + 8 * (r & 1), l % 4 * 4 + p + 16 * (r >> 1));
      }));
  for (unsigned r = 0; r < depth / 16; ++r)
    for (unsigned l = 0; l < 32; ++l)
      words.push_back(
          pack([&](unsigned p) { return b(l % 4 * 4 + p + 16 * r, l / 4); }));
  words.resize(words.size() + 128, start);
  return words;
}

/// sum(row, column) for each result.
template <typename Sum> int wrongSums(const Words &result, const Sum &sum) {
  int wrong = 0;
  for (unsigned r = 0; r < 4; ++r)
    for (unsigned l = 0; l < 32; ++l)
      wrong +=
          result[32 * r + l] != sum(l / 4 + 8 * (r >> 1), l % 4 * 2 + (r & 1));
  return wrong;
}

} // namespace

TEST_CASE("mma multiplies bytes: integers wrap or saturate", "[gpu]") {
  auto a8 = [](unsigned row, unsigned k) {
    return static_cast<int>(row * 31 + k * 17) % 256;
  };
  auto b8 = [](unsigned k, unsigned column) {
    return static_cast<int>(k * 13 + column * 29) % 256;
  };
  for (unsigned depth : {16u, 32u})
    for (bool aSigned : {false, true})
      for (bool bSigned : {false, true})
        for (std::uint32_t start : {5u, 0x7fffffffu})
          for (bool saturates : {false, true}) {
            CAPTURE(depth, aSigned, bSigned, start, saturates);
            std::string shape =
                fmt::format("m16n8k{}.row.col{}.s32.{}.{}.s32", depth,
                            saturates ? ".satfinite" : "",
                            aSigned ? "s8" : "u8", bSigned ? "s8" : "u8");
            Words result = multiplyBytes(shape, depth / 8, depth / 16,
                                         byteFragments(depth, a8, b8, start));
            CHECK(wrongSums(result, [&](unsigned row, unsigned column) {
                    std::int64_t sum = static_cast<std::int32_t>(start);
                    for (unsigned k = 0; k < depth; ++k) {
                      int x = a8(row, k), y = b8(k, column);
                      sum += std::int64_t{aSigned ? std::int8_t(x) : x} *
                             (bSigned ? std::int8_t(y) : y);
                    }
                    if (saturates)
                      sum = std::clamp<std::int64_t>(sum, INT32_MIN, INT32_MAX);
                    return static_cast<std::uint32_t>(sum);
                  }) == 0);
          }
}

TEST_CASE("mma multiplies 8-bit floats", "[gpu]") {
  // Small integers in both formats, exact in every order of summation.
  auto e4m3 = [](int v) { // 0, 1, 2, 3, 4 and their negatives
    static constexpr int bits[] = {0x00, 0x38, 0x40, 0x44, 0x48};
    return (v < 0 ? 0x80 : 0) | bits[std::abs(v)];
  };
  auto e5m2 = [](int v) {
    static constexpr int bits[] = {0x00, 0x3c, 0x40, 0x42, 0x44};
    return (v < 0 ? 0x80 : 0) | bits[std::abs(v)];
  };
  auto a = [](unsigned row, unsigned k) {
    return int(row * 5 + k * 3) % 9 - 4;
  };
  auto b = [](unsigned k, unsigned column) {
    return int(k * 7 + column * 2) % 9 - 4;
  };
  for (bool aWide : {false, true})
    for (bool bWide : {false, true}) {
      CAPTURE(aWide, bWide);
      Words words = byteFragments(
          32,
          [&](unsigned row, unsigned k) {
            return aWide ? e5m2(a(row, k)) : e4m3(a(row, k));
          },
          [&](unsigned k, unsigned column) {
            return bWide ? e5m2(b(k, column)) : e4m3(b(k, column));
          },
          0x3f000000); // 0.5
      Words result = multiplyBytes(fmt::format("m16n8k32.row.col.f32.{}.{}.f32",
                                               aWide ? "e5m2" : "e4m3",
                                               bWide ? "e5m2" : "e4m3"),
                                   4, 2, words);
      CHECK(wrongSums(result, [&](unsigned row, unsigned column) {
              int sum = 0;
              for (unsigned k = 0; k < 32; ++k)
                sum += a(row, k) * b(k, column);
              return std::bit_cast<std::uint32_t>(static_cast<float>(sum) +
                                                  0.5f);
            }) == 0);
    }
}
