// The engine on the emulator: what users do wrong, and many threads at once.
#include "kernels/Engine.h"
#include "runtime/EmulatedDevice.h"
#include "tests/emulator/Gemm.h"
#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>
#include <thread>

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
        "launch of m8n64k256g128s2: m = 9 is not in 1..8");
  bad.m = -1;
  CHECK(launchError(kernel, bad).message() ==
        "launch of m8n64k256g128s2: m = -1 is not in 1..8");
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

TEST_CASE("threads that ask for one kernel share one load") {
  Engine engine(openEmulator());
  constexpr int count = 8;
  std::vector<Kernel> kernels(count);
  {
    std::vector<std::jthread> threads;
    for (Kernel &kernel : kernels)
      threads.emplace_back([&] { kernel = engine.gemm(smallSpec()); });
  }
  for (const Kernel &kernel : kernels)
    CHECK(&kernel.loaded() == &kernels.front().loaded());
}

TEST_CASE("two kernels of one spec have workspaces of their own") {
  auto device = openEmulator();
  Engine engine(device);
  Kernel a = engine.gemm(smallSpec()), b = engine.gemm(smallSpec());
  test::EmulatedGemm gemm(device, smallSpec());
  // Alternating launches must not see each other's tickets.
  for (int i = 0; i < 3; ++i) {
    CHECK(gemm.run(a, 5, 1).relativeFrobenius < 1e-3);
    CHECK(gemm.run(b, 8, 1).relativeFrobenius < 1e-3);
  }
}
