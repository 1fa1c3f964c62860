// The engine on a driver that records its calls: what launches and captures
// ask of CUDA, and what its errors become.
#include "kernels/engine/Engine.h"
#include "runtime/CudaDevice.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/runtime/FakeDriver.h"

#include <catch2/catch.hpp>

using namespace lath;
using namespace lath::test;

namespace {

/// A device whose assembler returns any bytes: the fake driver loads them.
std::shared_ptr<Device> openFake() {
  return openCuda(fakeDriver(), [](const Ptx &) {
    return Cubin{{'c', 'o', 'd', 'e'}, {}, {}, 0, {}};
  });
}

GemmSpec splitSpec() {
  GemmSpec spec{.m = 8, .n = 64, .k = 256};
  spec.split = 2;
  return spec;
}

/// Needs a workspace and tickets, which a cluster's sum would not.
const Schedule ordered = parseSchedule("bm8bn32bk64w1st2s2");

GemmArguments anyArguments() {
  return {.x = 0x100,
          .qweight = 0x200,
          .scales = 0x300,
          .qzeros = 0,
          .out = 0x500,
          .m = std::nullopt};
}

Stream stream(std::uintptr_t number) {
  return reinterpret_cast<Stream>(number);
}

/// The calls of the driver but those that ask for the current context.
std::vector<std::string> callsOf(const std::function<void()> &body) {
  record().current = primaryContext();
  record().calls.clear();
  body();
  std::erase(record().calls, "ctxGetCurrent");
  return record().calls;
}

using Calls = std::vector<std::string>;

} // namespace

TEST_CASE("a launch on a prepared stream only launches") {
  Engine engine(openFake());
  Kernel kernel = engine.gemm(splitSpec(), ordered);
  CHECK(callsOf([&] { engine.prepareStream(stream(0x70)); }) ==
        Calls{"streamIsCapturing", "memAllocAsync", "memsetD8Async",
              "memAllocAsync"});
  CHECK(callsOf([&] { kernel.launch(stream(0x70), anyArguments()); }) ==
        Calls{"launchKernelEx"});
  // Again there is nothing to prepare.
  CHECK(callsOf([&] { engine.prepareStream(stream(0x70)); }).empty());
}

TEST_CASE("a stream that was not announced gets its workspace in stream order, "
          "once") {
  Engine engine(openFake());
  Kernel kernel = engine.gemm(splitSpec(), ordered);
  auto launch = [&] { kernel.launch(stream(0x70), anyArguments()); };
  CHECK(callsOf(launch) == Calls{"streamIsCapturing", "memAllocAsync",
                                 "memsetD8Async", "memAllocAsync",
                                 "launchKernelEx"});
  CHECK(callsOf(launch) == Calls{"launchKernelEx"});
}

TEST_CASE("streams do not share a workspace, kernels of a stream do") {
  Engine engine(openFake());
  Kernel kernel = engine.gemm(splitSpec(), ordered);
  GemmSpec smaller = splitSpec();
  smaller.n = 32;
  Kernel other = engine.gemm(smaller, ordered);
  record().paramCount = 7; // m, x, qweight, scales, out, workspace, tickets
  kernel.launch(stream(0x70), anyArguments());
  kernel.launch(stream(0x80), anyArguments());
  other.launch(stream(0x70), anyArguments());
  kernel.launch(stream(1), anyArguments()); // the legacy stream by its name
  kernel.launch(nullptr, anyArguments());
  REQUIRE(record().launches.size() == 5);
  for (std::size_t scratch : {5, 6}) {
    auto value = [&](std::size_t launch) {
      return record().launches[launch].wide[scratch];
    };
    CHECK(value(0) != value(1));
    CHECK(value(0) == value(2));
    CHECK(value(3) == value(4));
    CHECK(value(3) != value(0));
    CHECK(value(3) != value(1));
  }
}

TEST_CASE("the per-thread default stream needs a workspace of the caller's") {
  Engine engine(openFake());
  Kernel kernel = engine.gemm(splitSpec(), ordered);
  Error error = errorOf([&] { kernel.launch(stream(2), anyArguments()); });
  CHECK(error.kind() == ErrorKind::invalidInput);
  GemmArguments arguments = anyArguments();
  arguments.workspace = 0x1000;
  arguments.tickets = 0x2000;
  arguments.workspaceBytes = kernel.workspace().workspace;
  arguments.ticketBytes = kernel.workspace().tickets;
  CHECK(callsOf([&] { kernel.launch(stream(2), arguments); }) ==
        Calls{"launchKernelEx"});
}

