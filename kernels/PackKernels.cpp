// The kernels of a pack on a device.
#include "kernels/KernelKey.h"
#include "kernels/KernelState.h"
#include "kernels/LaunchFacts.h"
#include "kernels/Pack.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>

namespace lath {

struct PackKernels::State {
  std::shared_ptr<Device> device;
  std::shared_ptr<const Pack> pack;
  std::shared_ptr<WorkspacePool> pool;

  std::shared_mutex mutex; ///< guards what follows
  /// By what was asked for.
  std::unordered_map<KernelKey, std::shared_ptr<const KernelState>,
                     KernelKeyHash>
      kernels;
  std::map<const PackEntry *, std::shared_ptr<const KernelState>> byEntry;
  /// By where facts and code lie: entries of equal code share one load.
  std::map<std::pair<const char *, const char *>,
           std::shared_ptr<const LoadedKernel>>
      loaded;

  /// Under the mutex.
  std::shared_ptr<const KernelState> load(const PackEntry &entry);
};

std::shared_ptr<const KernelState>
PackKernels::State::load(const PackEntry &entry) {
  auto &state = byEntry[&entry];
  if (state)
    return state;
  auto &code = loaded[{entry.facts.data(), entry.cubin.data()}];
  if (!code)
    code = device->loadAssembled(parseLaunchFacts(entry.facts, pack->path()),
                                 {entry.cubin.data(), entry.cubin.size()});
  state = std::make_shared<const KernelState>(device, entry.spec,
                                              entry.schedule, code, pool);
  return state;
}

PackKernels::PackKernels(std::shared_ptr<Device> device,
                         std::shared_ptr<const Pack> pack)
    : state_(std::make_shared<State>()) {
  if (!device || !pack)
    throw Error(ErrorKind::invalidInput,
                fmt::format("PackKernels needs a device and a pack, got no {}",
                            device ? "pack" : "device"));
  auto targets = pack->targets();
  const DeviceInfo &info = device->info();
  if (std::find(targets.begin(), targets.end(), info.target) == targets.end())
    throw Error(ErrorKind::unsupported,
                fmt::format("{} has no kernels for {}, {}", pack->path(),
                            info.name, info.target),
                {fmt::format("it has some for {}", fmt::join(targets, ", "))});
  state_->pool = std::make_shared<WorkspacePool>(device);
  state_->device = std::move(device);
  state_->pack = std::move(pack);
}

/// What the pack has in place of a spec that it has no kernel for.
static std::vector<std::string> alternatives(const Pack &pack,
                                             const GemmSpec &spec,
                                             const std::string &target) {
  const PackEntry *most = nullptr;
  std::vector<std::string> shapes;
  for (const PackEntry &entry : pack.entries()) {
    if (entry.target != target)
      continue;
    if (entry.spec.n == spec.n && entry.spec.k == spec.k &&
        (!most || entry.spec.m > most->spec.m))
      most = &entry;
    std::string shape = fmt::format("n{}k{}", entry.spec.n, entry.spec.k);
    if (std::find(shapes.begin(), shapes.end(), shape) == shapes.end() &&
        shapes.size() < 32)
      shapes.push_back(shape);
  }
  if (most)
    return {fmt::format("of this shape its largest is {}", print(most->spec))};
  return {fmt::format("its shapes are {}", fmt::join(shapes, ", "))};
}

Kernel PackKernels::gemm(const GemmSpec &spec) const {
  State &s = *state_;
  const KernelKey key(spec, std::nullopt);
  {
    std::shared_lock lock(s.mutex);
    if (auto found = s.kernels.find(key); found != s.kernels.end())
      return {found->second, spec.m};
  }
  validate(spec);
  const PackEntry *entry = s.pack->find(key.spec, s.device->info().target);
  if (!entry)
    throw Error(ErrorKind::notPrepared,
                fmt::format("{} has no kernel for {} on {}", s.pack->path(),
                            print(spec), s.device->info().target),
                alternatives(*s.pack, spec, s.device->info().target));
  std::unique_lock lock(s.mutex);
  if (auto found = s.kernels.find(key); found != s.kernels.end())
    return {found->second, spec.m};
  if (!s.byEntry.contains(entry) && s.device->capturing(nullptr))
    throw Error(ErrorKind::notPrepared,
                fmt::format("{}: a stream is being captured, and the kernel is "
                            "not loaded",
                            print(spec)),
                {"load it before the capture"});
  return {s.kernels[key] = s.load(*entry), spec.m};
}

std::size_t PackKernels::loadAll() const {
  State &s = *state_;
  std::unique_lock lock(s.mutex);
  std::size_t count = 0;
  for (const PackEntry &entry : s.pack->entries())
    if (entry.target == s.device->info().target) {
      s.load(entry);
      ++count;
    }
  return count;
}

void PackKernels::prepareStream(Stream stream) const {
  state_->pool->prepare(stream);
}

const std::shared_ptr<Device> &PackKernels::device() const {
  return state_->device;
}
const Pack &PackKernels::pack() const { return *state_->pack; }

} // namespace lath
