// CudaDevice on a driver that only records its calls.

#include <catch2/catch.hpp>

#include "FakeDriver.h"
#include "SamplePtx.h"
#include "runtime/CudaDevice.h"
#include "runtime/CudaKernel.h"

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;

static std::shared_ptr<Device> openFake(const Driver &driver) {
  return openCuda(driver, [](const Ptx &) { return std::nullopt; });
}

static std::shared_ptr<Device> openFake() { return openFake(fakeDriver()); }

static const std::vector<char> machineCode{'E', 'L', 'F'};

static std::string joined(const std::vector<std::string> &notes) {
  std::string text;
  for (const std::string &note : notes)
    text += note + "\n";
  return text;
}

TEST_CASE("device facts come from the driver", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  CHECK(device->info().name == "Fake GPU");
  CHECK(device->info().target == "sm_90a");
  CHECK(device->info().smCount == 132);
  CHECK(device->info().l2Bytes == 4096);
  CHECK(device->info().driverVersion == 13000);
  CHECK_FALSE(device->info().driverText.empty());
}

TEST_CASE("a device that is not there is a driver error with the count",
          "[runtime]") {
  Driver driver = fakeDriver();
  try {
    openCuda(driver, nullptr, 1);
    FAIL("opened device 1 of 1");
  } catch (const Error &error) {
    CHECK(error.kind() == ErrorKind::driver);
    CHECK_THAT(error.message(), Contains("no CUDA device 1"));
  }
  CHECK(count("primaryCtxRetain") == 0);
}

TEST_CASE("the primary context is released after the last kernel",
          "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  auto kernel = device->loadAssembled(scalePtx(), machineCode);
  device.reset();
  CHECK(count("primaryCtxRelease") == 0);
  kernel.reset();
  CHECK(count("libraryUnload") == 1);
  CHECK(count("primaryCtxRelease") == 1);
  CHECK(record().calls.back() == "primaryCtxRelease");
}

TEST_CASE("a call leaves the thread's current context as it was", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  auto other = reinterpret_cast<CUcontext>(0x99);
  record().current = other;
  device->synchronize();
  CHECK(record().current == other);
  CHECK(count("ctxSetCurrent") == 2);

  record().current = primaryContext();
  record().calls.clear();
  device->synchronize();
  CHECK(count("ctxGetCurrent") == 1);
  CHECK(count("ctxSetCurrent") == 0);
}

TEST_CASE("a buffer frees its memory exactly once", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  {
    DeviceBuffer first(device, 64);
    DeviceBuffer second(std::move(first));
    DeviceBuffer third;
    third = std::move(second);
    CHECK(third.bytes() == 64);
    CHECK(third.get() != 0);
    CHECK(record().memory.size() == 1);
  }
  CHECK(count("memFree") == 1);
  CHECK(record().memory.empty());
  {
    DeviceBuffer empty(device, 0);
  }
  CHECK(count("memAlloc") == 1);
  CHECK(count("memFree") == 1);
}

TEST_CASE("memory that does not fit says how much was asked for", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  record().failing["memAlloc"] = CUDA_ERROR_OUT_OF_MEMORY;
  CHECK_THROWS_WITH(device->allocate(12345),
                    Contains("CUDA_ERROR_OUT_OF_MEMORY") &&
                        Contains("12345 bytes"));
}

TEST_CASE("an upload has arrived when it returns", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  record().calls.clear();
  record().current = primaryContext();
  device->upload(0x1000, "x", 1);
  CHECK(record().calls == std::vector<std::string>{"ctxGetCurrent",
                                                   "memcpyHtoD",
                                                   "streamSynchronize"});
}

TEST_CASE("a launch passes what the kernel declares", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  Ptx ptx = scalePtx();
  ptx.sharedBytes = 1024;
  auto kernel = device->loadAssembled(ptx, machineCode);
  record().paramCount = 4;
  std::uint64_t args[] = {0x7f0011223344, 0x7f00aabbccdd, 3, 0x5'0000'0010};
  auto stream = reinterpret_cast<Stream>(0x77);
  kernel->launch(stream, {.grid = {5, 6, 7}}, args);

  REQUIRE(record().launches.size() == 1);
  const FakeLaunch &launch = record().launches.front();
  CHECK(launch.wide[0] == 0x7f0011223344);
  CHECK(launch.wide[1] == 0x7f00aabbccdd);
  CHECK(launch.narrow[2] == 3);
  CHECK(launch.narrow[3] == 0x10);
  CHECK(launch.config.gridDimX == 5);
  CHECK(launch.config.gridDimY == 6);
  CHECK(launch.config.gridDimZ == 7);
  CHECK(launch.config.blockDimX == 128);
  CHECK(launch.config.blockDimY == 1);
  CHECK(launch.config.blockDimZ == 1);
  CHECK(launch.config.sharedMemBytes == 1024);
  CHECK(static_cast<void *>(launch.config.hStream) == stream);
  CHECK(launch.attributes.empty());
}

