// The engine on the emulator: what it promises, and what users do wrong.
#include "kernels/engine/Engine.h"
#include "kernels/gemm/CompileGemm.h"
#include "kernels/gemm/KernelKey.h"
#include "runtime/CudaDevice.h"
#include "runtime/EmulatedDevice.h"
#include "tests/emulator/Gemm.h"
#include "tests/unit/ErrorOf.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include <functional>
#include <set>

using namespace lath;

namespace {
GemmSpec smallSpec() {
  GemmSpec spec;
  spec.m = 8;
  spec.n = 64;
  spec.k = 256;
  spec.split = 2;
  return spec;
}

/// Sums through memory, where the chosen schedule would use a cluster.
const Schedule ordered = parseSchedule("bm8bn32bk64w1st2s2");

Error launchError(const Kernel &kernel, const GemmArguments &arguments) {
  try {
    kernel.launch(nullptr, arguments);
  } catch (const Error &error) {
    return error;
  }
  FAIL("the launch succeeded");
  return Error(ErrorKind::internal, "");
}
} // namespace

TEST_CASE("a launch with a wrong argument says which and does nothing") {
  auto device = openEmulator();
  Engine engine(device);
  Kernel kernel = engine.gemm(smallSpec());
  test::EmulatedGemm gemm(device, smallSpec());
  const GemmArguments good = gemm.arguments();

  GemmArguments bad = good;
  bad.m = 9;
  CHECK(launchError(kernel, bad).message() ==
        "launch of m8n64k256g128s2: m = 9 is not in 0..8");
  bad.m = -1;
  CHECK(launchError(kernel, bad).message() ==
        "launch of m8n64k256g128s2: m = -1 is not in 0..8");
  bad = good;
  bad.scales = 0;
  CHECK(launchError(kernel, bad).message() ==
        "launch of m8n64k256g128s2: scales is 0x0; expected a device pointer "
        "aligned to 16 bytes");
  bad = good;
  bad.x = 0x1008;
  CHECK(launchError(kernel, bad).kind() == ErrorKind::invalidInput);
  CHECK(launchError(kernel, bad).message() ==
        "launch of m8n64k256g128s2: x is 0x1008; expected a device pointer "
        "aligned to 16 bytes");

  // After all that the kernel still is right: no ticket was taken.
  CHECK(gemm.run(kernel).relativeFrobenius < 1e-3);
}

TEST_CASE("a launch of no rows reads and writes nothing") {
  auto device = openEmulator();
  Engine engine(device);
  GemmSpec inOutput = smallSpec();
  inOutput.reduce = Reduce::atomicOut; // whose launch clears the output first
  for (const GemmSpec &spec : {smallSpec(), inOutput}) {
    Kernel kernel = engine.gemm(spec);
    test::EmulatedGemm gemm(device, spec);
    device->fill(gemm.out.get(), poison & 0xff, gemm.out.bytes());
    kernel.launch(nullptr, gemm.arguments(0));
    kernel.launch(nullptr, {.m = 0}); // an empty batch may have no memory
    std::vector<std::uint16_t> out(static_cast<std::size_t>(spec.m * spec.n));
    device->download(out.data(), gemm.out.get(), 2 * out.size());
    CHECK(countPoison(out.data(), spec.m * spec.n) == spec.m * spec.n);
    CHECK(kernel.workspace(0).tickets == 0);
    CHECK(kernel.workspace(0).workspace == 0);
    CHECK(gemm.run(kernel).relativeFrobenius < 3e-3);
  }
}

TEST_CASE("a spec that is impossible never becomes a kernel") {
  Engine engine(openEmulator());
  GemmSpec spec = smallSpec();
  spec.n = 60;
  CHECK_THROWS_AS(engine.gemm(spec), Error);
  spec = smallSpec();
  // The same request again fails again, with the same message.
  spec.k = 100;
  std::string first, second;
  for (std::string *message : {&first, &second})
    try {
      engine.gemm(spec);
    } catch (const Error &error) {
      *message = error.message();
    }
  CHECK(!first.empty());
  CHECK(first == second);
}

TEST_CASE("kernels of one stream share its workspace, whatever they are") {
  auto device = openEmulator();
  Engine engine(device);
  GemmSpec inOrder = smallSpec(), atomic = smallSpec(), wide = smallSpec();
  atomic.reduce = Reduce::atomic;
  wide.split = 4;
  wide.m = 24;
  Kernel a = engine.gemm(inOrder, ordered), b = engine.gemm(atomic);
  REQUIRE(a.workspace().workspace > 0);
  const Schedule wider = parseSchedule("bm32bn32bk64w2st2s4");
  test::EmulatedGemm gemm(device, inOrder), other(device, atomic),
      large(device, wide);
  // What an ordered split leaves behind must not reach the atomic one, and a
  // larger kernel replaces the arena between launches.
  for (int i = 0; i < 2; ++i) {
    CHECK(gemm.run(a, 5, 1).relativeFrobenius < 1e-3);
    CHECK(other.run(b, 8, 1).relativeFrobenius < 1e-3);
    CHECK(large.run(engine.gemm(wide, wider), 24, 1).relativeFrobenius < 1e-3);
  }
}

