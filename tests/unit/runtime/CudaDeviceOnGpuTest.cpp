// CudaDevice on a GPU, where there is one: each way of loading, launching and
// timing, on a kernel whose result is known.

#include <catch2/catch.hpp>

#include "SamplePtx.h"
#include "runtime/ColdTimer.h"
#include "runtime/CudaDevice.h"

#include <thread>

using namespace lath;
using namespace lath::test;

static std::shared_ptr<Device> openOrSkip() {
  if (cudaDeviceCount() > 0)
    return openCuda();
  WARN("skipped: no device");
  return nullptr;
}

static constexpr std::uint32_t length = 1000;

/// Launches `kernel`, which is scalePtx, and says whether its result is right.
static bool scales(Device &device,
                   const std::shared_ptr<const LoadedKernel> &kernel,
                   bool dependent = false) {
  std::shared_ptr<Device> shared = device.shared_from_this();
  std::vector<std::uint32_t> in(length), out(length);
  for (std::uint32_t i = 0; i < length; ++i)
    in[i] = i * i + 1;
  DeviceBuffer from(shared, length * 4), to(shared, length * 4);
  device.upload(from.get(), in.data(), from.bytes());
  device.fill(to.get(), 0xcd, to.bytes());
  std::uint64_t args[] = {from.get(), to.get(), 7, length};
  LaunchConfig config;
  config.grid = {(length + 127) / 128, 1, 1};
  config.dependent = dependent;
  kernel->launch(nullptr, config, args);
  device.download(out.data(), to.get(), to.bytes());
  for (std::uint32_t i = 0; i < length; ++i)
    if (out[i] != 7 * in[i])
      return false;
  return true;
}

TEST_CASE("kernels run on the GPU, however they were assembled",
          "[runtime][gpu]") {
  std::shared_ptr<Device> device = openOrSkip();
  if (!device)
    return;
  Ptx ptx = scalePtx(device->info().target);
  INFO(device->info().name << ", driver " << device->info().driverText);
  for (AssemblerChoice choice :
       {AssemblerChoice::nvJitLink, AssemblerChoice::ptxas}) {
    try {
      Cubin cubin = assemble(ptx, choice);
      auto kernel = device->loadAssembled(ptx, cubin.bytes);
      CHECK(scales(*device, kernel));
      CHECK(kernel->resources().registers == cubin.resources.registers);
      CHECK(kernel->resources().staticShared >= 512);
    } catch (const Error &error) {
      if (error.kind() != ErrorKind::toolchain)
        throw;
      WARN("skipped: " << error.message());
    }
  }
  auto byDriver = device->loadAssembled(ptx, {});
  CHECK(scales(*device, byDriver));
  CHECK(byDriver->blocksPerSm() >= 8);
  CHECK(byDriver->resources().maxThreads == 128);
  CHECK(scales(*device, byDriver, true));
  std::thread([&] { CHECK(scales(*device, byDriver)); }).join();
}

TEST_CASE("a GPU runs a kernel with more than 48 KB of shared memory",
          "[runtime][gpu]") {
  std::shared_ptr<Device> device = openOrSkip();
  if (!device)
    return;
  Ptx ptx = scalePtx(device->info().target);
  ptx.sharedBytes = 90 * 1024;
  auto kernel = device->load(ptx);
  CHECK(kernel->blocksPerSm() >= 1);
  CHECK(kernel->blocksPerSm() <= 2);
  CHECK(scales(*device, kernel));
}

TEST_CASE("the driver's own assembler says what it rejects", "[runtime][gpu]") {
  std::shared_ptr<Device> device = openOrSkip();
  if (!device)
    return;
  Ptx ptx = scalePtx(device->info().target);
  ptx.text.replace(ptx.text.find("mul.lo.u32"), 10, "mul.bogus.u32");
  try {
    device->loadAssembled(ptx, {});
    FAIL("loaded an instruction that does not exist");
  } catch (const Error &error) {
    INFO(error.message());
    CHECK(error.kind() == ErrorKind::compile);
    REQUIRE_FALSE(error.notes().empty());
    CHECK_THAT(error.notes().front(), Catch::Contains("bogus"));
  }
}

TEST_CASE("cold reads on a GPU are slower than warm ones", "[runtime][gpu]") {
  std::shared_ptr<Device> device = openOrSkip();
  if (!device)
    return;
  auto kernel = device->load(scalePtx(device->info().target));
  constexpr std::uint32_t words = 1u << 21; // 8 MB read a launch
  unsigned copies = coldCopies(device->info(), words * 4);
  DeviceBuffer from(device, std::size_t(copies) * words * 4);
  DeviceBuffer to(device, words * 4);
  device->fill(from.get(), 1, from.bytes());
  auto launch = [&](Stream stream, unsigned copy) {
    std::uint64_t args[] = {from.get() + std::uint64_t(copy) * words * 4,
                            to.get(), 1, words};
    LaunchConfig config;
    config.grid = {words / 128, 1, 1};
    kernel->launch(stream, config, args);
  };
  std::vector<ColdCandidate> both{
      {"cold", copies, words * 4, launch},
      {"warm", copies, words * 4,
       [&](Stream stream, unsigned) { launch(stream, 0); }}};
  std::vector<ColdTiming> timings = timeCold(*device, both);
  WARN("8 MB: cold " << timings[0].median << " us, warm " << timings[1].median
                     << " us");
  CHECK(timings[0].min > 0);
  CHECK(timings[0].median > timings[1].median);
}
