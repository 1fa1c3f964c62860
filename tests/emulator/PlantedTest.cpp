// Protects: bugs planted in correct kernels are found, each by the right
// report, and the kernels without them give none: copies by threads, sums over
// blocks, dependent launches, races. (PlantedCopiesTest: the copy engine.)
#include "tests/emulator/Planted.h"

#include <catch2/catch.hpp>

using namespace lath;
using namespace lath::test;

TEST_CASE("planted bugs: copies to shared memory", "[gpu]") {
  // 64 threads copy 16 bytes each, twice; thread t reads what t ^ 32 copied.
  Planted k{
      "copies",
      {R"(
  shl.b32 %r2, %r1, 4;
  add.s32 %r3, %r0, %r2;
  cvt.u64.u32 %rd10, %r2;
  add.s64 %rd11, %rd1, %rd10;
  cp.async.cg.shared.global [%r3], [%rd11], 16;
  cp.async.commit_group; // first
  cp.async.cg.shared.global [%r3+1024], [%rd11+1024], 16;
  cp.async.commit_group; // second
  cp.async.wait_group 1;
  bar.sync 0; // one
  xor.b32 %r4, %r2, 512;
  add.s32 %r5, %r0, %r4;
  ld.shared.b32 %r6, [%r5];
  cp.async.wait_group 0;
  bar.sync 0; // two
  ld.shared.b32 %r7, [%r5+1024];
  add.s32 %r8, %r6, %r7;
  st.shared.b32 [%r3], %r8;
  bar.sync 0; // three
  ld.shared.b32 %r9, [%r5];
  shl.b32 %r12, %r1, 2;
  cvt.u64.u32 %rd12, %r12;
  add.s64 %rd13, %rd2, %rd12;
  setp.lt.u32 %p1, %r1, 64;
  @%p1 st.global.b32 [%rd13], %r9;
)",
       64, 2048},
      {512, 64},
      {1},
      {1, 1, 1},
      {
          {"no barrier after the wait", "bar.sync 0; // one", "",
           Suspicion::sharedRace},
          {"waits for too few groups", "wait_group 1;", "wait_group 2;",
           Suspicion::inFlight},
          {"last wait too early", "wait_group 0;", "wait_group 1;",
           Suspicion::inFlight},
          {"a commit forgotten", "cp.async.commit_group; // second", "",
           Suspicion::inFlight},
          {"barrier before the wait",
           "cp.async.wait_group 0;\n  bar.sync 0; // two",
           "bar.sync 0;\n cp.async.wait_group 0;", Suspicion::sharedRace},
          {"no barrier before reuse", "bar.sync 0; // two", "",
           Suspicion::sharedRace},
          {"no barrier after a store", "bar.sync 0; // three", "",
           Suspicion::sharedRace},
          {"reads past the tile", "ld.shared.b32 %r7, [%r5+1024];",
           "ld.shared.b32 %r7, [%r5+2048];", Suspicion::outOfBounds},
          {"copies past the input", "[%rd11+1024], 16", "[%rd11+1040], 16",
           Suspicion::outOfBounds},
          {"wrong swizzle", "xor.b32 %r4, %r2, 512", "xor.b32 %r4, %r2, 3584",
           Suspicion::outOfBounds},
          {"misaligned copy", "[%r3+1024], [%rd11+1024]",
           "[%r3+1016], [%rd11+1024]", Suspicion::misaligned},
          {"mask one short", "setp.lt.u32 %p1, %r1, 64",
           "setp.lt.u32 %p1, %r1, 63", Suspicion::unwritten},
          {"mask one short in the middle", "setp.lt.u32 %p1, %r1, 64",
           "setp.ne.u32 %p1, %r1, 17", Suspicion::unwritten},
          {"output shifted", "add.s64 %rd13, %rd2, %rd12",
           "add.s64 %rd13, %rd2, %rd12;\n add.s64 %rd13, %rd13, 4",
           Suspicion::outOfBounds},
          {"a stage nobody filled", "[%r3+1024], [%rd11+1024], 16;",
           "[%r3], [%rd11+1024], 16;", Suspicion::uninitialised},
          {"barrier by half the threads", "bar.sync 0; // two",
           "setp.lt.u32 %p2, %r1, 32;\n@%p2 bar.sync 0;",
           Suspicion::divergentBarrier},
          {"barrier in a divergent branch", "bar.sync 0; // two",
           "setp.lt.u32 %p2, %r1, 40;\n@%p2 bar.sync 0;",
           Suspicion::divergentBarrier},
          {"a register nobody wrote", "add.s32 %r8, %r6, %r7",
           "add.s32 %r8, %r6, %r77", Suspicion::uninitialised},
          {"a predicate nobody wrote", "@%p1 st.global", "@%p7 st.global",
           Suspicion::uninitialised},
          {"all write one place", "add.s64 %rd13, %rd2, %rd12",
           "mov.b64 %rd13, %rd2", Suspicion::globalRace},
          {"never ends", "bar.sync 0; // two", "SPIN: bra SPIN;",
           Suspicion::deadlock},
          {"shuffles without its partners", "bar.sync 0; // three",
           "bar.sync 0;\nsetp.lt.u32 %p2, %r1, 9;\n@%p2 shfl.sync.bfly.b32 "
           "%r8, %r8, 1, 31, -1;",
           Suspicion::divergentBarrier},
          {"writes the input too", "@%p1 st.global.b32 [%rd13], %r9;",
           "@%p1 st.global.b32 [%rd13], %r9;\nadd.s64 %rd14, %rd1, "
           "%rd12;\nst.global.b32 [%rd14], %r9;\nst.global.b32 [%rd14+4], %r9;",
           Suspicion::globalRace},
      }};
  Words out = check(k);
  CHECK(out[0] == 2 * (0 * 12 + 1) + 768);
}

