// The engine on a GPU, where there is one: streams that run at the same time,
// and graphs.
#include "kernels/engine/Engine.h"
#include "kernels/weights/Workbench.h"
#include "runtime/CudaContext.h"
#include "runtime/CudaDevice.h"
#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>

#include <thread>

using namespace lath;

namespace {

std::shared_ptr<Device> openOrSkip() {
  if (cudaDeviceCount() > 0)
    return openCuda();
  WARN("skipped: no device");
  return nullptr;
}

EngineOptions inMemory() {
  EngineOptions options;
  options.disk = false;
  return options;
}

/// A problem with an output of its own, poisoned.
struct Problem : Workbench {
  Problem(const std::shared_ptr<Device> &device, const GemmSpec &spec,
          std::uint64_t seed)
      : Workbench(device, spec, seed) {
    poison();
    device->synchronize();
  }
  void poison() { poisonOutput(); }
  /// The row behind the last counts as wrong too.
  double error() {
    GemmCheck found = check(result(), spec.reduce);
    return found.strayWrites ? std::numeric_limits<double>::infinity()
                             : found.comparison.relativeFrobenius;
  }
};

GemmSpec splitSpec(Reduce reduce) {
  GemmSpec spec{.m = 16, .n = 1024, .k = 2048};
  spec.split = 4;
  spec.reduce = reduce;
  return spec;
}

/// The chosen schedule, but with a sum through memory, not in a cluster.
Schedule throughMemory(const Engine &engine, const GemmSpec &spec) {
  Schedule schedule = engine.scheduleFor(spec);
  schedule.reduce = spec.reduce;
  return schedule;
}

/// Streams of the test's own.
struct Streams {
  explicit Streams(int count) : driver(cuda::systemDriver()) {
    CudaContext context(driver, 0);
    ContextScope scope(context);
    for (int i = 0; i < count; ++i) {
      cuda::CUstream stream;
      cuda::check(driver,
                  driver.streamCreate(&stream, cuda::CU_STREAM_NON_BLOCKING),
                  "cuStreamCreate");
      all.push_back(stream);
    }
  }
  ~Streams() {
    for (cuda::CUstream stream : all)
      driver.streamDestroy(stream);
  }
  const cuda::Driver &driver;
  std::vector<cuda::CUstream> all;
};

} // namespace

TEST_CASE("one handle on four streams from four threads computes right",
          "[gpu]") {
  auto device = openOrSkip();
  if (!device)
    return;
  for (Reduce reduce : {Reduce::ordered, Reduce::atomic}) {
    Engine engine(device, inMemory());
    Kernel kernel = engine.gemm(splitSpec(reduce),
                                throughMemory(engine, splitSpec(reduce)));
    REQUIRE(kernel.workspace().workspace > 0);
    Streams streams(4);
    std::vector<std::unique_ptr<Problem>> problems;
    for (std::size_t i = 0; i < 4; ++i)
      problems.push_back(
          std::make_unique<Problem>(device, splitSpec(reduce), 10 + i));
    {
      std::vector<std::jthread> threads;
      for (std::size_t i = 0; i < 4; ++i)
        threads.emplace_back([&, i] {
          for (int n = 0; n < 500; ++n)
            kernel.launch(streams.all[i], problems[i]->arguments());
        });
    }
    for (const auto &problem : problems)
      CHECK(problem->error() < 1e-3);
  }
}

TEST_CASE("captured launches replay, and a capture makes nothing", "[gpu]") {
  auto device = openOrSkip();
  if (!device)
    return;
  Engine engine(device, inMemory());
  Problem first(device, splitSpec(Reduce::ordered), 1),
      second(device, splitSpec(Reduce::atomic), 2);
  const Schedule ordered = throughMemory(engine, first.spec),
                 atomic = throughMemory(engine, second.spec);
  engine.gemm(first.spec, ordered);
  engine.gemm(second.spec, atomic);
  Streams streams(1);
  CudaContext context(streams.driver, 0);
  ContextScope scope(context);
  cuda::CUstream stream = streams.all[0];
  engine.prepareStream(stream);

  context.check(streams.driver.streamBeginCapture(
                    stream, cuda::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
                "cuStreamBeginCapture");
  Kernel a = engine.gemmOn(stream, first.spec, ordered);
  Kernel b = engine.gemmOn(stream, second.spec, atomic);
  for (int n = 0; n < 5; ++n) {
    a.launch(stream, first.arguments());
    b.launch(stream, second.arguments());
  }
  GemmSpec absent = splitSpec(Reduce::ordered);
  absent.n = 512;
  CHECK(test::errorOf([&] { engine.gemmOn(stream, absent); }).kind() ==
        ErrorKind::notPrepared);
  cuda::CUgraph graph = nullptr;
  // An illegal call would have ended the capture.
  context.check(streams.driver.streamEndCapture(stream, &graph),
                "cuStreamEndCapture");
  cuda::CUgraphExec executable = nullptr;
  context.check(streams.driver.graphInstantiate(&executable, graph, 0),
                "cuGraphInstantiate");
  for (int n = 0; n < 3; ++n) {
    first.poison();
    second.poison();
    context.check(streams.driver.graphLaunch(executable, stream),
                  "cuGraphLaunch");
    CHECK(first.error() < 1e-3);
    CHECK(second.error() < 1e-3);
  }
  streams.driver.graphExecDestroy(executable);
  streams.driver.graphDestroy(graph);
}

TEST_CASE("machine code loads without its text", "[gpu]") {
  auto device = openOrSkip();
  if (!device)
    return;
  Problem problem(device, splitSpec(Reduce::ordered), 3);
  Engine engine(device, inMemory());
  Kernel kernel = engine.gemm(problem.spec);
  auto code = device->assemble(kernel.ptx());
  REQUIRE(!code.empty());
  Ptx facts = kernel.ptx();
  facts.text.clear();
  CHECK(device->loadAssembled(facts, code)->resources().registers ==
        kernel.loaded().resources().registers);
}
