// Protects the text of spaces and choices, and what they refuse.
#include "kernels/programs/ProgramSpace.h"
#include "compiler/base/Target.h"
#include "tests/unit/ErrorOf.h"

#include <set>

using namespace lath;
using namespace lath::test;

namespace {

const ProgramSpace space("bm=64|128 bk=32|64 w=4|8 st=2|3 mma=warp|warpgroup");

} // namespace

TEST_CASE("a space has every combination of its values, once") {
  CHECK(space.size() == 32);
  std::set<std::string> texts;
  for (std::size_t i = 0; i < space.size(); ++i) {
    const ProgramChoice choice = space.at(i);
    CHECK(space.parse(print(choice)) == choice);
    texts.insert(print(choice));
  }
  CHECK(texts.size() == 32);
  CHECK(texts.contains("bm128bk32w8st3s1,mma=warpgroup"));
  CHECK(texts.contains("bm64bk64w4st2s1"));
  CHECK(space.text() == "bm=64|128 bk=32|64 w=4|8 st=2|3 mma=warp|warpgroup");
  CHECK(ProgramSpace(space.text()).text() == space.text());
}

TEST_CASE("what a choice leaves out is the first, or that of another choice") {
  CHECK(print(space.parse("")) == "bm64bk32w4st1s1");
  CHECK(print(space.parse("bk64w8")) == "bm64bk64w8st1s1");
  const ProgramChoice other = space.parse("bm128w8st3s4,mma=warpgroup");
  CHECK(other.schedule.reduce == Reduce::ordered);
  CHECK(other["bm"] == 128);
  // Options have one default for all: what is not printed is not meant.
  CHECK(print(space.parse("bk64", other)) == "bm128bk64w8st3s4");
  CHECK(print(space.parse("s1", other)) == "bm128bk32w8st3s1");
}

TEST_CASE("a split of a space is reduced as usual, unless it says how") {
  const ProgramSpace split("s=1|2");
  CHECK(split.at(0).schedule.reduce == Reduce::none);
  CHECK(split.at(1).schedule.reduce == Reduce::ordered);
  const ProgramSpace both("s=1|2 reduce=none|cluster");
  int legal = 0;
  for (std::size_t i = 0; i < both.size(); ++i)
    legal += refusal(both.at(i), target("sm_90a")).empty();
  CHECK(legal == 2);
  CHECK(refusal(both.parse("s2,reduce=cluster"), target("sm_80")) ==
        "sm_80 has no thread-block clusters (sm_90 and later have)");
  CHECK(refusal(space.parse("w4st1,mma=warpgroup"), target("sm_90a")) ==
        "mma=warpgroup reads from copy stages: it needs st = 2 or more, got 1");
}

TEST_CASE("choices that a space does not have are refused") {
  for (auto [text, message] : {
           std::pair{"bm96", "bm = 96 is none of 64, 128; the nearest is 64"},
           std::pair{"bn64",
                     "unknown field 'bn' at character 1; the nearest is 'bm', "
                     "and all are bm, bk, w, kw, st, s"},
           std::pair{"w3",
                     "w = 3 is not a power of two; the nearest are 2 and 4"},
           std::pair{"w4,mma=warps",
                     "mma = 'warps' at character 8 is not known; the nearest "
                     "is 'warp', and all are warp, warpgroup"},
       }) {
    Error error = errorOf([&] { space.parse(text); });
    CHECK(error.kind() == ErrorKind::invalidSpec);
    CHECK(error.message() == message);
  }
  CHECK(messageOf([] { space.parse("bm64")["bn"]; }) ==
        "expected one of the extents bm, bk, got 'bn'");
}

TEST_CASE("texts that are no space are refused") {
  for (auto [text, message] : {
           std::pair{"bm", "expected a key of letters and its values, like "
                           "bm=64|128, got 'bm'"},
           std::pair{"b2=64", "expected a key of letters and its values, like "
                              "bm=64|128, got 'b2'"},
           std::pair{"bm=", "bm = '' is no whole number of 1..16777216"},
           std::pair{"bm=64|x", "bm = 'x' is no whole number of 1..16777216"},
           std::pair{"bm=0", "bm = '0' is no whole number of 1..16777216"},
           std::pair{"bm=64 bm=32", "bm is given twice"},
           std::pair{"w=3",
                     "w = 3 is not a power of two; the nearest are 2 and 4"},
           std::pair{"mma=warps", "mma = 'warps' is not known; the nearest is "
                                  "'warp', and all are warp, warpgroup"},
       }) {
    Error error = errorOf([&, text = text] { ProgramSpace{text}; });
    CHECK(error.kind() == ErrorKind::invalidProgram);
    CHECK(error.message() == message);
  }
}
