// Logs as ptxas and nvJitLink print them.

#include <catch2/catch.hpp>

#include "runtime/AssemblerLog.h"

using namespace lath;

static const char *const verboseLog =
    "ptxas info    : 0 bytes gmem\n"
    "ptxas info    : Compiling entry function 'other' for 'sm_90a'\n"
    "ptxas info    : Function properties for other\n"
    "    8 bytes stack frame, 8 bytes spill stores, 8 bytes spill loads\n"
    "ptxas info    : Used 255 registers, used 1 barriers, 4 bytes smem\n"
    "ptxas info    : Compiling entry function 'gemm' for 'sm_90a'\n"
    "ptxas info    : Function properties for helper\n"
    "    16 bytes stack frame, 1 bytes spill stores, 1 bytes spill loads\n"
    "ptxas info    : Function properties for gemm\n"
    "    64 bytes stack frame, 12 bytes spill stores, 20 bytes spill loads\n"
    "ptxas info    : Used 168 registers, used 1 barriers, 512 bytes smem\n"
    "ptxas info    : Compile time = 2.561 ms\n";

TEST_CASE("resources are those of the entry, not of its neighbours",
          "[runtime]") {
  KernelResources r = parseResources(verboseLog, "gemm");
  CHECK(r.registers == 168);
  CHECK(r.localBytes == 64);
  CHECK(r.spillStores == 12);
  CHECK(r.spillLoads == 20);
  CHECK(r.staticShared == 512);
  CHECK(parseResources(verboseLog, "other").registers == 255);
}

TEST_CASE("nvJitLink's way of printing the frame is read too", "[runtime]") {
  KernelResources r = parseResources(
      "ptxas info    : Compiling entry function 'k' for 'sm_90a'\n"
      "ptxas info    : Function properties for k\n"
      "ptxas         .     32 bytes stack frame, 4 bytes spill stores, "
      "8 bytes spill loads\n"
      "ptxas info    : Used 10 registers, used 0 barriers\n",
      "k");
  CHECK(r.localBytes == 32);
  CHECK(r.spillLoads == 8);
  CHECK(r.registers == 10);
  CHECK(r.staticShared == 0);
}

TEST_CASE("a log without the entry gives zeros", "[runtime]") {
  CHECK(parseResources("", "gemm").registers == 0);
  CHECK(parseResources(verboseLog, "gem").registers == 0);
}

TEST_CASE("only the warnings about lost performance are fatal", "[runtime]") {
  CHECK(fatalWarnings(verboseLog).empty());
  CHECK(fatalWarnings("ptxas warning : something else\n").empty());
  const std::string loss = " Potential Performance Loss: ";
  auto warnings = fatalWarnings(
      "ptxas info    : (C7508)" + loss + "'setmaxnreg' ignored\n" + verboseLog +
      "ptxas info    : (C7520)" + loss + "wgmma.mma_async serialized\n");
  REQUIRE(warnings.size() == 2);
  CHECK(warnings[0] ==
        "ptxas info    : (C7508)" + loss + "'setmaxnreg' ignored");
}

TEST_CASE("the first complaint of a log has its line and its text",
          "[runtime]") {
  AssemblerComplaint complaint = firstComplaint(
      "ptxas kernel.ptx, line 22; error   : Unknown modifier '.bogus'\n"
      "ptxas fatal   : Ptx assembly aborted due to errors\n");
  CHECK(complaint.line == 22);
  CHECK(complaint.text == "Unknown modifier '.bogus'");

  complaint = firstComplaint("ptxas fatal   : SM version is too high\n");
  CHECK(complaint.line == 0);
  CHECK(complaint.text == "SM version is too high");
  CHECK(firstComplaint("no errors at all\n").text.empty());
}

TEST_CASE("a line of the text is found by its number", "[runtime]") {
  CHECK(lineOf("a\n  b  \nc", 2) == "b");
  CHECK(lineOf("a\nb\nc", 3) == "c");
  CHECK(lineOf("a\nb", 0).empty());
  CHECK(lineOf("a\nb", 3).empty());
}
