// The real assemblers, where they are installed, and what goes wrong with them.

#include <catch2/catch.hpp>

#include "SamplePtx.h"
#include "runtime/Assemble.h"
#include "runtime/Process.h"

#include <filesystem>
#include <fstream>
#include <thread>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;

static bool has(AssemblerChoice choice) {
  const Toolchain &tools = toolchain();
  return choice == AssemblerChoice::ptxas ? tools.ptxas.found()
                                          : tools.nvJitLink.has_value();
}

static const char *nameOf(AssemblerChoice choice) {
  return choice == AssemblerChoice::ptxas ? "ptxas" : "nvJitLink";
}

/// Runs `test` with each assembler that is installed.
template <class Test> static void withEach(Test test) {
  for (AssemblerChoice choice :
       {AssemblerChoice::nvJitLink, AssemblerChoice::ptxas}) {
    if (!has(choice)) {
      WARN("skipped: no " << nameOf(choice));
      continue;
    }
    INFO(nameOf(choice));
    test(choice);
  }
}

static Error failure(const Ptx &ptx, const Toolchain &tools,
                     AssemblerChoice choice) {
  try {
    assemble(ptx, tools, choice);
  } catch (const Error &error) {
    return error;
  }
  return Error(ErrorKind::internal, "assembled");
}

static std::string joined(const std::vector<std::string> &notes) {
  std::string text;
  for (const std::string &note : notes)
    text += note + "\n";
  return text;
}

TEST_CASE("a kernel becomes a cubin with its resources", "[runtime]") {
  withEach([](AssemblerChoice choice) {
    Cubin cubin = assemble(scalePtx(), choice);
    REQUIRE(cubin.bytes.size() > 4);
    CHECK(std::string(cubin.bytes.data() + 1, 3) == "ELF");
    CHECK_THAT(cubin.assembler, Catch::StartsWith(nameOf(choice)));
    CHECK(std::isdigit(cubin.assembler.back()));
    CHECK(cubin.resources.registers > 4);
    CHECK(cubin.resources.registers < 33);
    CHECK(cubin.resources.staticShared == 512);
    CHECK(cubin.resources.localBytes == 0);
    CHECK(cubin.resources.spillStores == 0);
    CHECK(cubin.milliseconds > 0);
    CHECK_THAT(cubin.log, Contains("Used "));
  });
}

TEST_CASE("a rejected kernel is a compile error with line, log and command",
          "[runtime]") {
  withEach([](AssemblerChoice choice) {
    Error error = failure(brokenPtx(), toolchain(), choice);
    CHECK(error.kind() == ErrorKind::compile);
    std::string line =
        std::to_string(lineNumber(brokenPtx().text, "mul.bogus"));
    CHECK_THAT(error.message(), Contains(nameOf(choice)) &&
                                    Contains("'scale'") && Contains("sm_90a") &&
                                    Contains("line " + line) &&
                                    Contains(".bogus"));
    std::string notes = joined(error.notes());
    CHECK_THAT(notes, Contains("line " + line + ": mul.bogus.u32"));
    CHECK_THAT(notes, Contains("ptxas -arch=sm_90a -O3 -v ") &&
                          Contains("kernel.ptx -o kernel.cubin"));
    CHECK_THAT(notes, !Contains("lath-"));
  });
}

TEST_CASE("a target that the assembler does not know is a compile error",
          "[runtime]") {
  withEach([](AssemblerChoice choice) {
    Error error = failure(scalePtx("sm_99"), toolchain(), choice);
    CHECK(error.kind() == ErrorKind::compile);
    CHECK_THAT(error.message(), Contains("for sm_99: "));
  });
}

// nvJitLink would end the process on the first of them.
TEST_CASE("a name that is no target never reaches an assembler", "[runtime]") {
  for (const char *name : {"sm_1", "sm_9000", "90a", "sm_90 -o x", ""})
    CHECK(failure(scalePtx(name), toolchain(), AssemblerChoice::automatic)
              .kind() == ErrorKind::unsupported);
}

TEST_CASE("code that the assembler warns to be slow is a compile error",
          "[runtime]") {
  withEach([](AssemblerChoice choice) {
    Error error = failure(uncappedPtx(), toolchain(), choice);
    CHECK(error.kind() == ErrorKind::compile);
    CHECK_THAT(error.message(), Contains("Potential Performance Loss") &&
                                    Contains("setmaxnreg"));
  });
}

TEST_CASE("a kernel with setmaxnreg goes to ptxas, never to nvJitLink",
          "[runtime]") {
  if (!has(AssemblerChoice::ptxas) || !has(AssemblerChoice::nvJitLink)) {
    WARN("skipped: needs ptxas and nvJitLink");
    return;
  }
  Cubin cubin = assemble(cappedPtx());
  CHECK_THAT(cubin.assembler, Catch::StartsWith("ptxas"));
  CHECK(cubin.resources.registers == 168);

  Toolchain alone = toolchain();
  alone.ptxas = ToolSearch();
  CHECK_FALSE(assembleIfPossible(cappedPtx(), alone).has_value());
  Error error = failure(cappedPtx(), alone, AssemblerChoice::automatic);
  CHECK(error.kind() == ErrorKind::toolchain);
  CHECK_THAT(error.message(), Contains("setmaxnreg"));
}

