#include "tools/lath/Gpus.h"

#include "runtime/CudaInfo.h"
#include "runtime/Driver.h"
#include "tools/lath/Output.h"

namespace lath::cli {

using namespace cuda;

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
      CUdevice device = 0;
      check(driver, driver.deviceGet(&device, ordinal), "cuDeviceGet");
      DeviceInfo gpu = readDeviceInfo(driver, device);
      try {
        gpu.target = targetForDevice(gpu.major, gpu.minor).name;
      } catch (const Error &) {
        gpu.target.clear(); // there is no code for it
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

void nameGpu(TargetChoice &target, const std::string &name) {
  target.device.name = name;
  target.device.smCount = target.smCount = target.sms();
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