TEST_CASE("a workspace of the caller's is used and checked") {
  auto device = openEmulator();
  Engine engine(device);
  Kernel kernel = engine.gemm(smallSpec(), ordered);
  WorkspaceSize size = kernel.workspace();
  CHECK(size.tickets > 0);
  CHECK(size.workspace > 0);
  CHECK(!size.zeroed);
  CHECK(kernel.workspace(1).workspace <= size.workspace);
  DeviceBuffer workspace(device, size.workspace), tickets(device, size.tickets);
  device->fill(tickets.get(), 0, tickets.bytes());
  test::EmulatedGemm gemm(device, smallSpec());
  GemmArguments arguments = gemm.arguments();
  arguments.workspace = workspace.get();
  arguments.workspaceBytes = workspace.bytes();
  CHECK(launchError(kernel, arguments).message() ==
        "launch of m8n64k256g128s2: tickets is 0x0; expected a device pointer "
        "aligned to 16 bytes");
  arguments.tickets = tickets.get();
  arguments.ticketBytes = tickets.bytes();
  kernel.launch(nullptr, arguments);
  std::vector<char> used(workspace.bytes());
  device->download(used.data(), workspace.get(), used.size());
  CHECK(std::any_of(used.begin(), used.end(), [](char c) { return c != 0; }));

  arguments.workspaceBytes = 16;
  CHECK(launchError(kernel, arguments).message() ==
        "launch of m8n64k256g128s2: workspace has 16 bytes; m = 8 needs " +
            std::to_string(size.workspace));
}

TEST_CASE("rows are raised to a bucket, and launches default to the rows asked "
          "for") {
  auto device = openEmulator();
  Engine engine(device);
  GemmSpec spec = smallSpec();
  spec.m = 13;
  Kernel kernel = engine.gemm(spec);
  CHECK(kernel.spec().m == 16);
  CHECK(kernel.rows() == 13);
  spec.m = 15;
  CHECK(&engine.gemm(spec).loaded() == &kernel.loaded());
  CHECK(engine.stats().entries == 1);
  // The tensors have 13 rows: a launch that took 16 would read beyond them.
  spec.m = 13;
  test::EmulatedGemm gemm(device, spec);
  device->expectWritten(gemm.out.get(), gemm.out.bytes());
  kernel.launch(nullptr, gemm.arguments());
}

TEST_CASE("buckets whose code is equal are compiled once") {
  Engine engine(openEmulator());
  GemmSpec spec = smallSpec();
  Schedule schedule = parseSchedule("bm32bn64bk128w4st2s2");
  spec.m = 32;
  Kernel all = engine.gemm(spec, schedule);
  spec.m = 24;
  Kernel some = engine.gemm(spec, schedule);
  CHECK(&some.loaded() == &all.loaded());
  CHECK(engine.stats().compiled == 1);
  CHECK(engine.stats().entries == 2);
  // That is right only while the code does not depend on the rows.
  const Target &target = engine.target();
  CHECK(compileGemm(spec, schedule, target).ptx.text ==
        compileGemm(all.spec(), schedule, target).ptx.text);
  GemmSpec many = spec;
  many.m = 512;
  many = codeSpec(many, schedule);
  GemmSpec fewer = many;
  fewer.m = 48;
  CHECK(compileGemm(many, schedule, target).ptx.text ==
        compileGemm(fewer, schedule, target).ptx.text);
}

TEST_CASE("a tile keeps as many rows in shared memory as there are") {
  // Of the eight columns of an instruction; a bucket's kernel takes fewer too.
  auto device = openEmulator();
  Engine engine(device);
  Schedule schedule = parseSchedule("bm8bn32bk128w2st2s2");
  std::vector<unsigned> bytes;
  for (std::int64_t m : {1, 2, 4, 8}) {
    GemmSpec spec = smallSpec();
    spec.m = m;
    Kernel kernel = engine.gemm(spec, schedule);
    bytes.push_back(kernel.ptx().sharedBytes);
    test::EmulatedGemm gemm(device, spec);
    for (std::int64_t rows = 1; rows <= m; ++rows)
      CHECK(gemm.run(kernel, rows).relativeFrobenius < 1e-3);
  }
  // Two stages of 128 halves for each row more.
  CHECK(bytes[1] - bytes[0] == 512);
  CHECK(bytes[2] - bytes[1] == 1024);
  CHECK(bytes[3] - bytes[2] == 2048);
}

