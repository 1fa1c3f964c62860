// Timing graphs on a driver that only records its calls.

#include <catch2/catch.hpp>

#include "FakeDriver.h"
#include "SamplePtx.h"
#include "runtime/CudaDevice.h"

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;

static std::shared_ptr<Device> openFake() {
  return openCuda(fakeDriver(), [](const Ptx &) { return std::nullopt; });
}

static std::shared_ptr<const LoadedKernel> loadOn(Device &device) {
  static const std::vector<char> machineCode{'E', 'L', 'F'};
  return device.loadAssembled(scalePtx(), machineCode);
}

TEST_CASE("a graph is captured, warmed up and then timed replay by replay",
          "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  auto kernel = loadOn(*device);
  record().current = primaryContext();
  record().calls.clear();
  std::uint64_t args[4] = {};
  auto micros = device->timeGraph(
      [&](Stream stream) {
        CHECK(record().capturing);
        CHECK(stream != nullptr);
        kernel->launch(stream, {}, args);
      },
      2, 3);
  CHECK(micros == std::vector<double>{250, 250, 250});

  std::vector<std::string> order;
  for (const std::string &call : record().calls)
    if (call != "ctxGetCurrent" && !call.starts_with("event") &&
        !call.ends_with("Destroy"))
      order.push_back(call.substr(0, call.find(' ')));
  CHECK(order == std::vector<std::string>{
                     "ctxSynchronize", "streamCreate", "streamBeginCapture",
                     "launchKernelEx", "streamEndCapture", "graphGetNodes",
                     "graphInstantiate", "graphLaunch", "graphLaunch",
                     "graphLaunch", "graphLaunch", "graphLaunch",
                     "streamSynchronize"});
  CHECK(count("streamCreate 1") == 1);       // non-blocking
  CHECK(count("streamBeginCapture 1") == 1); // thread-local
  CHECK(count("eventRecord") == 6);
  CHECK(count("eventElapsedTime") == 3);
  CHECK(count("eventDestroy") == count("eventCreate"));
  CHECK(count("graphDestroy") == 1);
  CHECK(count("graphExecDestroy") == 1);
  CHECK(count("streamDestroy") == 1);
}

TEST_CASE("several graphs alternate, every second round backwards",
          "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  auto kernel = loadOn(*device);
  std::uint64_t args[4] = {};
  std::function<void(Stream)> work = [&](Stream stream) {
    kernel->launch(stream, {}, args);
  };
  std::vector<std::function<void(Stream)>> works{work, work, work};
  auto micros = device->timeGraphs(works, 1, 2);
  CHECK(micros == std::vector<std::vector<double>>(3, {250, 250}));
  std::vector<std::string> launches;
  for (const std::string &call : record().calls)
    if (call.starts_with("graphLaunch"))
      launches.push_back(call);
  REQUIRE(launches.size() == 9);
  for (int i = 0; i < 3; ++i) {
    CHECK(launches[3 + i] == launches[i]);
    CHECK(launches[6 + i] == launches[2 - i]);
  }
}

TEST_CASE("what fails during a capture ends it and leaks nothing",
          "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  auto fails = [](Stream) { throw Error(ErrorKind::internal, "mine"); };
  CHECK_THROWS_WITH(device->timeGraph(fails, 1, 1), "mine");
  CHECK_FALSE(record().capturing);
  CHECK(count("graphDestroy") == 1);
  CHECK(count("streamDestroy") == 1);
}

TEST_CASE("timing nothing is an error", "[runtime]") {
  std::shared_ptr<Device> device = openFake();
  CHECK_THROWS_WITH(device->timeGraph([](Stream) {}, 1, 1),
                    Contains("nothing to time"));
}
