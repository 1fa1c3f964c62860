// The engine with a cache on disk: what the next process finds.
#include "kernels/engine/Engine.h"
#include "runtime/CudaDevice.h"
#include "runtime/EmulatedDevice.h"
#include "tests/emulator/Gemm.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/TemporaryFolder.h"
#include "tests/unit/runtime/FakeDriver.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <filesystem>
#include <fstream>

using namespace lath;

namespace {

GemmSpec smallSpec() {
  GemmSpec spec{.m = 8, .n = 64, .k = 256};
  spec.split = 2;
  return spec;
}

EngineOptions onDisk(const test::TemporaryFolder &folder) {
  EngineOptions options;
  options.cache.emplace();
  options.cache->folder = (folder / "cache").string();
  return options;
}

std::vector<std::filesystem::path> entriesOf(const test::TemporaryFolder &f) {
  std::vector<std::filesystem::path> files;
  for (const auto &file :
       std::filesystem::recursive_directory_iterator(f / "cache"))
    if (file.is_regular_file() && file.file_size() > 1000)
      files.push_back(file.path());
  return files;
}

} // namespace

TEST_CASE("a second engine finds on disk what the first compiled") {
  test::TemporaryFolder folder;
  auto device = openEmulator();
  Engine first(device, onDisk(folder));
  Kernel made = first.gemm(smallSpec());
  CHECK(first.stats().compiled == 1);
  CHECK(entriesOf(folder).size() == 1);

  EngineOptions options = onDisk(folder);
  options.policy = Policy::cachedOnly; // a disk is a cache
  Engine second(device, options);
  Kernel found = second.gemm(smallSpec());
  CHECK(second.stats().compiled == 0);
  CHECK(second.stats().fromDisk == 1);
  CHECK(found.ptx().text == made.ptx().text);
  CHECK(found.ptx().workspaceBytesPerTile == made.ptx().workspaceBytesPerTile);
  test::EmulatedGemm gemm(device, smallSpec());
  CHECK(gemm.run(found).relativeFrobenius < 1e-3);

  GemmSpec other = smallSpec();
  other.n = 128;
  Error error = test::errorOf([&] { second.gemm(other); });
  CHECK(error.kind() == ErrorKind::notPrepared);
  CHECK(error.message().find("; on disk: ") != std::string::npos);
}

TEST_CASE("a damaged entry is compiled anew and replaced") {
  test::TemporaryFolder folder;
  auto device = openEmulator();
  Engine(device, onDisk(folder)).gemm(smallSpec());
  auto files = entriesOf(folder);
  REQUIRE(files.size() == 1);
  {
    std::fstream file(files[0],
                      std::ios::in | std::ios::out | std::ios::binary);
    const auto middle =
        static_cast<std::streamoff>(std::filesystem::file_size(files[0]) / 2);
    const int byte = file.seekg(middle).get();
    file.seekp(middle).put(static_cast<char>(byte ^ 1));
    REQUIRE(file.flush());
  }
  Engine second(device, onDisk(folder));
  Kernel kernel = second.gemm(smallSpec());
  CHECK(second.stats().compiled == 1);
  test::EmulatedGemm gemm(device, smallSpec());
  CHECK(gemm.run(kernel).relativeFrobenius < 1e-3);
  Engine third(device, onDisk(folder));
  third.gemm(smallSpec());
  CHECK(third.stats().fromDisk == 1);
}

TEST_CASE("buckets of equal code share an entry, other schedules have others") {
  test::TemporaryFolder folder;
  auto device = openEmulator();
  Engine engine(device, onDisk(folder));
  Schedule schedule = parseSchedule("bm32bn64bk128w4st2s2");
  GemmSpec spec = smallSpec();
  for (std::int64_t m : {24, 32}) {
    spec.m = m;
    engine.gemm(spec, schedule);
  }
  CHECK(entriesOf(folder).size() == 1);
  schedule.stages = 3;
  engine.gemm(spec, schedule);
  CHECK(entriesOf(folder).size() == 2);
}

TEST_CASE("programs of one's own are kept too") {
  test::TemporaryFolder folder;
  auto device = openEmulator();
  auto load = [&](double factor) {
    Engine engine(device, onDisk(folder));
    Program p("scale");
    Index n = p.scalar("n");
    View a = p.view("a", Dtype::f32, {n});
    Range r = p.range(p.programId(0), 128);
    a.store({r}, a.load({r}) * p.splat(factor, Dtype::f32, {128}));
    engine.load(p);
    return engine.stats().compiled;
  };
  CHECK(load(2) == 1);
  CHECK(load(2) == 0);
  CHECK(load(3) == 1);
}

TEST_CASE("another assembler makes other code, an unknown one is not kept") {
  test::TemporaryFolder folder;
  auto compiledBy = [&](const char *identity) {
    auto device = openCuda(
        test::fakeDriver(),
        [](const Ptx &) { return Cubin{{'c', 'o', 'd', 'e'}, {}, {}, 0, {}}; },
        0,
        identity ? [identity] { return std::string(identity); }
                 : std::function<std::string()>());
    Engine engine(device, onDisk(folder));
    engine.gemm(smallSpec());
    return engine.stats().compiled;
  };
  CHECK(compiledBy("ptxas 1") == 1);
  CHECK(compiledBy("ptxas 1") == 0);
  CHECK(compiledBy("ptxas 2") == 1);
  CHECK(compiledBy(nullptr) == 1);
  CHECK(compiledBy(nullptr) == 1);
}

TEST_CASE("without a disk an engine works, and warns once") {
  std::atomic<int> warnings = 0;
  EngineOptions options;
  options.cache.emplace();
  options.cache->folder = "/proc/nonexistent/lath";
  options.cache->warn = [&](const std::string &) { ++warnings; };
  Engine engine(openEmulator(), options);
  engine.gemm(smallSpec());
  GemmSpec other = smallSpec();
  other.n = 128;
  engine.gemm(other);
  CHECK(engine.stats().compiled == 2);
  CHECK(warnings == 1);
}