TEST_CASE("assembling leaves no file behind", "[runtime]") {
  if (!has(AssemblerChoice::ptxas)) {
    WARN("skipped: no ptxas");
    return;
  }
  TemporaryFolder parent("/tmp");
  Toolchain tools = toolchain();
  tools.temporaryFolder = parent.file("own");
  std::filesystem::create_directory(tools.temporaryFolder);
  assemble(scalePtx(), tools, AssemblerChoice::ptxas);
  CHECK_THROWS_AS(assemble(brokenPtx(), tools, AssemblerChoice::ptxas), Error);
  CHECK(std::filesystem::is_empty(tools.temporaryFolder));
}

TEST_CASE("a temporary folder that is not there is a toolchain error",
          "[runtime]") {
  if (!has(AssemblerChoice::ptxas)) {
    WARN("skipped: no ptxas");
    return;
  }
  Toolchain tools = toolchain();
  tools.temporaryFolder = "/nonexistent";
  Error error = failure(scalePtx(), tools, AssemblerChoice::ptxas);
  CHECK(error.kind() == ErrorKind::toolchain);
  CHECK_THAT(error.message(), Contains("/nonexistent"));
}

TEST_CASE("an assembler that crashes is a compile error with the signal",
          "[runtime]") {
  TemporaryFolder folder("/tmp");
  writeFile(folder.file("ptxas"), "#!/bin/sh\nkill -SEGV $$\n");
  std::filesystem::permissions(folder.file("ptxas"),
                               std::filesystem::perms::owner_all);
  Environment environment;
  environment.ptxas = folder.file("ptxas");
  Error error =
      failure(scalePtx(), findToolchain(environment), AssemblerChoice::ptxas);
  CHECK(error.kind() == ErrorKind::compile);
  CHECK_THAT(error.message(), Contains("signal 11"));
}

TEST_CASE("LATH_PTXAS naming nonsense is a toolchain error, whatever else is "
          "there",
          "[runtime]") {
  Environment environment;
  environment.ptxas = "/nonexistent/ptxas";
  Toolchain tools = findToolchain(environment);
  for (AssemblerChoice choice :
       {AssemblerChoice::automatic, AssemblerChoice::ptxas}) {
    Error error = failure(scalePtx(), tools, choice);
    CHECK(error.kind() == ErrorKind::toolchain);
    CHECK_THAT(error.message(), Contains("LATH_PTXAS=/nonexistent/ptxas"));
  }
  CHECK_THROWS_AS(assembleIfPossible(scalePtx(), tools), Error);
}

TEST_CASE("LATH_NVJITLINK naming nonsense is a toolchain error", "[runtime]") {
  Environment environment;
  for (const char *nonsense : {"/nonexistent/lib.so", "libm.so.6"}) {
    environment.nvJitLink = nonsense;
    Error error = failure(scalePtx(), findToolchain(environment),
                          AssemblerChoice::automatic);
    CHECK(error.kind() == ErrorKind::toolchain);
    CHECK_THAT(error.message(),
               Contains("LATH_NVJITLINK=") && Contains(nonsense));
  }
}

TEST_CASE("no assembler at all is a toolchain error that lists the places",
          "[runtime]") {
  Toolchain none;
  none.nvJitLinkSearch.looked = {"libnvJitLink.so.13: not found"};
  none.ptxas.looked = {"/somewhere/ptxas"};
  Error error = failure(scalePtx(), none, AssemblerChoice::automatic);
  CHECK(error.kind() == ErrorKind::toolchain);
  CHECK_THAT(joined(error.notes()), Contains("libnvJitLink.so.13") &&
                                        Contains("/somewhere/ptxas") &&
                                        Contains("LATH_PTXAS"));
  CHECK_FALSE(assembleIfPossible(scalePtx(), none).has_value());
  CHECK(none.identity().empty());
}

TEST_CASE("threads assemble at once and get the same code",
          "[runtime][threads]") {
  withEach([](AssemblerChoice choice) {
    std::vector<Cubin> cubins(4);
    std::vector<std::thread> threads;
    for (Cubin &cubin : cubins)
      threads.emplace_back([&] { cubin = assemble(scalePtx(), choice); });
    for (std::thread &thread : threads)
      thread.join();
    for (const Cubin &cubin : cubins) {
      CHECK_FALSE(cubin.bytes.empty());
      CHECK(cubin.bytes == cubins.front().bytes);
      CHECK(cubin.resources.registers == cubins.front().resources.registers);
    }
  });
}

TEST_CASE("a cubin is disassembled, or the missing tool is named",
          "[runtime]") {
  if (!has(AssemblerChoice::nvJitLink) && !has(AssemblerChoice::ptxas)) {
    WARN("skipped: no assembler");
    return;
  }
  const Toolchain &tools = toolchain();
  Cubin cubin = assemble(scalePtx());
  if (tools.cuobjdump.found() || tools.nvdisasm.found()) {
    CHECK_THAT(disassemble(cubin), Contains("STG"));
    return;
  }
  try {
    disassemble(cubin);
    FAIL("disassembled without a disassembler");
  } catch (const Error &error) {
    CHECK(error.kind() == ErrorKind::toolchain);
    CHECK_THAT(error.message(), Contains("cuobjdump"));
    CHECK_THAT(joined(error.notes()), Contains("/usr/local/cuda/bin/nvdisasm"));
  }
}