TEST_CASE("an engine that may not compile says so, and names what it has") {
  auto device = openEmulator();
  Engine engine(device);
  GemmSpec spec = smallSpec();
  spec.m = 16;
  engine.gemm(spec);
  engine.setPolicy(Policy::cachedOnly);
  CHECK(engine.gemm(spec).spec() == spec);
  GemmSpec other = spec;
  other.m = 4;
  Error error = test::errorOf([&] { engine.gemm(other); });
  CHECK(error.kind() == ErrorKind::notPrepared);
  CHECK(error.message() == "m4n64k256g128s2: no kernel is prepared, and the "
                           "engine may not compile");
  REQUIRE(error.notes().size() == 1);
  CHECK(error.notes()[0].starts_with("Engine::nearest finds m16n64k256g128s2"));
  CHECK(engine.stats().compiled == 1);

  Kernel nearest = engine.nearest(other);
  REQUIRE(nearest);
  CHECK(nearest.spec().m == 16);
  CHECK(nearest.rows() == 4);
  test::EmulatedGemm gemm(device, other);
  CHECK(gemm.run(nearest).relativeFrobenius < 1e-3);
}

TEST_CASE("the nearest kernel is one that computes the same") {
  Engine engine(openEmulator());
  GemmSpec spec = smallSpec();
  spec.m = 16;
  engine.gemm(spec);
  GemmSpec larger = spec;
  larger.m = 24;
  engine.gemm(larger);
  GemmSpec atomic = spec;
  atomic.m = 8;
  atomic.reduce = Reduce::atomic;
  engine.gemm(atomic);

  CHECK(engine.nearest(spec).spec() == spec);
  GemmSpec asked = spec;
  asked.m = 17;
  CHECK(engine.nearest(asked).spec().m == 24);
  asked.m = 25;
  CHECK(!engine.nearest(asked));
  // Atomic sums differ from launch to launch: not for who asks for ordered.
  asked.m = 2;
  CHECK(engine.nearest(asked).spec().m == 16);
  asked.reduce = Reduce::atomic;
  CHECK(engine.nearest(asked).spec().m == 8);
  asked.n = 128;
  CHECK(!engine.nearest(asked));
  asked.n = 60;
  CHECK_THROWS_AS(engine.nearest(asked), Error);
}

TEST_CASE("an engine takes a GPU if there is one, else the emulator") {
  EngineOptions options;
  options.disk = false;
  Engine engine(options);
  const bool emulated =
      engine.device()->info().name.find("emulator") != std::string::npos;
  CHECK(emulated == (cudaDeviceCount() == 0));
  CHECK(engine.gemm(parseGemmSpec("m1n64k256")).rows() == 1);
}

TEST_CASE("a dependent kernel serves only who asks for chained launches") {
  // It reads weights while the launch before it may still be writing them.
  GemmSpec alone = parseGemmSpec("m8n64k256"), chained = alone;
  chained.launches = Launches::chained;
  Schedule schedule = parseSchedule("bm8bn32bk128w2st2s1,dep=end");
  CHECK(serves(chained, schedule, chained));
  CHECK_FALSE(serves(chained, schedule, alone));
  schedule.dependent = Dependent::none;
  CHECK(serves(chained, schedule, alone));
  CHECK(serves(alone, schedule, chained));
}

TEST_CASE("prepare makes all kernels and reports each") {
  Engine engine(openEmulator());
  std::vector<GemmSpec> specs = bucketSpecs(smallSpec(), 32);
  REQUIRE(specs.size() == 7);
  std::vector<PrepareProgress> seen;
  std::vector<Kernel> kernels = engine.prepare(
      specs, [&](const PrepareProgress &p) { seen.push_back(p); });
  REQUIRE(kernels.size() == specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i)
    CHECK(kernels[i].spec() == specs[i]);
  REQUIRE(seen.size() == specs.size());
  for (std::size_t i = 0; i < seen.size(); ++i) {
    CHECK(seen[i].done == i + 1);
    CHECK(seen[i].total == specs.size());
    CHECK(!seen[i].error);
  }
  EngineStats stats = engine.stats();
  CHECK(stats.entries == specs.size());
  CHECK(std::count_if(seen.begin(), seen.end(), [](const PrepareProgress &p) {
          return p.source == KernelSource::compiled;
        }) == static_cast<std::ptrdiff_t>(stats.compiled));
  CHECK(stats.compiled < specs.size()); // 24 and 32 rows share a tile
  // A second time there is nothing to do.
  seen.clear();
  engine.prepare(specs, [&](const PrepareProgress &p) {
    CHECK(p.source == KernelSource::memory);
  });
  CHECK(engine.stats().compiled == stats.compiled);
}