TEST_CASE("planted bugs: sums over blocks", "[gpu]") {
  // Four blocks of 64 threads store partial sums; the last to arrive adds them.
  Planted ordered{
      "ordered sums",
      {R"(
  mov.u32 %r2, %ctaid.x;
  shl.b32 %r3, %r2, 6;
  add.s32 %r4, %r3, %r1;
  mul.wide.u32 %rd10, %r4, 4;
  add.s64 %rd11, %rd1, %rd10;
  ld.global.b32 %r5, [%rd11];
  add.s64 %rd12, %rd2, %rd10;
  st.global.b32 [%rd12], %r5;
  setp.eq.b32 %p1, %r1, 0;
  bar.sync 0; // before
  @%p1 fence.acq_rel.gpu; // release
  @%p1 atom.relaxed.gpu.global.inc.u32 %r6, [%rd3], 3;
  @%p1 fence.acq_rel.gpu; // acquire
  @%p1 st.shared.b32 [%r0], %r6;
  bar.sync 0; // after
  ld.shared.b32 %r7, [%r0];
  setp.ne.b32 %p2, %r7, 3;
  @%p2 bra END;
  mul.wide.u32 %rd13, %r1, 4;
  add.s64 %rd14, %rd2, %rd13;
  ld.relaxed.gpu.global.b32 %r8, [%rd14];
  ld.relaxed.gpu.global.b32 %r9, [%rd14+256];
  ld.relaxed.gpu.global.b32 %r10, [%rd14+512];
  ld.relaxed.gpu.global.b32 %r11, [%rd14+768];
  add.s32 %r8, %r8, %r9;
  add.s32 %r8, %r8, %r10;
  add.s32 %r8, %r8, %r11;
  add.s64 %rd15, %rd4, %rd13;
  st.global.b32 [%rd15], %r8;
END:
)",
       64, 16},
      {256, 256, 1, 64},
      {1, 3},
      {4, 1, 1},
      {
          {"no barrier before the ticket", "bar.sync 0; // before", "",
           Suspicion::globalRace},
          {"no release", "@%p1 fence.acq_rel.gpu; // release", "",
           Suspicion::globalRace},
          {"no acquire", "@%p1 fence.acq_rel.gpu; // acquire", "",
           Suspicion::globalRace},
          {"a fence of the block only", "@%p1 fence.acq_rel.gpu; // release",
           "@%p1 fence.acq_rel.cta;", Suspicion::globalRace},
          {"ticket not reset", "inc.u32 %r6, [%rd3], 3",
           "add.u32 %r6, [%rd3], 1", Suspicion::notReset},
          {"ticket with the wrong limit", "inc.u32 %r6, [%rd3], 3",
           "inc.u32 %r6, [%rd3], 4", Suspicion::notReset},
          {"last block one too early", "setp.ne.b32 %p2, %r7, 3",
           "setp.ne.b32 %p2, %r7, 2", Suspicion::uninitialised},
          {"every block takes itself for the last", "@%p2 bra END;", "",
           Suspicion::globalRace},
          {"no barrier after the ticket", "bar.sync 0; // after", "",
           Suspicion::uninitialised},
          {"wrong slot", "ld.relaxed.gpu.global.b32 %r11, [%rd14+768]",
           "ld.relaxed.gpu.global.b32 %r11, [%rd14+1024]",
           Suspicion::outOfBounds},
          {"misaligned slot", "[%rd14+512]", "[%rd14+510]",
           Suspicion::misaligned},
      },
      {2},
      {2},
      {1}};
  Words out = check(ordered);
  CHECK(out[5] == 4 * (5 * 3 + 1) + 3 * 64 * (1 + 2 + 3));

  Planted atomic{"atomic sums",
                 {R"(
  mul.wide.u32 %rd13, %r1, 4;
  add.s64 %rd14, %rd1, %rd13;
  mov.b32 %f1, 0f3F800000;
  red.relaxed.gpu.global.add.f32 [%rd14], %f1;
  setp.eq.b32 %p1, %r1, 0;
  bar.sync 0; // before
  @%p1 fence.acq_rel.gpu; // release
  @%p1 atom.relaxed.gpu.global.inc.u32 %r6, [%rd2], 3;
  @%p1 fence.acq_rel.gpu; // acquire
  @%p1 st.shared.b32 [%r0], %r6;
  bar.sync 0; // after
  ld.shared.b32 %r7, [%r0];
  setp.ne.b32 %p2, %r7, 3;
  @%p2 bra END;
  ld.relaxed.gpu.global.b32 %r8, [%rd14];
  mov.b32 %r9, 0;
  st.global.b32 [%rd14], %r9;
  add.s64 %rd15, %rd3, %rd13;
  st.global.b32 [%rd15], %r8;
END:
)",
                  64, 16},
                 {64, 1, 64},
                 {2},
                 {4, 1, 1},
                 {
                     {"workspace not cleared", "st.global.b32 [%rd14], %r9;",
                      "", Suspicion::notReset},
                     {"no release", "@%p1 fence.acq_rel.gpu; // release", "",
                      Suspicion::globalRace},
                     {"no acquire", "@%p1 fence.acq_rel.gpu; // acquire", "",
                      Suspicion::globalRace},
                     {"adds without atomics",
                      "red.relaxed.gpu.global.add.f32 [%rd14], %f1;",
                      "ld.global.f32 %f2, [%rd14]; add.f32 %f2, %f2, %f1; "
                      "st.global.f32 [%rd14], %f2;",
                      Suspicion::globalRace},
                 },
                 {0, 1},
                 {1},
                 {0}};
  CHECK(check(atomic)[9] == 0x40800000);
}

