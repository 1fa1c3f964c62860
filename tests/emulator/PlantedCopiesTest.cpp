// Protects: bugs planted in kernels that use the copy engine, mbarriers and
// clusters are found, each by the right report, and the kernels without them
// give none.
#include "tests/emulator/Planted.h"

using namespace lath;
using namespace lath::test;

namespace {

/// Initialises the mbarrier at %r0, shows it to the cluster's other block, and
/// meets it. %p1: the first thread; %r6: the block's rank.
const std::string meetPeers = R"(
  setp.eq.b32 %p1, %r1, 0;
  @%p1 mbarrier.init.shared::cta.b64 [%r0], 1;
  fence.mbarrier_init.release.cluster;
  barrier.cluster.arrive.relaxed.aligned;
  barrier.cluster.wait.aligned;
  mov.u32 %r6, %cluster_ctarank;
)";
/// Until what the other block sends, and the mbarrier counts, is there.
const std::string waitForPeers = R"(
WAIT:
  mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 %p2, [%r0], 0;
  @!%p2 bra WAIT;
)";

} // namespace

TEST_CASE("planted bugs: bulk copies and mbarriers", "[gpu]") {
  Planted load{
      "bulk load",
      {R"(
  setp.eq.b32 %p1, %r1, 0;
  @%p1 mbarrier.init.shared::cta.b64 [%r0], 1;
  fence.mbarrier_init.release.cluster;
  bar.sync 0; // init
  add.s32 %r3, %r0, 128;
  @!%p1 bra WAIT;
  mbarrier.arrive.expect_tx.shared::cta.b64 %rd10, [%r0], 256;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%r3], [%rd1], 256, [%r0];
WAIT:
  mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r0], 0;
  @!%p2 bra WAIT;
  shl.b32 %r4, %r1, 2;
  add.s32 %r5, %r3, %r4;
  ld.shared.b32 %r6, [%r5];
  cvt.u64.u32 %rd11, %r4;
  add.s64 %rd12, %rd2, %rd11;
  st.global.b32 [%rd12], %r6;
)",
       64, 512},
      {64, 64},
      {1},
      {1, 1, 1},
      {
          {"does not wait", "@!%p2 bra WAIT;", "", Suspicion::inFlight},
          {"waits for the wrong parity", "%p2, [%r0], 0;", "%p2, [%r0], 1;",
           Suspicion::inFlight},
          {"expects too many bytes", "b64 %rd10, [%r0], 256",
           "b64 %rd10, [%r0], 272", Suspicion::deadlock},
          {"expects too many arrivals", "b64 [%r0], 1;", "b64 [%r0], 2;",
           Suspicion::deadlock},
          {"uses the mbarrier before its init is seen", "bar.sync 0; // init",
           "", Suspicion::sharedRace},
          {"the engine does not see the init",
           "fence.mbarrier_init.release.cluster;", "", Suspicion::proxy},
          {"no mbarrier there", "expect_tx.shared::cta.b64 %rd10, [%r0]",
           "expect_tx.shared::cta.b64 %rd10, [%r0+8]",
           Suspicion::uninitialised},
          {"copies past the input", "[%r3], [%rd1], 256", "[%r3], [%rd1], 272",
           Suspicion::outOfBounds},
          {"a size that is no multiple of 16", "[%rd1], 256, [%r0]",
           "[%rd1], 248, [%r0]", Suspicion::misaligned},
          {"copies too little", "[%rd1], 256, [%r0];\n",
           "[%rd1], 128, [%r0];\n "
           "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [%r0], 128;\n",
           Suspicion::uninitialised},
          {"arrives twice", "cp.async.bulk",
           "mbarrier.arrive.shared::cta.b64 %rd20, [%r0];\n cp.async.bulk",
           Suspicion::undefined},
      }};
  CHECK(check(load)[63] == 190);

  Planted store{
      "bulk store",
      {R"(
  shl.b32 %r4, %r1, 2;
  add.s32 %r5, %r0, %r4;
  st.shared.b32 [%r5], %r1;
  fence.proxy.async.shared::cta;
  bar.sync 0;
  setp.ne.b32 %p1, %r1, 32;
  @%p1 bra END;
  cp.async.bulk.global.shared::cta.bulk_group [%rd1], [%r0], 256;
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group.read 0;
  st.shared.b32 [%r0], %r1; // reuse
END:
)",
       64, 512},
      {64},
      {0},
      {1, 1, 1},
      {
          {"no proxy fence", "fence.proxy.async.shared::cta;", "",
           Suspicion::proxy},
          {"a fence for mbarriers alone", "fence.proxy.async.shared::cta;",
           "fence.mbarrier_init.release.cluster;", Suspicion::proxy},
          {"no barrier", "bar.sync 0;", "", Suspicion::sharedRace},
          {"overwrites the source in flight",
           "cp.async.bulk.wait_group.read 0;\n  st.shared.b32 [%r0], %r1; // "
           "reuse",
           "st.shared.b32 [%r0], %r1;\ncp.async.bulk.wait_group.read 0;",
           Suspicion::inFlight},
          {"ends without a wait",
           "cp.async.bulk.wait_group.read 0;\n  st.shared.b32 [%r0], %r1; // "
           "reuse",
           "", Suspicion::inFlight},
          {"stores half", "[%rd1], [%r0], 256", "[%rd1], [%r0], 128",
           Suspicion::unwritten},
      }};
  CHECK(check(store)[63] == 63);
}

