// The kernels of a pack on a device.
#include "kernels/gemm/KernelKey.h"
#include "kernels/launch/KernelState.h"
#include "kernels/launch/LaunchFacts.h"
#include "kernels/pack/Pack.h"

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

  /// The kernel for a spec, loaded unless `stream` is captured.
  std::shared_ptr<const KernelState> get(const GemmSpec &spec, Stream stream);
  /// Under the mutex.
  std::shared_ptr<const KernelState> load(const PackEntry &entry);
};

std::shared_ptr<const KernelState>
PackKernels::State::load(const PackEntry &entry) {
  if (auto found = byEntry.find(&entry); found != byEntry.end())
    return found->second;
  const auto place = std::pair(entry.facts.data(), entry.cubin.data());
  auto code = loaded.find(place);
  if (code == loaded.end())
    code = loaded
               .emplace(place, device->loadAssembled(
                                   parseLaunchFacts(entry.facts, pack->path()),
                                   {entry.cubin.data(), entry.cubin.size()}))
               .first;
  return byEntry[&entry] = std::make_shared<const KernelState>(
             device, entry.spec, entry.schedule, code->second, pool);
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

std::shared_ptr<const KernelState> PackKernels::State::get(const GemmSpec &spec,
                                                           Stream stream) {
  const KernelKey key(spec, std::nullopt);
  {
    std::shared_lock lock(mutex);
    if (auto found = kernels.find(key); found != kernels.end())
      return found->second;
  }
  validate(spec);
  const PackEntry *entry = pack->find(key.spec, device->info().target);
  if (!entry)
    throw Error(ErrorKind::notPrepared,
                fmt::format("{} has no kernel for {} on {}", pack->path(),
                            print(spec), device->info().target),
                alternatives(*pack, spec, device->info().target));
  std::unique_lock lock(mutex);
  if (auto found = kernels.find(key); found != kernels.end())
    return found->second;
  if (!byEntry.contains(entry) && device->capturing(stream))
    throw Error(ErrorKind::notPrepared,
                fmt::format("{}: a stream is being captured, and the kernel is "
                            "not loaded",
                            print(spec)),
                {"load it before the capture"});
  return kernels[key] = load(*entry);
}

Kernel PackKernels::gemm(const GemmSpec &spec) const {
  return {state_->get(spec, nullptr), spec.m};
}

Kernel PackKernels::gemmOn(Stream stream, const GemmSpec &spec) const {
  auto kernel = state_->get(spec, stream);
  if (!kernel->needs.none())
    state_->pool->at(stream, kernel->needs);
  return {std::move(kernel), spec.m};
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
