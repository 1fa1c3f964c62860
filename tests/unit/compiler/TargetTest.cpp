// Protects the table of targets and GPUs, what its look-ups say about unknown
// names, and that the emulator and the occupancy calculator follow it.
#include "compiler/base/Target.h"

#include "compiler/base/Nearest.h"
#include "compiler/base/Occupancy.h"
#include "runtime/EmulatedDevice.h"
#include "tests/unit/ErrorOf.h"

#include <fmt/format.h>

#include <set>
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
                            {"sm_103", "sm_103a"},
                            {"sm_120", "sm_120a"}})
    CHECK(target(text).name == name);
}

TEST_CASE("an unknown target names the nearest one") {
  auto messageOf = [](std::string_view name) {
    Error error = errorOf([&] { target(name); });
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(error.notes().at(0) == "the targets are sm_80, sm_86, sm_89, sm_90a, "
                                 "sm_100a, sm_103a, sm_120a");
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
  CHECK(targetForDevice(10, 3).name == "sm_103a");
  CHECK(targetForDevice(12, 0).name == "sm_120a");
}

TEST_CASE("a device that runs none of the targets is refused") {
  // sm_120a code runs on 12.0 alone, not on its successor 12.1.
  for (auto [major, minor] :
       {std::pair(7, 5), {9, 1}, {10, 1}, {12, 1}, {13, 0}, {0, 0}, {-1, 0}}) {
    Error error = errorOf(
        [&, major = major, minor = minor] { targetForDevice(major, minor); });
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(error.message() == "no target for a device of compute capability " +
                                 std::to_string(major) + "." +
                                 std::to_string(minor));
    CHECK(error.notes().at(0) ==
          "there is code for 8.0 (sm_80), 8.6 (sm_86), 8.9 (sm_89), 9.0 "
          "(sm_90a), 10.0 (sm_100a), 10.3 (sm_103a), 12.0 (sm_120a)");
  }
}

TEST_CASE("the table has the limits of the programming guide") {
  const Target &a100 = target("sm_80");
  CHECK(a100.maxSharedBytes == 166912);
  CHECK(a100.sharedBytesPerSm == 167936);
  CHECK(a100.threadsPerSm == 2048);
  CHECK(a100.gpu().sms == 108);
  CHECK(a100.registersPerSm == 65536);
  CHECK_FALSE(a100.hasVectorRed());
  const Target &h200 = target("sm_90a");
  CHECK(h200.maxSharedBytes == 232448);
  CHECK(h200.sharedBytesPerSm == 233472);
  CHECK(h200.gpu().sms == 132);
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

TEST_CASE("products are found by their name, and one stands for all") {
  const Target &hopper = target("sm_90a");
  CHECK(hopper.gpu().name == "NVIDIA H200");
  CHECK(hopper.gpu("NVIDIA H100 PCIe").sms == 114);
  CHECK(hopper.gpu("NVIDIA H100 80GB HBM3").dram == 3.35);
  CHECK(hopper.gpu("a name that no driver says").name == "NVIDIA H200");
  CHECK(target("sm_86").gpu().sms == 84);
  CHECK(target("sm_89").gpu().sms == 142);
  CHECK(target("sm_120a").gpu().sms == 170);

  std::set<std::string_view> names;
  for (const Target &each : targets()) {
    INFO(each.name);
    REQUIRE(!each.gpus.empty());
    for (const Gpu &gpu : each.gpus) {
      INFO(gpu.name);
      CHECK(names.insert(gpu.name).second);
      CHECK(gpu.sms >= 56);
      CHECK(gpu.dram >= 0.3);
      CHECK(gpu.dram <= 8);
      CHECK(gpu.l2Bytes >= 6u << 20);
      CHECK(gpu.l2Bytes <= 128u << 20);
    }
  }
}

TEST_CASE("an SM holds the blocks that it has room for") {
  const Target &h200 = target("sm_90a");
  Occupancy o = occupancy(h200, 128, 0, 0);
  CHECK(o.blocks == 16);
  CHECK(o.limit == "threads");
  CHECK(o.warps == 64);
  CHECK(o.maxWarps == 64);
  o = occupancy(h200, 32, 0, 0);
  CHECK(o.blocks == 32);
  CHECK(o.limit == "blocks");
  CHECK(occupancy(target("sm_86"), 32, 0, 0).blocks == 16);
  CHECK(occupancy(target("sm_89"), 32, 0, 0).blocks == 24);
  CHECK(occupancy(target("sm_120a"), 32, 0, 0).blocks == 24);
  // 228 KiB of an SM: two blocks of 113 KiB and the system's one each, but not
  // of a byte more, which takes another 128.
  CHECK(occupancy(h200, 128, 0, 113 * 1024).blocks == 2);
  o = occupancy(h200, 128, 0, 113 * 1024 + 1);
  CHECK(o.blocks == 1);
  CHECK(o.limit == "shared memory");
  o = occupancy(h200, 128, 255, 0);
  CHECK(o.blocks == 2);
  CHECK(o.limit == "registers");
}

TEST_CASE("the emulator has the SMs, limits and L2 of its target") {
  for (const Target &each : targets()) {
    INFO(each.name);
    auto device = openEmulator(each.name);
    CHECK(device->info().target == each.name);
    CHECK(device->info().smCount == each.gpu().sms);
    CHECK(device->info().l2Bytes == each.gpu().l2Bytes);
    CHECK(&targetForDevice(device->info().major, device->info().minor) ==
          &each);
    Ptx ptx;
    ptx.text = fmt::format(".version 8.7\n.target {}\n.address_size 64\n"
                           ".visible .entry nothing() {{ ret; }}\n",
                           each.name);
    ptx.entry = "nothing";
    ptx.target = each.name;
    ptx.threads = 32;
    CHECK(device->load(ptx)->blocksPerSm() == each.blocksPerSm);
    ptx.sharedBytes = 40 * 1024;
    CHECK(device->load(ptx)->blocksPerSm() ==
          (each.sharedBytesPerSm == 100 * 1024 ? 2
           : each.capability == 80             ? 4
                                               : 5));
  }
  CHECK(openEmulator("sm_90")->info().target == "sm_90a");
  Error error = errorOf([] { openEmulator("sm_90b"); });
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message() == "no target 'sm_90b'; the nearest is sm_90a");
}

TEST_CASE("edit distance counts insertions, deletions and replacements") {
  CHECK(editDistance("", "") == 0);
  CHECK(editDistance("abc", "") == 3);
  CHECK(editDistance("", "abc") == 3);
  CHECK(editDistance("kitten", "sitting") == 3);
  CHECK(editDistance("ordered", "orderd") == 1);
  CHECK(editDistance("ABC", "abc") == 0);
}