TEST_CASE("planted bugs: dependent launches") {
  auto run = [](const char *before, const char *after) {
    auto device = quietEmulator();
    DeviceBuffer x(device, 128), y(device, 128);
    DeviceBuffer w = uploaded(device, Words(32, 7));
    std::string address = "mul.wide.u32 %rd10, %r1, 4;\n";
    Ptx first = makePtx(
        {address + "add.s64 %rd11, %rd1, %rd10;\nst.global.b32 [%rd11], %r1;\n"
                   "griddepcontrol.launch_dependents;"},
        1);
    Ptx second =
        makePtx({address +
                 "add.s64 %rd11, %rd1, %rd10;\nadd.s64 %rd12, %rd2, %rd10;\n"
                 "add.s64 %rd13, %rd3, %rd10;\nld.global.b32 %r3, [%rd12];\n" +
                 before + "griddepcontrol.wait;\n" + after +
                 "add.s32 %r4, %r2, %r3;\nst.global.b32 [%rd13], %r4;"},
                3);
    launchPtx(*device, first, {x.get()});
    launchPtx(*device, second, {x.get(), w.get(), y.get()}, {1, 1, 1}, true);
    return device->takeReports();
  };
  const char *load = "ld.global.b32 %r2, [%rd11];\n";
  CHECK(run("", load).empty());
  std::vector<Report> early = run(load, "");
  REQUIRE(early.size() == 1);
  CHECK(early[0].kind == Suspicion::dependentLaunch);
  CHECK(early[0].buffer == "p0");
  std::vector<Report> write = run("st.global.b32 [%rd11], %r1;\n", load);
  REQUIRE(!write.empty());
  CHECK(write[0].kind == Suspicion::dependentLaunch);
}