TEST_CASE("planted bugs: clusters", "[gpu]") {
  Planted k{
      "cluster",
      {R"(
  shl.b32 %r4, %r1, 2;
  add.s32 %r5, %r0, %r4;
  mov.u32 %r6, %cluster_ctarank;
  mad.lo.s32 %r7, %r6, 100, %r1;
  st.shared.b32 [%r5], %r7;
  barrier.cluster.arrive.aligned; // one
  barrier.cluster.wait.aligned; // one
  xor.b32 %r8, %r6, 1;
  mapa.shared::cluster.u32 %r9, %r5, %r8;
  ld.shared::cluster.b32 %r10, [%r9];
  barrier.cluster.arrive.aligned; // two
  barrier.cluster.wait.aligned; // two
  mov.u32 %r11, %ctaid.x;
  mad.lo.s32 %r12, %r11, 32, %r1;
  mul.wide.u32 %rd10, %r12, 4;
  add.s64 %rd11, %rd1, %rd10;
  st.global.b32 [%rd11], %r10;
)",
       32, 128, ".reqnctapercluster 2, 1, 1"},
      {128},
      {0},
      {4, 1, 1},
      {
          {"no barrier before reading",
           "barrier.cluster.arrive.aligned; // one\n  "
           "barrier.cluster.wait.aligned; // one",
           "", Suspicion::uninitialised},
          {"the arrival releases nothing", "arrive.aligned; // one",
           "arrive.relaxed.aligned; // one", Suspicion::sharedRace},
          {"reads a block that is not there", "xor.b32 %r8, %r6, 1",
           "add.u32 %r8, %r6, 2", Suspicion::outOfBounds},
          {"waits without arriving", "barrier.cluster.arrive.aligned; // one",
           "", Suspicion::undefined},
      }};
  Words out = check(k);
  CHECK(out[5] == 105);
  CHECK(out[37] == 5);
}

TEST_CASE("planted bugs: a cluster's barrier and global memory", "[gpu]") {
  Planted k{"cluster, global memory",
            {R"(
  mov.u32 %r6, %cluster_ctarank;
  mad.lo.s32 %r7, %r6, 32, %r1;
  mul.wide.u32 %rd10, %r7, 4;
  add.s64 %rd11, %rd1, %rd10;
  st.global.b32 [%rd11], %r7;
  barrier.cluster.arrive.aligned;
  barrier.cluster.wait.aligned;
  xor.b32 %r8, %r7, 32;
  mul.wide.u32 %rd12, %r8, 4;
  add.s64 %rd13, %rd1, %rd12;
  ld.global.b32 %r9, [%rd13];
  add.s64 %rd14, %rd2, %rd10;
  st.global.b32 [%rd14], %r9;
)",
             32, 0, ".reqnctapercluster 2, 1, 1"},
            {64, 64},
            {0, 1},
            {2, 1, 1},
            {{"the arrival releases nothing", "arrive.aligned;",
              "arrive.relaxed.aligned;", Suspicion::globalRace}}};
  Words out = check(k);
  CHECK(out[5] == 37);
  CHECK(out[37] == 5);
}

