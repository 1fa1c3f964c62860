// What lath-stress shows at full size, small.

#include "../TemporaryFolder.h"
#include "tools/stress/Page.h"

#include <catch2/catch.hpp>

using namespace lath::stress;
using lath::test::TemporaryFolder;

TEST_CASE("threads of many processes build a cold key once",
          "[cache][threads]") {
  TemporaryFolder folder;
  ColdKey f = coldKey((folder / "cache").string(), 6, 4, 10, 5);
  CHECK(f.compiles == 10);
  CHECK(f.roundsNotOne == 0);
  CHECK(f.wrong == 0);
  CHECK(f.failed == 0);
}

TEST_CASE("a kill while writing leaves nothing wrong", "[cache]") {
  TemporaryFolder folder;
  Kills f = kills((folder / "cache").string(), 40, 7);
  CHECK(f.kills == 40);
  CHECK(f.atCalls == 10);
  CHECK(f.midWrite == 10);
  CHECK(f.badLoads == 0);
  CHECK(f.damagedSeen == 0);
  CHECK(f.notServed == 0);
  CHECK(f.leftovers > 0);
  CHECK(f.leftoversNextDay == 0);
}

TEST_CASE("every changed byte and every length is noticed", "[cache]") {
  TemporaryFolder folder;
  Damage f = damage((folder / "cache").string(), 600, {0x01, 0x20, 0xff}, 101);
  CHECK(f.flips == 3 * f.fileBytes);
  CHECK(f.truncations == f.fileBytes);
  CHECK(f.undetected == 0);
  CHECK(f.unexplained == 0);
  CHECK(f.notReplaced == 0);
}

TEST_CASE("a disk that fails at any call costs one warning", "[cache]") {
  TemporaryFolder folder;
  Faults f = faults(folder.path().string());
  CHECK(f.injected > 500);
  for (const char *name : {"openat", "mkdirat", "write", "fsync", "renameat",
                           "close", "fchmod", "setLock", "read"}) {
    INFO(name);
    bool called = false;
    for (const Faults::Call &call : f.calls)
      called |= call.name == name && call.injected >= 15;
    CHECK(called);
  }
  CHECK(f.notServed == 0);
  CHECK(f.badLoads == 0);
  CHECK(f.noisy == 0);
  CHECK(f.silent == 0);
  CHECK(f.lost == 0);
  CHECK(f.leftovers == 0);
}

TEST_CASE("attacks on the folder are refused with a message", "[cache]") {
  TemporaryFolder folder;
  std::vector<Attack> all = attacks(folder.path().string());
  CHECK(all.size() >= 12);
  for (const Attack &attack : all) {
    INFO(attack.name);
    CHECK(attack.problem == "");
    CHECK(attack.said != "");
  }
}

TEST_CASE("the page and the verdict follow from the figures", "[cache]") {
  Figures figures;
  figures.cold = {
      .processes = 64, .threads = 8, .rounds = 100, .compiles = 100};
  CHECK(problems(figures).empty());
  CHECK(page(figures).find("| 64 × 8 × 100 |") != std::string::npos);
  figures.cold.compiles = 101;
  figures.damage.undetected = 2;
  figures.attacks = {{"a FIFO", "", "was loaded"}};
  CHECK(problems(figures) ==
        std::vector<std::string>{"cold key: compiles: 101, expected 100",
                                 "damage: loaded: 2, expected 0",
                                 "attack: a FIFO: was loaded"});
  CHECK(page(figures).find("| a FIFO | WRONG: was loaded |") !=
        std::string::npos);
}
