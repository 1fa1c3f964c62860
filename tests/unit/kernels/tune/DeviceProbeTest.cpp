// Protects: the model's constants follow what a device's probes reach.
#include "kernels/tune/DeviceProbe.h"
#include "runtime/CudaDevice.h"

#include <catch2/catch.hpp>

#include <map>
#include <string>

using namespace lath;

TEST_CASE("constants follow the probes", "[tuning]") {
  DeviceInfo info;
  info.smCount = 132;
  const DeviceProbe one{.dram = 3, .l2 = 6, .tensor = 400, .launch = 1};
  const DeviceConstants c = deviceConstants(info, one);
  // Each rate moves what it stands for, and nothing else.
  auto changed = [&](DeviceProbe probe) {
    const DeviceConstants other = deviceConstants(info, probe);
    std::map<std::string, double> factors;
    auto compared = [&](const char *name, double DeviceConstants::*member) {
      if (other.*member != c.*member)
        factors[name] = other.*member / (c.*member);
    };
    compared("dram", &DeviceConstants::dram);
    compared("l2", &DeviceConstants::l2);
    compared("smRate", &DeviceConstants::smRate);
    compared("clock", &DeviceConstants::clock);
    compared("tensor", &DeviceConstants::tensor);
    compared("launch", &DeviceConstants::launch);
    return factors;
  };
  using Factors = std::map<std::string, double>;
  DeviceProbe two = one;
  two.dram *= 2;
  CHECK(changed(two) == Factors{{"dram", 2}});
  two = one;
  two.l2 *= 2;
  CHECK(changed(two) == Factors{{"l2", 2}, {"smRate", 2}});
  two = one;
  two.tensor *= 2;
  CHECK(changed(two) == Factors{{"clock", 2}, {"tensor", 2}});
  two = one;
  two.launch += 0.5;
  CHECK(deviceConstants(info, two).launch == Approx(c.launch + 0.5));
  // Half the SMs with all products: each twice as fast.
  info.smCount = 66;
  CHECK(deviceConstants(info, one).clock == Approx(2 * c.clock));
  CHECK(deviceConstants(info, one).sms == 66);
}

TEST_CASE("a device is probed", "[gpu]") {
  if (cudaDeviceCount() == 0) {
    WARN("no device");
    return;
  }
  const DeviceProbe found = probe(openCuda(0));
  WARN(found.dram << " TB/s of memory, " << found.l2 << " of L2, "
                  << found.tensor << " TFLOP/s, " << found.launch
                  << " us a launch");
  CHECK(found.dram > 0);
  CHECK(found.l2 > found.dram);
  CHECK(found.tensor > 0);
  CHECK(found.launch > 0);
}
