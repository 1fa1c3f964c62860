// The engine, asked by many threads at once. With the thread sanitizer (preset
// tsan) these tests look for races.
#include "kernels/engine/Engine.h"
#include "kernels/tune/Tuner.h"
#include "kernels/tuned/TuningDb.h"
#include "runtime/CudaDevice.h"
#include "tests/emulator/Gemm.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/TemporaryFolder.h"
#include "tests/unit/Together.h"
#include "tests/unit/runtime/FakeDriver.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>

using namespace lath;
using namespace lath::test;

namespace {

constexpr int threadCount = 8;

GemmSpec smallSpec(std::int64_t n = 64) {
  GemmSpec spec{.m = 8, .n = n, .k = 256};
  spec.split = 2;
  return spec;
}

/// Needs a workspace and tickets, which a cluster's sum would not.
const Schedule ordered = parseSchedule("bm8bn32bk64w1st2s2");

Stream stream(int number) {
  return reinterpret_cast<Stream>(std::uintptr_t(0x100) * (1 + number));
}

GemmArguments anyArguments() {
  return {.x = 0x100, .qweight = 0x200, .scales = 0x300, .out = 0x500};
}

/// A GPU whose calls do nothing. What they record is each thread's own.
std::shared_ptr<Device> openFake() {
  return openCuda(fakeDriver(), [](const Ptx &) {
    return Cubin{{'c', 'o', 'd', 'e'}, {}, {}, 0, {}};
  });
}

} // namespace

TEST_CASE("threads that ask for one kernel share one compile", "[threads]") {
  Engine engine(openEmulator());
  std::array<Kernel, threadCount> kernels;
  together(threadCount, [&](int t) { kernels[t] = engine.gemm(smallSpec()); });
  for (const Kernel &kernel : kernels)
    CHECK(&kernel.loaded() == &kernels.front().loaded());
  CHECK(engine.stats().compiled == 1);
  CHECK(engine.stats().entries == 1);
}

TEST_CASE("threads that ask for different kernels get their own", "[threads]") {
  Engine engine(openEmulator());
  std::array<Kernel, threadCount> kernels;
  // Two threads for each.
  auto spec = [](int t) { return smallSpec(32 * (1 + t / 2)); };
  together(threadCount, [&](int t) { kernels[t] = engine.gemm(spec(t)); });
  for (int t = 0; t < threadCount; ++t) {
    CHECK(kernels[t].spec() == spec(t));
    CHECK(&kernels[t].loaded() == &kernels[t / 2 * 2].loaded());
  }
  CHECK(engine.stats().compiled == threadCount / 2);
}

TEST_CASE("a failure is told to every thread that asked", "[threads]") {
  EngineOptions options;
  options.policy = Policy::cachedOnly;
  Engine engine(openEmulator(), options);
  std::array<std::string, threadCount> messages;
  together(threadCount, [&](int t) {
    for (int i = 0; i < 20; ++i)
      messages[t] = errorOf([&] { engine.gemm(smallSpec()); }).message();
  });
  for (const std::string &message : messages)
    CHECK(message == "m8n64k256g128s2: no kernel is prepared, and the engine "
                     "may not compile");
}

TEST_CASE("threads that ask for many kernels get each, though some go",
          "[threads]") {
  std::vector<GemmSpec> specs{smallSpec(32), smallSpec(64), smallSpec(96)};
  Engine roomy(openEmulator());
  roomy.prepare(specs);
  EngineOptions options;
  options.memoryBytes = roomy.stats().bytes * 3 / 4; // two of three
  Engine engine(openEmulator(), options);
  std::atomic<int> wrong = 0;
  together(threadCount, [&](int t) {
    for (int i = 0; i < 40; ++i) {
      const GemmSpec &spec = specs[(i / 4 + t) % specs.size()];
      wrong += engine.gemm(spec).spec() != spec;
      wrong += !engine.nearest(spec) && engine.stats().dropped == 0;
    }
  });
  CHECK(wrong == 0);
  // While all were held none could go; now the oldest does.
  for (const GemmSpec &spec : specs)
    engine.gemm(spec);
  engine.gemm(smallSpec(128));
  CHECK(engine.stats().dropped > 0);
  CHECK(engine.stats().bytes <= options.memoryBytes);
}

TEST_CASE("one handle on several streams from many threads computes right",
          "[threads]") {
  auto device = openEmulator();
  Engine engine(device);
  const Kernel kernel = engine.gemm(smallSpec(), ordered);
  REQUIRE(kernel.workspace().workspace > 0);
  struct Problem : EmulatedGemm {
    using EmulatedGemm::EmulatedGemm;
    double worst = 0;
  };
  std::vector<std::unique_ptr<Problem>> problems;
  for (int t = 0; t < threadCount; ++t)
    problems.push_back(std::make_unique<Problem>(device, smallSpec(), 10 * t));
  together(threadCount, [&](int t) {
    Problem &p = *problems[t];
    for (int i = 0; i < 5; ++i) {
      device->fill(p.out.get(), 0xff, p.out.bytes());
      // Two threads share a stream, each of them changes its stream.
      kernel.launch(stream((t + i) % (threadCount / 2)), p.arguments());
      p.worst = std::max(
          p.worst,
          p.check(p.result(), Reduce::ordered).comparison.relativeFrobenius);
    }
  });
  for (const auto &p : problems)
    CHECK(p->worst < 1e-3);
}