TEST_CASE("one warp waits for the launch ahead, a barrier tells the others") {
  auto run = [](const char *barrier) {
    auto device = quietEmulator();
    DeviceBuffer x(device, 256), y(device, 256);
    std::string address =
        "mul.wide.u32 %rd10, %r1, 4;\nadd.s64 %rd11, %rd1, %rd10;\n";
    launchPtx(*device,
              makePtx({address + "st.global.b32 [%rd11], %r1;\n"
                                 "griddepcontrol.launch_dependents;",
                       64},
                      1),
              {x.get()});
    launchPtx(*device,
              makePtx({address +
                           "setp.ge.u32 %p1, %r1, 32;\n@%p1 bra GO;\n"
                           "griddepcontrol.wait;\nGO:\n" +
                           barrier +
                           "ld.global.b32 %r2, [%rd11];\n"
                           "add.s64 %rd12, %rd2, %rd10;\n"
                           "st.global.b32 [%rd12], %r2;",
                       64},
                      2),
              {x.get(), y.get()}, {1, 1, 1}, true);
    return device->takeReports();
  };
  CHECK(run("bar.sync 0;\n").empty());
  std::vector<Report> apart = run("");
  REQUIRE(apart.size() == 1);
  CHECK(apart[0].kind == Suspicion::dependentLaunch);
}

TEST_CASE("lanes that store one value at one place do not race, others do") {
  auto reports = [](const char *value) {
    auto device = quietEmulator();
    DeviceBuffer out(device, 4);
    launchPtx(*device,
              makePtx({std::string("mov.b32 %r2, 5;\nst.shared.b32 [%r0], ") +
                           value + ";\nst.global.b32 [%rd1], " + value + ";",
                       32, 16},
                      1),
              {out.get()});
    return device->takeReports();
  };
  CHECK(reports("%r2").empty());
  std::vector<Report> different = reports("%r1");
  REQUIRE(different.size() == 2);
  CHECK(different[0].kind == Suspicion::sharedRace);
  CHECK(different[1].kind == Suspicion::globalRace);
}

