// The engines that a process shares. They are never destroyed: graphs and
// threads of the caller's may use their kernels until the process ends, and by
// then the driver may be gone.
#include "kernels/c/CApiEngine.h"
#include "runtime/CudaDevice.h"
#include "runtime/EmulatedDevice.h"
#include "runtime/Environment.h"

#include <fmt/format.h>

#include <charconv>
#include <map>
#include <mutex>

using namespace lath;
using namespace lath::c;

namespace {

struct Shared {
  std::mutex mutex;
  std::map<std::string, std::unique_ptr<lath_engine>, std::less<>> engines;
  Policy policy = Policy::compile;
};

Shared &shared() {
  static Shared &all = *new Shared;
  return all;
}

[[noreturn]] void failDevice(std::string_view device) {
  throw Error(ErrorKind::invalidInput,
              fmt::format("device is '{}'; expected cuda:0, cuda:1, ..., "
                          "emulator or emulator:TARGET",
                          device));
}

/// What the name means, written out: "cuda:0", "emulator:sm_90a".
std::string canonical(std::string_view device) {
  if (device == "cuda")
    return "cuda:0";
  if (device == "emulator")
    return "emulator:sm_90a";
  constexpr std::string_view gpu = "cuda:";
  if (device.starts_with("emulator:"))
    return std::string(device);
  if (!device.starts_with(gpu))
    failDevice(device);
  unsigned ordinal = 0;
  const char *end = device.data() + device.size();
  auto [stop, error] =
      std::from_chars(device.data() + gpu.size(), end, ordinal);
  if (error != std::errc() || stop != end || ordinal > 1023)
    failDevice(device);
  return fmt::format("cuda:{}", ordinal);
}

std::shared_ptr<Device> open(std::string_view name) {
  const std::string_view rest = name.substr(name.find(':') + 1);
  if (name.starts_with("emulator"))
    // Speed: whoever wants a kernel checked opens an emulator of his own.
    return openEmulator(std::string(rest),
                        {.checks = false, .counters = false});
  int ordinal = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), ordinal);
  return openCuda(ordinal);
}

} // namespace

lath_engine &lath::c::sharedEngine(std::string_view device) {
  const std::string name = canonical(device);
  Shared &all = shared();
  std::lock_guard lock(all.mutex);
  auto found = all.engines.find(name);
  if (found == all.engines.end())
    found =
        all.engines
            .emplace(name, std::make_unique<lath_engine>(
                               open(name), EngineOptions{.policy = all.policy}))
            .first;
  return *found->second;
}

const char *lath_default_device(void) {
  const char *name = "emulator";
  // No GPU is told by an exception where the driver is broken.
  guarded([&] {
    if (cudaDeviceCount() > 0 || !environment().cudaDriver.empty())
      name = "cuda:0";
  });
  return name;
}

lath_status lath_shared_engine(const char *device, lath_engine **engine) {
  return guarded([&] {
    need(engine, "engine");
    *engine = &sharedEngine(device ? device : lath_default_device());
  });
}

lath_status lath_shared_set_policy(lath_policy policy) {
  return guarded([&] {
    Policy chosen = policyFrom(policy);
    Shared &all = shared();
    std::lock_guard lock(all.mutex);
    all.policy = chosen;
    for (auto &[name, engine] : all.engines)
      engine->engine.setPolicy(chosen);
  });
}
