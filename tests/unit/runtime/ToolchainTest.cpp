// Finding tools in folders made for the purpose, and running them.

#include <catch2/catch.hpp>

#include "runtime/Process.h"
#include "runtime/Toolchain.h"

#include <filesystem>

using namespace lath;
using Catch::Matchers::Contains;

/// A program that prints what ptxas --version does.
static void makeTool(const std::string &path, const std::string &script) {
  std::filesystem::create_directories(
      std::filesystem::path(path).parent_path());
  writeFile(path, "#!/bin/sh\n" + script);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
}

TEST_CASE("programs are found by PATH in its order", "[runtime]") {
  TemporaryFolder folder("/tmp");
  makeTool(folder.file("b/ptxas"), "exit 0\n");
  makeTool(folder.file("c/ptxas"), "exit 0\n");
  Environment environment;
  environment.path = {folder.file("a"), folder.file("b"), folder.file("c")};
  Toolchain tools = findToolchain(environment);
  CHECK(tools.ptxas.path == folder.file("b/ptxas"));
  CHECK(tools.ptxas.looked == std::vector<std::string>{folder.file("a/ptxas")});
}

TEST_CASE("LATH_PTXAS goes before PATH", "[runtime]") {
  TemporaryFolder folder("/tmp");
  makeTool(folder.file("mine"), "exit 0\n");
  makeTool(folder.file("b/ptxas"), "exit 0\n");
  Environment environment;
  environment.path = {folder.file("b")};
  environment.ptxas = folder.file("mine");
  CHECK(findToolchain(environment).ptxas.path == folder.file("mine"));
}

TEST_CASE("a disassembler is found beside the real ptxas", "[runtime]") {
  TemporaryFolder folder("/tmp");
  makeTool(folder.file("toolkit/bin/ptxas"), "exit 0\n");
  makeTool(folder.file("toolkit/bin/cuobjdump"), "exit 0\n");
  std::filesystem::create_directory(folder.file("links"));
  std::filesystem::create_symlink(folder.file("toolkit/bin/ptxas"),
                                  folder.file("links/ptxas"));
  Environment environment;
  environment.ptxas = folder.file("links/ptxas");
  CHECK(findToolchain(environment).cuobjdump.path ==
        std::filesystem::canonical(folder.file("toolkit/bin/cuobjdump")));
}

TEST_CASE("the report has a version or a problem for every tool", "[runtime]") {
  TemporaryFolder folder("/tmp");
  makeTool(folder.file("ptxas"),
           "echo 'Cuda compilation tools, release 13.0, V13.0.88'\n");
  makeTool(folder.file("cuobjdump"), "exit 3\n");
  Environment environment;
  environment.ptxas = folder.file("ptxas");
  environment.path = {folder.file("")};
  environment.nvJitLink = "/nonexistent/libnvJitLink.so";
  environment.cudaDriver = "/nonexistent/libcuda.so";

  std::vector<ToolReport> tools = inspectToolchain(environment).tools;
  REQUIRE(tools.size() == 5);
  CHECK(tools[0].name == "nvJitLink");
  CHECK_THAT(tools[0].problem, Contains("LATH_NVJITLINK"));
  CHECK(tools[1].name == "ptxas");
  CHECK(tools[1].version == "13.0.88");
  CHECK(tools[1].problem.empty());
  CHECK(tools[2].name == "cuobjdump");
  CHECK_THAT(tools[2].problem, Contains("exit code 3"));
  CHECK(tools[3].name == "nvdisasm");
  CHECK(tools[3].version.empty() == !tools[3].problem.empty());
  CHECK(tools[4].name == "driver");
  CHECK_THAT(tools[4].problem, Contains("LATH_CUDA_DRIVER"));
}

TEST_CASE("the identity of an assembler tells versions apart", "[runtime]") {
  Toolchain tools;
  tools.nvJitLink.emplace();
  tools.nvJitLink->version = "13.0";
  tools.nvJitLink->fileBytes = 7;
  CHECK(tools.identity() == "nvJitLink 13.0 7");
  TemporaryFolder folder("/tmp");
  writeFile(folder.file("ptxas"), "12345");
  tools.ptxas.path = folder.file("ptxas");
  CHECK(tools.identity() == "nvJitLink 13.0 7, ptxas 5");
}

TEST_CASE("a child's output and status come back", "[runtime]") {
  ProcessResult run =
      runProcess({"/bin/sh", "-c", "echo out; echo err >&2; exit 5"});
  CHECK(run.output == "out\nerr\n");
  CHECK(run.exitCode == 5);
  CHECK_FALSE(run.ok());
  CHECK(run.status() == "exit code 5");
  CHECK_THROWS_WITH(runProcess({"/nonexistent/tool"}),
                    Contains("cannot start /nonexistent/tool"));
}

TEST_CASE("a command is printed as a shell takes it", "[runtime]") {
  CHECK(shellCommand({"ptxas", "-O3", "a b", "it's", ""}) ==
        "ptxas -O3 'a b' 'it'\\''s' ''");
}
