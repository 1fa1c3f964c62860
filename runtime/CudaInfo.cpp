#include "runtime/CudaInfo.h"

#include "compiler/base/Ascii.h"

#include <cstdio>
#include <memory>

namespace lath {

using namespace cuda;

/// "580.159.04", which the CUDA version does not tell. The kernel module says
/// it in either of two places; containers may hide both.
static std::string readDriverText(int version) {
  // The second: NVRM version: NVIDIA UNIX x86_64 Kernel Module  580.159.04 ...
  for (const char *path :
       {"/sys/module/nvidia/version", "/proc/driver/nvidia/version"}) {
    // Not a stream: those bring a megabyte of locales into lath_runtime.
    std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(
        std::fopen(path, "re"), std::fclose);
    char word[256];
    while (file && std::fscanf(file.get(), "%255s", word) == 1)
      if (isDigit(word[0]) &&
          std::string_view(word).find('.') != std::string_view::npos)
        return word;
  }
  return "CUDA " + std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

/// From 9.0 on, the instructions that matter (wgmma, setmaxnreg) are in the
/// architecture-specific target, marked "a", which runs on that device only.
static std::string targetName(int major, int minor) {
  return "sm_" + std::to_string(major) + std::to_string(minor) +
         (major >= 9 ? "a" : "");
}

DeviceInfo readDeviceInfo(const Driver &driver, CUdevice device) {
  auto attribute = [&](CUdevice_attribute which, const char *name) {
    int value = 0;
    check(driver, driver.deviceGetAttribute(&value, which, device),
          "cuDeviceGetAttribute", name);
    return value;
  };
  DeviceInfo info;
  char name[256] = {};
  check(driver, driver.deviceGetName(name, sizeof name - 1, device),
        "cuDeviceGetName");
  info.name = name;
  info.major = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR,
                         "COMPUTE_CAPABILITY_MAJOR");
  info.minor = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
                         "COMPUTE_CAPABILITY_MINOR");
  info.target = targetName(info.major, info.minor);
  info.smCount = static_cast<unsigned>(attribute(
      CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, "MULTIPROCESSOR_COUNT"));
  info.l2Bytes = static_cast<std::size_t>(
      attribute(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE, "L2_CACHE_SIZE"));
  check(driver, driver.deviceTotalMem(&info.memoryBytes, device),
        "cuDeviceTotalMem");
  check(driver, driver.driverGetVersion(&info.driverVersion),
        "cuDriverGetVersion");
  info.driverText = readDriverText(info.driverVersion);
  return info;
}

} // namespace lath