TEST_CASE("planted bugs: st.async", "[gpu]") {
  // Each thread sends 16 bytes to the other block of its cluster.
  Planted k{
      "st.async",
      {meetPeers + R"(  mad.lo.s32 %r7, %r6, 100, %r1;
  xor.b32 %r8, %r6, 1;
  shl.b32 %r4, %r1, 4;
  add.s32 %r5, %r0, %r4;
  add.s32 %r5, %r5, 128;
  mapa.shared::cluster.u32 %r9, %r5, %r8; // data
  mapa.shared::cluster.u32 %r10, %r0, %r8; // mbarrier
  st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%r9], {%r1, %r6, %r4, %r7}, [%r10];
  @%p1 mbarrier.arrive.expect_tx.shared::cta.b64 %rd10, [%r0], 1024;
)" + waitForPeers +
           R"(  ld.shared.b32 %r11, [%r5+12];
  mov.u32 %r12, %ctaid.x;
  mad.lo.s32 %r12, %r12, 64, %r1;
  mul.wide.u32 %rd11, %r12, 4;
  add.s64 %rd12, %rd1, %rd11;
  st.global.b32 [%rd12], %r11;
)",
       64, 128 + 1024, ".reqnctapercluster 2, 1, 1"},
      {128},
      {0},
      {2, 1, 1},
      {
          {"does not wait", "@!%p2 bra WAIT;", "", Suspicion::inFlight},
          {"expects too many bytes", "[%r0], 1024", "[%r0], 1040",
           Suspicion::deadlock},
          {"expects too few bytes", "[%r0], 1024", "[%r0], 512",
           Suspicion::inFlight},
          {"the initialisation is not shown",
           "fence.mbarrier_init.release.cluster;", "", Suspicion::sharedRace},
          {"it is shown by another warp",
           "fence.mbarrier_init.release.cluster;",
           "setp.ge.u32 %p3, %r1, 32; "
           "@%p3 fence.mbarrier_init.release.cluster;",
           Suspicion::sharedRace},
          {"it is shown by another lane",
           "fence.mbarrier_init.release.cluster;",
           "setp.eq.b32 %p3, %r1, 1; "
           "@%p3 fence.mbarrier_init.release.cluster;",
           Suspicion::sharedRace},
          {"it is shown behind the arrival",
           "fence.mbarrier_init.release.cluster;\n  "
           "barrier.cluster.arrive.relaxed.aligned;",
           "barrier.cluster.arrive.relaxed.aligned; "
           "fence.mbarrier_init.release.cluster;",
           Suspicion::sharedRace},
          {"it comes behind the fence",
           "@%p1 mbarrier.init.shared::cta.b64 [%r0], 1;\n  "
           "fence.mbarrier_init.release.cluster;",
           "fence.mbarrier_init.release.cluster; "
           "@%p1 mbarrier.init.shared::cta.b64 [%r0], 1;",
           Suspicion::sharedRace},
          {"the wait acquires nothing", "parity.acquire.cluster",
           "parity.relaxed.cluster", Suspicion::sharedRace},
          {"does not wait for the other block",
           "barrier.cluster.arrive.relaxed.aligned;\n  "
           "barrier.cluster.wait.aligned;",
           "", Suspicion::undefined},
          {"signals its own mbarrier", "%r10, %r0, %r8; // mbarrier",
           "%r10, %r0, %r6;", Suspicion::undefined},
          {"no mbarrier there", "%r10, %r0, %r8; // mbarrier",
           "%r10, %r0, %r8; add.s32 %r10, %r10, 8;", Suspicion::uninitialised},
          {"behind the other block's memory", "add.s32 %r5, %r5, 128;",
           "add.s32 %r5, %r5, 144;", Suspicion::outOfBounds},
          {"no multiple of 16 bytes", "%r9, %r5, %r8; // data",
           "%r9, %r5, %r8; add.s32 %r9, %r9, 8;", Suspicion::misaligned},
      }};
  Words out = check(k);
  CHECK(out[5] == 105);
  CHECK(out[64 + 63] == 63);

  // An arrival that releases shows everything, mbarriers as well.
  for (auto [from, to] : {std::pair{"fence.mbarrier_init.release.cluster;", ""},
                          std::pair{"barrier.cluster.arrive.relaxed.aligned;",
                                    "barrier.cluster.arrive.aligned;"}})
    k.text.body.replace(k.text.body.find(from), std::strlen(from), to);
  k.bugs.clear();
  CHECK(check(k) == out);
}