TEST_CASE("prepare makes what it can, and throws the first error after that") {
  Engine engine(openEmulator());
  std::vector<GemmSpec> specs(4, smallSpec());
  specs[1].n = 60;
  specs[3].k = 100;
  std::size_t failed = 0;
  Error error = test::errorOf([&] {
    engine.prepare(
        specs, [&](const PrepareProgress &p) { failed += p.error != nullptr; });
  });
  CHECK(failed == 2);
  CHECK(error.kind() == ErrorKind::invalidSpec);
  CHECK(error.message().find("60") != std::string::npos);
  REQUIRE(error.notes().size() >= 2);
  CHECK(error.notes()[error.notes().size() - 2] ==
        "2 of 4 specs failed; the others:");
  CHECK(engine.stats().entries == 1);
  // What the callback throws ends it.
  CHECK_THROWS_AS(
      engine.prepare(specs, [](const PrepareProgress &) { throw 42; }), int);
}

TEST_CASE("kernels over the bound go, but not those that are held") {
  EngineOptions options;
  options.memoryBytes = 1;
  Engine engine(openEmulator(), options);
  GemmSpec a = smallSpec(), b = smallSpec(), c = smallSpec();
  b.n = 128;
  c.n = 192;
  Kernel held = engine.gemm(a);
  engine.gemm(b);
  engine.gemm(c);
  EngineStats stats = engine.stats();
  CHECK(stats.compiled == 3);
  CHECK(stats.dropped == 1); // b, when c came
  CHECK(stats.entries == 2);
  engine.setPolicy(Policy::cachedOnly);
  CHECK(&engine.gemm(a).loaded() == &held.loaded());
  CHECK_THROWS_AS(engine.gemm(b), Error);
}

TEST_CASE("kernels outlive their engine") {
  auto device = openEmulator();
  Kernel kernel;
  {
    Engine engine(device);
    kernel = engine.gemm(smallSpec());
  }
  test::EmulatedGemm gemm(device, smallSpec());
  CHECK(gemm.run(kernel).relativeFrobenius < 1e-3);
}

TEST_CASE("what is no kernel, device or pack is refused") {
  Kernel empty;
  CHECK(!empty);
  CHECK(launchError(empty, {}).message() ==
        "this Kernel is empty: Engine::gemm returns kernels");
  CHECK(test::errorOf([] { Engine engine(nullptr); }).kind() ==
        ErrorKind::invalidInput);
  Engine engine(openEmulator());
  CHECK(test::errorOf([&] { engine.addPack(nullptr); }).kind() ==
        ErrorKind::invalidInput);
  CHECK(test::errorOf([&] { bucketSpecs(smallSpec(), 0); }).message() ==
        "0 rows are not in 1..65536");
}

TEST_CASE("a program of one's own is compiled once") {
  auto device = openEmulator();
  Engine engine(device);
  auto add = [] {
    auto program = std::make_unique<Program>("add");
    Program &p = *program;
    Index n = p.scalar("n");
    View a = p.view("a", Dtype::f32, {n}), c = p.view("c", Dtype::f32, {n});
    Range r = p.range(p.programId(0), 128);
    c.store({r}, a.load({r}) + a.load({r}));
    return program;
  };
  auto first = engine.load(*add());
  auto second = engine.load(*add());
  CHECK(first == second);
  CHECK(engine.stats().compiled == 1);
  CompileOptions wide;
  wide.warps = 2;
  CHECK(engine.load(*add(), wide) != first);
  // Whatever a choice changes in the code is part of the key.
  std::set<std::string> texts{print(CompileOptions{})};
  auto other = [&](const std::function<void(CompileOptions &)> &change) {
    CompileOptions options;
    change(options);
    CHECK(texts.insert(print(options)).second);
  };
  other([](CompileOptions &o) { o.target = &target("sm_80"); });
  other([](CompileOptions &o) { o.rows = 1; });
  for (const KernelWord &word : kernelWords())
    other([&](CompileOptions &o) {
      word.set(o, word.get(o) == word.least ? word.most : word.least);
    });

  DeviceBuffer a(device, 400), c(device, 400);
  std::vector<float> in(100, 1.5f), out(100);
  device->upload(a.get(), in.data(), 400);
  std::uint64_t args[] = {100, a.get(), c.get()};
  first->launch(nullptr, {}, args);
  device->download(out.data(), c.get(), 400);
  CHECK(out == std::vector<float>(100, 3.0f));

  engine.setPolicy(Policy::cachedOnly);
  CHECK(engine.load(*add()) == first);
  wide.warps = 8;
  CHECK(test::errorOf([&] { engine.load(*add(), wide); }).kind() ==
        ErrorKind::notPrepared);
}
