// Records of weight formats: numbers that files hold, names, and how codes and
// zero points are stored.
#include "kernels/gemm/GemmSpec.h"
#include "kernels/tuned/TuningTable.h"

#include "compiler/base/Error.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

#include <set>
#include <string>
#include <vector>

using namespace lath;

TEST_CASE("numbers of weight formats in databases keep their meaning",
          "[formats]") {
  REQUIRE(weightFormatNumbered(0));
  CHECK(weightFormatNumbered(0)->name == "u4");
  CHECK(weightFormatNumbered(1)->name == "u4z1");
  CHECK(weightFormatNumbered(2)->name == "u4z");
  CHECK(weightFormatNumbered(3)->name == "s8");
  CHECK(weightFormatNumbered(-1) == nullptr);
  CHECK(weightFormatNumbered(1000) == nullptr);
  CHECK(static_cast<int>(WeightLayout::gptq) == 0);
  CHECK(static_cast<int>(WeightLayout::packed) == 1);
}

TEST_CASE("a weight format has one name, number and pair of codes and zeros",
          "[formats]") {
  std::set<std::string_view> names;
  std::set<int> numbers;
  for (const WeightFormat &format : weightFormats) {
    INFO(format.name);
    CHECK(names.insert(format.name).second);
    CHECK(numbers.insert(format.number).second);
    CHECK(findWeightFormat(format.codes, format.zeros) == &format);
    CHECK(weightFormatNumbered(format.number) == &format);
    CHECK(weightFormatNamed(format.name) == &format);
    CHECK(format.zero >= format.leastCode());
    CHECK(format.zero <= format.mostCode());
  }
  CHECK(weightFormatNamed("u5") == nullptr);
}

TEST_CASE("specs and tuning problems name every weight format", "[formats]") {
  for (const WeightFormat &format : weightFormats)
    for (WeightLayout layout : {WeightLayout::gptq, WeightLayout::packed}) {
      if (!format.supports(layout))
        continue;
      GemmSpec spec{.m = 8, .n = 64, .k = 128};
      spec.w = format.codes;
      spec.zeros = format.zeros;
      spec.layout = layout;
      INFO(print(spec));
      CHECK(parseGemmSpec(print(spec)) == spec);
      TuningEntry entry;
      entry.problem = tuningProblem(spec);
      entry.place.gpu = "a GPU";
      Measurement &m = entry.measurement;
      m.median = m.p10 = m.p90 = 1;
      m.replays = 19;
      CHECK(specOf(entry.problem) == spec);
      TuningTable table;
      table.add(entry);
      CHECK(TuningTable::fromJson(table.toJson(), "text") == table);
    }
}

TEST_CASE("codes that no weight format has are refused", "[formats]") {
  GemmSpec spec{.m = 8, .n = 64, .k = 128};
  spec.w = Dtype::f32;
  try {
    validate(spec);
    FAIL("accepted");
  } catch (const Error &error) {
    CHECK(error.kind() == ErrorKind::invalidSpec);
    CHECK(error.message().starts_with(
        "no format has weights of f32 without zero points; all are u4, u4z, "
        "u4z1, s8"));
  }
}

TEST_CASE("a word of codes gives back what was stored in it", "[formats]") {
  for (const WeightFormat &format : weightFormats) {
    INFO(format.name);
    for (int at = 0; at < format.perWord(); ++at)
      for (int q = format.leastCode(); q <= format.mostCode(); ++q) {
        const unsigned shift = format.bits() * static_cast<unsigned>(at);
        const std::uint32_t others = ~(format.stored(-1) << shift);
        REQUIRE(format.code(format.stored(q) << shift, at) == q);
        REQUIRE(format.code(format.stored(q) << shift | others, at) == q);
        REQUIRE(format.readZero(format.storedZero(q) << shift, at) == q);
      }
  }
  CHECK(weightFormatNamed("u4z")->storedZero(0) == 0);
  CHECK(weightFormatNamed("u4z1")->storedZero(8) == 7);
  CHECK(weightFormatNamed("u4z1")->storedZero(0) == 15);
}

TEST_CASE("bytes of weights by format", "[formats]") {
  const WeightBytes plain = weightFormatNamed("u4")->bytes(64, 256, 2),
                    zeros = weightFormatNamed("u4z")->bytes(64, 256, 2),
                    bytes = weightFormatNamed("s8")->bytes(64, 256, 2);
  CHECK(bytes.codes == 16384);
  CHECK(bytes.scales == 256);
  CHECK(bytes.zeros == 0);
  CHECK(plain.codes == 8192);
  CHECK(plain.scales == 256);
  CHECK(plain.zeros == 0);
  CHECK(zeros.codes == 8192);
  CHECK(zeros.scales == 256);
  CHECK(zeros.zeros == 64);
}

TEST_CASE("a layout that a weight format does not have is refused",
          "[formats]") {
  GemmSpec spec = parseGemmSpec("m8n64k128,w=s8");
  CHECK(spec.w == Dtype::s8);
  CHECK(spec.zeros == Zeros::symmetric);
  spec.layout = WeightLayout::packed;
  try {
    validate(spec);
    FAIL("accepted");
  } catch (const Error &error) {
    CHECK(error.kind() == ErrorKind::invalidSpec);
    CHECK(error.message() ==
          "layout = packed is not for w = s8; the nearest is gptq");
  }
  spec = parseGemmSpec("m8n64k128,w=s8");
  spec.zeros = Zeros::v2;
  try {
    validate(spec);
    FAIL("accepted");
  } catch (const Error &error) {
    CHECK(error.kind() == ErrorKind::invalidSpec);
    CHECK(error.message() ==
          "no format has weights of s8 with zero points; all are u4, u4z, "
          "u4z1, s8");
  }
}