TEST_CASE("a warp that arrives at the cluster's barrier and leaves", "[gpu]") {
  // Warp 1 of either block does; warp 0 of block 1 comes late, and warp 0 of
  // block 0 waits for it alone.
  auto device = quietEmulator();
  DeviceBuffer out(device, 256);
  Ptx ptx = makePtx({R"(
  shl.b32 %r4, %r1, 2;
  add.s32 %r5, %r0, %r4;
  mov.u32 %r6, %cluster_ctarank;
  setp.ge.u32 %p1, %r1, 32;
  @%p1 bra LEAVE;
  mov.b32 %r13, 0;
  mul.lo.s32 %r14, %r6, 1000;
LATE:
  add.s32 %r13, %r13, 1;
  setp.lt.u32 %p2, %r13, %r14;
  @%p2 bra LATE;
  mad.lo.s32 %r7, %r6, 100, %r1;
  st.shared.b32 [%r5], %r7;
  barrier.cluster.arrive.aligned;
  barrier.cluster.wait.aligned;
  xor.b32 %r8, %r6, 1;
  mapa.shared::cluster.u32 %r9, %r5, %r8;
  ld.shared::cluster.b32 %r10, [%r9];
  barrier.cluster.arrive.aligned;
  barrier.cluster.wait.aligned;
  mov.u32 %r11, %ctaid.x;
  mad.lo.s32 %r12, %r11, 32, %r1;
  mul.wide.u32 %rd10, %r12, 4;
  add.s64 %rd11, %rd1, %rd10;
  st.global.b32 [%rd11], %r10;
  bra DONE;
LEAVE:
  barrier.cluster.arrive.relaxed.aligned;
DONE:
)",
                     64, 128, ".reqnctapercluster 2, 1, 1"},
                    1);
  launchOnBoth(*device, ptx, {&out}, {2, 1, 1});
  std::string problems;
  for (const Report &report : device->takeReports())
    problems += print(report) + "\n";
  CHECK(problems == "");
  Words found = downloaded<std::uint32_t>(*device, out);
  CHECK(found[5] == 105);
  CHECK(found[37] == 5);
}