TEST_CASE("warps that store copies of one value do not race, others do") {
  // Every warp stores the 32 words of a tile; `value` says which.
  auto reports = [](const std::string &value, const char *after = "") {
    auto device = quietEmulator();
    DeviceBuffer out(device, 128);
    launchPtx(*device,
              makePtx({"and.b32 %r2, %r1, 31;\nshl.b32 %r3, %r2, 2;\n"
                       "add.s32 %r4, %r0, %r3;\n" +
                           value + "\nst.shared.b32 [%r4], %r5;\n" + after +
                           "bar.sync 0;\nld.shared.b32 %r6, [%r4];\n"
                           "setp.lt.u32 %p1, %r1, 32;\ncvt.u64.u32 %rd10, "
                           "%r3;\nadd.s64 %rd11, %rd1, %rd10;\n"
                           "@%p1 st.global.b32 [%rd11], %r6;",
                       128, 128},
                      1),
              {out.get()});
    return device->takeReports();
  };
  CHECK(reports("add.s32 %r5, %r2, 7;").empty());
  std::vector<Report> different = reports("mov.b32 %r5, %r1;");
  REQUIRE(different.size() == 1);
  CHECK(different[0].kind == Suspicion::sharedRace);
  // The same value by another instruction is a race all the same.
  std::vector<Report> elsewhere =
      reports("add.s32 %r5, %r2, 7;", "st.shared.b32 [%r4], %r5;\n");
  REQUIRE(elsewhere.size() == 1);
  CHECK(elsewhere[0].kind == Suspicion::sharedRace);
}

TEST_CASE("halves of a register are written apart") {
  auto reports = [](const std::string &body) {
    auto device = quietEmulator();
    DeviceBuffer out(device, 128);
    launchPtx(*device,
              makePtx({"cvt.u16.u32 %h1, %r1;\n" + body +
                       "\nmul.wide.u32 %rd10, %r1, 4;\n"
                       "add.s64 %rd11, %rd1, %rd10;\n"
                       "st.global.b32 [%rd11], %r9;"},
                      1),
              {out.get()});
    return device->takeReports();
  };
  // %h2 and %r50 are never written.
  for (const char *fine :
       {"mov.b32 %r2, {%h1, %h2}; and.b32 %r9, %r2, 0xffff;",
        "mov.b32 %r2, {%h1, %h2}; mov.b32 %r3, %r2; mov.b32 {%h3, _}, %r3; "
        "cvt.u32.u16 %r9, %h3;",
        "mov.b32 %r2, {%h2, %h1}; shr.u32 %r9, %r2, 16;",
        "mov.b32 %r2, {%h1, %h2}; shl.b32 %r9, %r2, 16;",
        "mov.b32 %r2, {%h1, %h2}; prmt.b32 %r9, %r2, 0, 0x4410;",
        "mov.b32 %r2, {%h1, %h2}; add.rn.f16x2 %r3, %r2, %r2; "
        "and.b32 %r9, %r3, 0xffff;",
        "mov.b32 %r2, {%h1, %h2}; cvt.u16.u32 %h4, %r2; cvt.u32.u16 %r9, %h4;",
        "mov.b64 %rd5, {%r1, %r50}; cvt.u32.u64 %r9, %rd5;",
        "mov.b32 %r2, {%h1, %h2}; cvt.s8.s32 %r9, %r2;",
        "mov.b32 %r2, {%h2, %h1}; cvt.u8.u32 %r3, %r2; shr.u32 %r9, %r3, 8;",
        "setp.lt.u32 %p1, %r1, 40; selp.b32 %r9, %r1, %r50, %p1;",
        "mov.b32 %r2, {%h1, %h2}; lop3.b32 %r9, %r2, 0xffff, 0, 0xc0;",
        "or.b32 %r9, %r50, 0xffffffff;", "shl.b32 %r9, %r50, 32;"}) {
    INFO(fine);
    for (const Report &r : reports(fine))
      FAIL_CHECK(print(r));
    CHECK(reports(fine).empty());
  }
  for (const char *wrong :
       {"mov.b32 %r9, {%h1, %h2};",
        "mov.b32 %r2, {%h1, %h2}; and.b32 %r9, %r2, 0x1ffff;",
        "mov.b32 %r2, {%h1, %h2}; shr.u32 %r9, %r2, 15;",
        "mov.b32 %r2, {%h1, %h2}; prmt.b32 %r9, %r2, 0, 0x4420;",
        "mov.b32 %r2, {%h1, %h2}; add.s32 %r9, %r2, 1;",
        "mov.b32 %r2, {%h1, %h2}; add.rn.f16x2 %r3, %r2, %r2; "
        "shr.u32 %r9, %r3, 16;",
        "mov.b64 %rd5, {%r1, %r50}; shr.u64 %rd5, %rd5, 32; "
        "cvt.u32.u64 %r9, %rd5;",
        "setp.lt.u32 %p1, %r1, 20; selp.b32 %r9, %r1, %r50, %p1;",
        "mov.b32 %r2, {%h1, %h2}; cvt.s32.s16 %r3, %h2; mov.b32 %r9, %r3;",
        "mov.b32 %r2, {%h2, %h1}; cvt.s8.s32 %r3, %r2; shr.u32 %r9, %r3, 16;",
        "xor.b32 %r9, %r50, %r50;"}) {
    INFO(wrong);
    std::vector<Report> found = reports(wrong);
    REQUIRE(found.size() == 1);
    CHECK(found[0].kind == Suspicion::uninitialised);
  }
}