TEST_CASE("a capture makes nothing") {
  Engine engine(openFake());
  GemmSpec plain{.m = 8, .n = 64, .k = 256};
  plain.split = 1;
  Kernel split = engine.gemm(splitSpec(), ordered);
  engine.gemm(plain);
  record().capturing = true;

  // What needs no workspace, or has one, is recorded.
  CHECK(
      callsOf([&] {
        engine.gemmOn(stream(0x70), plain).launch(stream(0x70), anyArguments());
      }) == Calls{"launchKernelEx"});
  Error error = errorOf([&] { split.launch(stream(0x70), anyArguments()); });
  CHECK(error.kind() == ErrorKind::notPrepared);
  CHECK(error.message() == "a stream that is being captured has no workspace "
                           "for this kernel");
  CHECK(errorOf([&] {
          engine.gemmOn(stream(0x70), splitSpec(), ordered);
        }).kind() == ErrorKind::notPrepared);

  // Nor is a kernel compiled or loaded.
  GemmSpec absent = plain;
  absent.n = 128;
  record().calls.clear();
  CHECK(errorOf([&] { engine.gemmOn(stream(0x70), absent); }).message() ==
        "m8n128k256g128s1: the stream is being captured, and the kernel is not "
        "in memory");
  CHECK(errorOf([&] { engine.gemm(absent); }).kind() == ErrorKind::notPrepared);
  CHECK(errorOf([&] { engine.prepare({&absent, 1}); }).kind() ==
        ErrorKind::notPrepared);
  Program program("p");
  program.view("a", Dtype::f32, {1});
  CHECK(errorOf([&] { engine.load(program); }).kind() ==
        ErrorKind::notPrepared);
  CHECK(count("libraryLoadData") == 0);
  CHECK(count("memAllocAsync") == 0);
  CHECK(engine.stats().compiled == 2);

  record().capturing = false;
  engine.gemmOn(stream(0x70), splitSpec(), ordered);
  record().capturing = true;
  CHECK(callsOf([&] { split.launch(stream(0x70), anyArguments()); }) ==
        Calls{"launchKernelEx"});
  record().capturing = false;
}

TEST_CASE("a capture that the null stream would disturb counts as one") {
  std::shared_ptr<Device> device = openFake();
  record().failing["streamIsCapturing"] = CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  CHECK(device->capturing(nullptr));
  record().failing["streamIsCapturing"] = CUDA_ERROR_ILLEGAL_ADDRESS;
  CHECK(errorOf([&] { device->capturing(nullptr); }).fault() ==
        Fault::contextLost);
}

TEST_CASE("workspaces are freed with the last kernel, not with the engine") {
  Kernel kernel;
  {
    Engine engine(openFake());
    kernel = engine.gemm(splitSpec(), ordered);
    engine.prepareStream(stream(0x70));
  }
  CHECK(record().memory.size() == 2);
  kernel.launch(stream(0x70), anyArguments());
  kernel = Kernel();
  CHECK(record().memory.empty());
  CHECK(count("libraryUnload") == 1);
}

TEST_CASE("a device without memory pools allocates as it can") {
  std::shared_ptr<Device> device;
  {
    Driver driver = fakeDriver();
    record().hasPools = false;
    device = openCuda(driver, {});
  }
  CHECK(callsOf([&] { device->allocateOn(stream(0x70), 64); }) ==
        Calls{"memAlloc"});
}

TEST_CASE("errors of the driver say what they mean for the caller") {
  CHECK(faultOf(CUDA_SUCCESS) == Fault::none);
  CHECK(faultOf(CUDA_ERROR_OUT_OF_MEMORY) == Fault::retry);
  CHECK(faultOf(CUDA_ERROR_DEVICE_UNAVAILABLE) == Fault::retry);
  CHECK(faultOf(CUDA_ERROR_ILLEGAL_ADDRESS) == Fault::contextLost);
  CHECK(faultOf(CUDA_ERROR_LAUNCH_FAILED) == Fault::contextLost);
  CHECK(faultOf(CUDA_ERROR_ECC_UNCORRECTABLE) == Fault::contextLost);
  CHECK(faultOf(CUDA_ERROR_INVALID_VALUE) == Fault::fatal);
  CHECK(faultOf(static_cast<CUresult>(999)) == Fault::fatal);

  Engine engine(openFake());
  Kernel kernel = engine.gemm(splitSpec(), ordered);
  engine.prepareStream(nullptr);
  auto faultOfCall = [](const char *call, CUresult result, auto &&body) {
    record().failing[call] = result;
    Error error = errorOf(body);
    record().failing.clear();
    CHECK(error.kind() == ErrorKind::driver);
    return error.fault();
  };
  auto launch = [&] { kernel.launch(nullptr, anyArguments()); };
  CHECK(faultOfCall("launchKernelEx", CUDA_ERROR_LAUNCH_FAILED, launch) ==
        Fault::contextLost);
  CHECK(faultOfCall("launchKernelEx", CUDA_ERROR_INVALID_VALUE, launch) ==
        Fault::fatal);
  CHECK(faultOfCall("memAllocAsync", CUDA_ERROR_OUT_OF_MEMORY, [&] {
          kernel.launch(stream(0x90), anyArguments());
        }) == Fault::retry);
  // The same call succeeds when there is memory again.
  kernel.launch(stream(0x90), anyArguments());
  GemmSpec other = splitSpec();
  other.n = 128;
  CHECK(faultOfCall("libraryLoadData", CUDA_ERROR_OUT_OF_MEMORY,
                    [&] { engine.gemm(other); }) == Fault::retry);
  CHECK(engine.gemm(other).spec() == other);
}
