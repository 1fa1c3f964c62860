#include "tools/lath/Gpus.h"

#include "runtime/Driver.h"
#include "tools/lath/Output.h"

namespace lath::cli {

using namespace cuda;

static DeviceInfo readGpu(const Driver &driver, int ordinal) {
  CUdevice device = 0;
  check(driver, driver.deviceGet(&device, ordinal), "cuDeviceGet");
  auto attribute = [&](CUdevice_attribute which) {
    int value = 0;
    check(driver, driver.deviceGetAttribute(&value, which, device),
          "cuDeviceGetAttribute");
    return value;
  };
  DeviceInfo info;
  char name[256] = {};
  check(driver, driver.deviceGetName(name, sizeof name - 1, device),
        "cuDeviceGetName");
  info.name = name;
  info.major = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  info.minor = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  info.smCount = static_cast<unsigned>(
      attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
  info.l2Bytes =
      static_cast<std::size_t>(attribute(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE));
  check(driver, driver.deviceTotalMem(&info.memoryBytes, device),
        "cuDeviceTotalMem");
  check(driver, driver.driverGetVersion(&info.driverVersion),
        "cuDriverGetVersion");
  return info;
}

GpuList listGpus() {
  GpuList list;
  try {
    const Driver &driver = systemDriver();
    check(driver, driver.init(0), "cuInit");
    int count = 0;
    check(driver, driver.deviceGetCount(&count), "cuDeviceGetCount");
    if (count == 0)
      list.problem = "the driver sees no GPU";
    for (int ordinal = 0; ordinal < count; ++ordinal) {
      DeviceInfo gpu = readGpu(driver, ordinal);
      try {
        gpu.target = targetForDevice(gpu.major, gpu.minor).name;
      } catch (const Error &) { // listed without a target
      }
      list.gpus.push_back(std::move(gpu));
    }
  } catch (const Error &error) {
    list.problem = error.message();
  }
  return list;
}

TargetChoice chooseTarget(const std::optional<std::string> &name) {
  if (name)
    return {&target(*name)};
  std::vector<DeviceInfo> gpus = listGpus().gpus;
  if (gpus.empty())
    return {&target("sm_90a")};
  const DeviceInfo &gpu = gpus.front();
  if (!gpu.target.empty())
    return {&target(gpu.target), gpu.smCount, gpu};
  warn(fmt::format("there is no target for {} (compute capability {}.{}); "
                   "compiling for sm_90a",
                   gpu.name, gpu.major, gpu.minor));
  return {&target("sm_90a")};
}

std::unique_ptr<const TunedSchedules> tunedFor(const TargetChoice &target) {
  return target.device.name.empty()
             ? nullptr
             : std::make_unique<const TunedSchedules>(target.device);
}

ScheduleChoice chooseFor(const GemmSpec &spec, const TargetChoice &target,
                         const TunedSchedules *tuned) {
  return tuned ? chooseTuned(spec, *target.target, *tuned)
               : chooseSchedule(spec, *target.target, target.smCount);
}

} // namespace lath::cli