TEST_CASE("a block may wait for a flag of a later one", "[gpu]") {
  auto device = quietEmulator();
  DeviceBuffer flags = uploaded(device, Words(2, 0));
  DeviceBuffer out(device, 4);
  // Block 0 spins until block 1 has released the flag, then reads the data.
  std::string body = R"(
  mov.u32 %r2, %ctaid.x;
  setp.eq.u32 %p1, %r2, 0;
  @%p1 bra SPIN;
  mov.b32 %r3, 42;
  st.global.b32 [%rd1+4], %r3;
  mov.b32 %r4, 1;
  st.release.gpu.global.b32 [%rd1], %r4;
  bra END;
SPIN:
  ld.acquire.gpu.global.b32 %r5, [%rd1];
  setp.eq.b32 %p2, %r5, 0;
  @%p2 bra SPIN;
  ld.global.b32 %r6, [%rd1+4];
  st.global.b32 [%rd2], %r6;
END:
)";
  Ptx ptx = makePtx({body, 1}, 2);
  launchOnBoth(*device, ptx, {&flags, &out}, {2, 1, 1});
  for (const Report &report : device->takeReports())
    FAIL_CHECK(print(report));
  CHECK(downloaded<std::uint32_t>(*device, out)[0] == 42);
  // Relaxed loads and stores order nothing else.
  device->upload(flags.get(), Words(2, 0).data(), 8);
  ptx.text.replace(ptx.text.find("ld.acquire"), 10, "ld.relaxed");
  launchPtx(*device, ptx, {flags.get(), out.get()}, {2, 1, 1});
  std::vector<Report> reports = device->takeReports();
  REQUIRE(!reports.empty());
  CHECK(reports[0].kind == Suspicion::globalRace);
}

TEST_CASE(
    "a report says which kernel, line, block, thread, address and buffer") {
  auto device = openEmulator();
  DeviceBuffer buffer = uploaded(device, Words(32));
  Ptx ptx =
      makePtx({"mul.wide.u32 %rd10, %r1, 4;\nadd.s64 %rd11, %rd1, %rd10;\n"
               "ld.global.b32 %r2, [%rd11+8];"},
              1);
  try {
    launchPtx(*device, ptx, {buffer.get()}, {1, 2, 1});
    FAIL("nothing was thrown");
  } catch (const Error &error) {
    CHECK(error.kind() == ErrorKind::driver);
    const std::string &m = error.message();
    INFO(m);
    for (const char *part : {"out of bounds", "kernel k", "PTX line",
                             "ld.global.b32 %r2, [%rd11+8]", "thread 30",
                             "block (0, ", "p0", "128 bytes"})
      CHECK(m.find(part) != std::string::npos);
  }
}
