// Protects the target table and what its look-ups say about unknown names.
#include "compiler/base/Target.h"
#include "tests/unit/ErrorOf.h"

#include "compiler/base/Nearest.h"

#include <string>

using namespace lath;
using lath::test::errorOf;

TEST_CASE("targets are found by their name, with or without the a") {
  for (auto [text, name] : {std::pair("sm_80", "sm_80"),
                            {"sm_86", "sm_86"},
                            {"sm_89", "sm_89"},
                            {"sm_90a", "sm_90a"},
                            {"sm_90", "sm_90a"},
                            {"sm_100", "sm_100a"},
                            {"sm_120", "sm_120a"}})
    CHECK(target(text).name == name);
}

TEST_CASE("an unknown target names the nearest one") {
  auto messageOf = [](std::string_view name) {
    Error error = errorOf([&] { target(name); });
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(error.notes().at(0) ==
          "the targets are sm_80, sm_86, sm_89, sm_90a, sm_100a, sm_120a");
    return error.message();
  };
  CHECK(messageOf("sm_88") == "no target 'sm_88'; the nearest is sm_80");
  CHECK(messageOf("SM_90A") == "no target 'SM_90A'; the nearest is sm_90a");
  CHECK(messageOf("sm90a") == "no target 'sm90a'; the nearest is sm_90a");
  CHECK(messageOf("sm_80a") == "no target 'sm_80a'; the nearest is sm_80");
  CHECK(messageOf("sm_") == "no target 'sm_'; the nearest is sm_80");
  messageOf("");
  messageOf(std::string(1 << 20, 'x'));
}

TEST_CASE("a device gets the target whose code it runs") {
  CHECK(targetForDevice(8, 0).name == "sm_80");
  CHECK(targetForDevice(8, 6).name == "sm_86");
  CHECK(targetForDevice(8, 7).name == "sm_86");
  CHECK(targetForDevice(8, 9).name == "sm_89");
  CHECK(targetForDevice(9, 0).name == "sm_90a");
  CHECK(targetForDevice(10, 0).name == "sm_100a");
  CHECK(targetForDevice(12, 0).name == "sm_120a");
}

TEST_CASE("a device that runs none of the targets is refused") {
  // sm_100a code runs on 10.0 alone, not on its successor 10.3.
  for (auto [major, minor] :
       {std::pair(7, 5), {9, 1}, {10, 3}, {12, 1}, {13, 0}, {0, 0}, {-1, 0}}) {
    Error error = errorOf(
        [&, major = major, minor = minor] { targetForDevice(major, minor); });
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(error.message() == "no target for a device of compute capability " +
                                 std::to_string(major) + "." +
                                 std::to_string(minor));
    CHECK(error.notes().at(0) ==
          "there is code for 8.0 (sm_80), 8.6 (sm_86), 8.9 (sm_89), 9.0 "
          "(sm_90a), 10.0 (sm_100a), 12.0 (sm_120a)");
  }
}

TEST_CASE("the table has the limits of the programming guide") {
  const Target &a100 = target("sm_80");
  CHECK(a100.maxSharedBytes == 166912);
  CHECK(a100.sharedBytesPerSm == 167936);
  CHECK(a100.threadsPerSm == 2048);
  CHECK(a100.smCount == 108);
  CHECK(a100.registersPerSm == 65536);
  CHECK_FALSE(a100.hasVectorRed());
  const Target &h200 = target("sm_90a");
  CHECK(h200.maxSharedBytes == 232448);
  CHECK(h200.sharedBytesPerSm == 233472);
  CHECK(h200.smCount == 132);
  CHECK(h200.hasVectorRed());
  CHECK(target("sm_86").maxSharedBytes == 101376);
  CHECK(target("sm_89").threadsPerSm == 1536);

  // A block may ask for all of an SM but the kilobyte the system keeps.
  unsigned last = 0;
  for (const Target &each : targets()) {
    CHECK(each.sharedBytesPerSm - each.maxSharedBytes == 1024);
    CHECK(each.capability > last);
    last = each.capability;
    // ptxas takes vector red on sm_90 from PTX 8.1 only.
    if (each.hasVectorRed())
      CHECK(each.ptxVersion >= 81);
  }
}

TEST_CASE("edit distance counts insertions, deletions and replacements") {
  CHECK(editDistance("", "") == 0);
  CHECK(editDistance("abc", "") == 3);
  CHECK(editDistance("", "abc") == 3);
  CHECK(editDistance("kitten", "sitting") == 3);
  CHECK(editDistance("ordered", "orderd") == 1);
  CHECK(editDistance("ABC", "abc") == 0);
}