TEST_CASE("engines on one folder compile a cold kernel once", "[threads]") {
  TemporaryFolder folder;
  auto device = openEmulator();
  EngineOptions options;
  options.cache.emplace();
  options.cache->folder = (folder / "cache").string();
  options.cache->patience = 3'600'000; // however slow the machine is
  constexpr int engineCount = 4;
  std::vector<Engine> engines;
  for (int i = 0; i < engineCount; ++i)
    engines.emplace_back(device, options);
  std::array<std::string, threadCount> texts;
  together(threadCount, [&](int t) {
    texts[t] = engines[t % engineCount].gemm(smallSpec()).ptx().text;
  });
  CHECK(!texts[0].empty());
  for (const std::string &text : texts)
    CHECK(text == texts[0]);
  std::uint64_t compiled = 0, fromDisk = 0;
  for (const Engine &engine : engines) {
    compiled += engine.stats().compiled;
    fromDisk += engine.stats().fromDisk;
  }
  CHECK(compiled == 1);
  CHECK(fromDisk == engineCount - 1);
}

TEST_CASE("all calls of an engine at once", "[threads]") {
  TemporaryFolder folder;
  EngineOptions options;
  options.memoryBytes = 32 << 10; // of a few kernels
  Engine engine(openFake(), options);
  std::vector<GemmSpec> specs;
  for (std::int64_t n : {32, 64, 96, 128})
    specs.push_back(smallSpec(n));
  std::vector<GemmSpec> buckets = bucketSpecs(smallSpec(), 24);
  std::atomic<int> wrong = 0, reported = 0, launched = 0, refused = 0,
                   served = 0;

  auto launch = [&](const Kernel &kernel, int on) {
    kernel.launch(stream(on), anyArguments());
    ++launched;
  };
  // What a thread may be told while another forbids to compile.
  auto allowed = [&](const std::function<void()> &call) {
    try {
      call();
      ++served;
    } catch (const Error &error) {
      if (error.kind() != ErrorKind::notPrepared)
        throw;
      ++refused;
    }
  };
  const std::vector<std::function<void(int)>> calls{
      [&](int i) {
        const GemmSpec &spec = specs[i % specs.size()];
        allowed([&] {
          Kernel kernel = engine.gemm(spec);
          wrong += kernel.spec() != spec;
          launch(kernel, i % 3);
        });
      },
      [&](int i) {
        const GemmSpec &spec = specs[i % specs.size()];
        allowed([&] {
          Kernel kernel = engine.gemmOn(stream(3), spec, ordered);
          wrong += kernel.schedule() != ordered;
          launch(kernel, 3);
        });
      },
      [&](int i) {
        const GemmSpec &spec = buckets[i % buckets.size()];
        if (Kernel kernel = engine.nearest(spec)) {
          wrong += kernel.spec().n != spec.n || kernel.spec().m < spec.m;
          launch(kernel, i % 3);
        }
      },
      [&](int) {
        allowed([&] {
          std::size_t done = 0;
          engine.prepare(buckets, [&](const PrepareProgress &p) {
            wrong += p.done != ++done;
            ++reported;
          });
        });
      },
      [&](int i) {
        TuneOptions few;
        few.candidates = 2;
        few.threads = 2;
        // Results are wrong on this driver: no winner, but all is measured.
        TuneReport report =
            engine.tune(std::array{specs[i % 2]}, few, folder / "db");
        wrong += report.results.size() != 1;
      },
      [&](int i) {
        engine.prepareStream(stream(i % 5));
        engine.setPolicy(i % 4 ? Policy::compile : Policy::cachedOnly);
        wrong += engine.stats().entries > 100;
        wrong += engine.scheduleFor(specs[0]).blockM < 8;
      },
      [&](int i) {
        Program p("fill");
        Index n = p.scalar("n");
        View a = p.view("a", Dtype::f32, {n});
        Range r = p.range(p.programId(0), 128);
        a.store({r}, p.splat(i % 3, Dtype::f32, {128}));
        allowed([&] { wrong += engine.load(p)->ptx().params.size() != 2; });
      },
  };
  // Tuning and preparing take as long as many of the others.
  const std::array<int, 7> rounds{60, 60, 300, 4, 2, 300, 30};
  REQUIRE(rounds.size() == calls.size());
  together(static_cast<int>(calls.size()) + 1, [&](int t) {
    const std::size_t which = std::size_t(t) % calls.size(); // two of the first
    for (int i = 0; i < rounds[which]; ++i)
      calls[which](i);
  });
  CHECK(wrong == 0);
  // Whether any was served depends on who ran when.
  CHECK(served + refused == 3 * rounds[0] + rounds[3] + rounds[6]);
  CHECK(reported == 4 * int(buckets.size()));
  CHECK(TuningDb(folder / "db", TuningDb::Mode::read).all().size() > 0);
  // And after all that every kernel is still to be had.
  engine.setPolicy(Policy::compile);
  for (const GemmSpec &spec : specs) {
    Kernel kernel = engine.gemm(spec);
    CHECK(kernel.spec() == spec);
    launch(kernel, 0);
  }
  CHECK(launched >= int(specs.size()));
  engine.gemm(smallSpec(160));
  CHECK(engine.stats().dropped > 0);
}