TEST_CASE("a dependent launch carries the attribute, others carry none",
          "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  auto kernel = device->loadAssembled(scalePtx(), machineCode);
  std::uint64_t args[4] = {};
  kernel->launch(nullptr, {.dependent = true}, args);
  kernel->launch(nullptr, {.dependent = false}, args);
  REQUIRE(record().launches.size() == 2);
  const auto &attributes = record().launches[0].attributes;
  REQUIRE(attributes.size() == 1);
  CHECK(attributes[0].id ==
        CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
  CHECK(attributes[0].value.programmaticStreamSerializationAllowed == 1);
  CHECK(record().launches[1].attributes.empty());
}

TEST_CASE("a launch makes no driver call but the launch itself", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  auto kernel = device->loadAssembled(scalePtx(), machineCode);
  record().current = primaryContext();
  record().calls.clear();
  std::uint64_t args[4] = {};
  kernel->launch(nullptr, {}, args);
  CHECK(record().calls ==
        std::vector<std::string>{"ctxGetCurrent", "launchKernelEx"});
}

TEST_CASE("a wrong number of arguments is refused with both numbers",
          "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  auto kernel = device->loadAssembled(scalePtx(), machineCode);
  std::uint64_t args[3] = {};
  try {
    kernel->launch(nullptr, {}, args);
    FAIL("launched with 3 of 4 arguments");
  } catch (const Error &error) {
    CHECK(error.kind() == ErrorKind::invalidInput);
    CHECK(error.message() == "kernel 'scale' takes 4 arguments, got 3");
  }
  CHECK(record().launches.empty());
}

TEST_CASE("a failed launch names kernel, grid and block", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  auto kernel = device->loadAssembled(scalePtx(), machineCode);
  record().failing["launchKernelEx"] = CUDA_ERROR_OUT_OF_MEMORY;
  std::uint64_t args[4] = {};
  CHECK_THROWS_WITH(kernel->launch(nullptr, {.grid = {1, 2, 3}}, args),
                    Contains("cuLaunchKernelEx") && Contains("'scale'") &&
                        Contains("1x2x3") && Contains("128 threads"));
}

TEST_CASE("shared memory above 48 KB is allowed once, at load", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  Ptx ptx = scalePtx();
  ptx.sharedBytes = 48 * 1024;
  device->loadAssembled(ptx, machineCode);
  CHECK(record().functionAttributes.empty());

  ptx.sharedBytes = 100000;
  auto kernel = device->loadAssembled(ptx, machineCode);
  std::uint64_t args[4] = {};
  kernel->launch(nullptr, {}, args);
  kernel->launch(nullptr, {}, args);
  REQUIRE(record().functionAttributes.size() == 1);
  CHECK(record().functionAttributes[0].first ==
        CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  CHECK(record().functionAttributes[0].second == 100000);
}

TEST_CASE("static shared memory counts towards the 48 KB", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  record().staticShared = 1;
  Ptx ptx = scalePtx();
  ptx.sharedBytes = 48 * 1024;
  device->loadAssembled(ptx, machineCode);
  CHECK(record().functionAttributes.size() == 1);
}

TEST_CASE("a kernel that cannot fit is unsupported, with both numbers",
          "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  Ptx ptx = scalePtx();
  ptx.sharedBytes = 232449;
  record().failing["funcSetAttribute"] = CUDA_ERROR_INVALID_VALUE;
  CHECK_THROWS_WITH(device->loadAssembled(ptx, machineCode),
                    Contains("232449") && Contains("232448"));
  record().maxThreads = 64;
  CHECK_THROWS_WITH(device->loadAssembled(scalePtx(), machineCode),
                    Contains("128 threads") && Contains("at most 64"));
  ptx.params.assign(maxKernelParams + 1, {KernelParam::Kind::view, "x"});
  CHECK_THROWS_WITH(device->loadAssembled(ptx, machineCode),
                    Contains("33 parameters"));
  CHECK(count("libraryUnload") == 2);
}

TEST_CASE("resources and occupancy come from the driver", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  record().staticShared = 512;
  auto kernel = device->loadAssembled(scalePtx(), machineCode);
  CHECK(kernel->resources().registers == 40);
  CHECK(kernel->resources().localBytes == 16);
  CHECK(kernel->resources().staticShared == 512);
  CHECK(kernel->resources().maxThreads == 1024);
  CHECK(kernel->blocksPerSm() == 3);
  CHECK(kernel->ptx().entry == "scale");
  CHECK(count("libraryGetKernel scale") == 1);
}

TEST_CASE("load takes the assembler's machine code", "[runtime]") {
  auto device = openCuda(fakeDriver(), [](const Ptx &) {
    Cubin cubin;
    cubin.bytes = machineCode;
    return cubin;
  });
  device->load(scalePtx());
  CHECK(record().loadedCode.empty());
  CHECK(count("libraryLoadData") == 1);
}

TEST_CASE("without an assembler the driver gets the text", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  device->load(scalePtx());
  CHECK(record().loadedCode == scalePtx().text);
}

TEST_CASE("text that the driver rejects is a compile error with its log",
          "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  record().jitLog = "line 7: syntax error";
  // Lazy loading reports it as late as the driver likes.
  for (const char *call :
       {"libraryLoadData", "kernelGetFunction", "funcLoad"}) {
    record().failing = {{call, CUDA_ERROR_INVALID_PTX}};
    try {
      device->load(scalePtx());
      FAIL("loaded what the driver rejects");
    } catch (const Error &error) {
      CHECK(error.kind() == ErrorKind::compile);
      CHECK_THAT(error.message(),
                 Contains("CUDA_ERROR_INVALID_PTX") && Contains("'scale'"));
      CHECK_THAT(joined(error.notes()),
                 Contains("line 7: syntax error") && Contains("Fake GPU"));
    }
  }
}