TEST_CASE("planted bugs: multicast", "[gpu]") {
  // Each of two blocks brings half of the input to both.
  Planted k{
      "multicast",
      {meetPeers + R"(  shl.b32 %r7, %r6, 8; // where this block's half begins
  add.s32 %r3, %r0, 128;
  add.s32 %r8, %r3, %r7;
  cvt.u64.u32 %rd10, %r7;
  add.s64 %rd11, %rd1, %rd10;
  mov.b16 %h1, 3; // both
  @!%p1 bra WAIT;
  mbarrier.arrive.expect_tx.shared::cta.b64 %rd12, [%r0], 512;
  cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster [%r8], [%rd11], 256, [%r0], %h1;
)" + waitForPeers +
           R"(  shl.b32 %r4, %r1, 2;
  add.s32 %r5, %r3, %r4;
  ld.shared.b32 %r9, [%r5];
  mad.lo.s32 %r12, %r6, 128, %r1;
  mul.wide.u32 %rd13, %r12, 4;
  add.s64 %rd14, %rd2, %rd13;
  st.global.b32 [%rd14], %r9;
  barrier.cluster.arrive.aligned;
  barrier.cluster.wait.aligned;
)",
       128, 128 + 512, ".reqnctapercluster 2, 1, 1"},
      {128, 256},
      {1},
      {2, 1, 1},
      {
          {"does not wait", "@!%p2 bra WAIT;", "", Suspicion::inFlight},
          {"to itself alone", "mov.b16 %h1, 3;",
           "cvt.u16.u32 %h1, %r6; add.u16 %h1, %h1, 1;", Suspicion::deadlock},
          {"to a block that there is not", "mov.b16 %h1, 3;", "mov.b16 %h1, 7;",
           Suspicion::outOfBounds},
          {"expects its own half alone", "[%r0], 512;", "[%r0], 256;",
           Suspicion::inFlight},
          {"does not wait for the other block",
           "barrier.cluster.arrive.relaxed.aligned;\n  "
           "barrier.cluster.wait.aligned;",
           "", Suspicion::uninitialised},
          {"reads past the input", "cvt.u64.u32 %rd10, %r7;",
           "cvt.u64.u32 %rd10, %r7; add.s64 %rd10, %rd10, 256;",
           Suspicion::outOfBounds},
      }};
  Words out = check(k);
  for (std::size_t i = 0; i < 128; ++i) {
    CHECK(out[i] == 3 * i + 1);
    CHECK(out[128 + i] == 3 * i + 1);
  }
}

TEST_CASE("planted bugs: phases asked for by test_wait", "[gpu]") {
  // Two phases of two warps' arrivals; what each warp wrote before is read by
  // the other behind them.
  Planted k{
      "test_wait",
      {R"(
  setp.eq.b32 %p1, %r1, 0;
  @%p1 mbarrier.init.shared::cta.b64 [%r0], 64;
  bar.sync 0;
  shl.b32 %r4, %r1, 2;
  add.s32 %r5, %r0, 128;
  add.s32 %r5, %r5, %r4;
  xor.b32 %r6, %r4, 128;
  add.s32 %r6, %r6, %r0;
  add.s32 %r6, %r6, 128;
  st.shared.b32 [%r5], %r1;
  mbarrier.arrive.shared::cta.b64 %rd10, [%r0];
FIRST:
  mbarrier.test_wait.shared::cta.b64 %p2, [%r0], %rd10;
  @!%p2 bra FIRST;
  ld.shared.b32 %r7, [%r6];
  mbarrier.arrive.shared::cta.b64 %rd11, [%r0];
SECOND:
  mbarrier.test_wait.parity.shared::cta.b64 %p3, [%r0], 1;
  @!%p3 bra SECOND;
  st.shared.b32 [%r5], %r7;
  bar.sync 0; // end
  ld.shared.b32 %r8, [%r6];
  cvt.u64.u32 %rd12, %r4;
  add.s64 %rd13, %rd1, %rd12;
  st.global.b32 [%rd13], %r8;
)",
       64, 128 + 256},
      {64},
      {0},
      {1, 1, 1},
      {
          {"does not ask again", "@!%p2 bra FIRST;", "", Suspicion::sharedRace},
          {"the second phase is not waited for", "@!%p3 bra SECOND;", "",
           Suspicion::sharedRace},
          {"the parity of the first phase", "[%r0], 1;\n  @!%p3",
           "[%r0], 0;\n  @!%p3", Suspicion::deadlock},
          {"waits for more arrivals than come", "b64 [%r0], 64;",
           "b64 [%r0], 65;", Suspicion::deadlock},
      }};
  Words out = check(k);
  CHECK(out[0] == 0);
  CHECK(out[63] == 63);
}
