// What an Engine holds. Not for users.
#pragma once

#include "kernels/choose/ScheduleChoice.h"
#include "kernels/engine/Engine.h"
#include "kernels/engine/MemoryCache.h"
#include "kernels/gemm/KernelKey.h"
#include "kernels/launch/KernelState.h"
#include "kernels/pack/Pack.h"
#include "kernels/tuned/TunedSchedules.h"
#include "runtime/SingleFlight.h"
#include "runtime/WorkspacePool.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <tuple>
#include <unordered_set>

namespace lath {

/// Code on the device, which several kernels may share.
struct LoadedCode {
  std::shared_ptr<const LoadedKernel> loaded;
  std::size_t bytes = 0; ///< on the host, about as many as on the device
  KernelSource source = KernelSource::memory;
};

struct Engine::Impl {
  Impl(std::shared_ptr<Device> device, const EngineOptions &options);

  /// The kernel that is not in memory: made, and kept there.
  std::shared_ptr<const KernelState> make(const KernelKey &key,
                                          KernelSource &source);
  Kernel nearest(const GemmSpec &spec) const;

  /// The code of `key`: that which some kernel uses, else by `build`, which is
  /// called once for all threads that ask at a time; they get what it throws.
  LoadedCode once(const std::string &key,
                  const std::function<LoadedCode()> &build);
  LoadedCode buildGemm(const GemmSpec &spec, const Schedule &schedule);
  LoadedCode loadCode(const Ptx &ptx, std::string_view cubin,
                      KernelSource source);
  /// The code of `key` from the disk, else, where the policy allows it, by
  /// `compileIt`. `what` it is stands in the message of Error{notPrepared}.
  LoadedCode fromDiskOrCompiled(CubinKey key, std::string_view what,
                                const std::function<Kernel()> &nearest,
                                const std::function<Ptx()> &compileIt);
  /// The schedule given, else the best founded (docs/engine.md): that of the
  /// user's database; of a pack, measured on such a GPU or named by its maker;
  /// of the table that Lath ships; of any pack; of the cost model.
  Schedule chosen(const KernelKey &key);
  /// The same where there are no packs.
  Schedule unpacked(const GemmSpec &spec);
  std::shared_ptr<const TunedSchedules> tunedNow();
  /// Says why the tuning database is passed over, if it is, the first time.
  void warnOnce(const TunedSchedules &known);
  /// Calls `work` with the database, after which requests choose anew.
  template <class Work> auto tuning(const std::string &db, const Work &work);
  void chooseAnew(const std::string &db);
  /// What a pack would serve the spec by, as PackKernels does.
  std::optional<PackEntry> servedByPack(const GemmSpec &spec);
  /// Forgets the kernels that packs served in place of others, which may be
  /// compiled now.
  void dropStandIns();
  std::vector<std::shared_ptr<const Pack>> packsNow();

  const std::shared_ptr<Device> device;
  const Target &target;
  std::atomic<Policy> policy;
  const unsigned threads;
  const std::shared_ptr<WorkspacePool> pool;
  std::optional<CubinCache> cache;
  MemoryCache<KernelKey, KernelState, KernelKeyHash> kernels;
  MemoryCache<std::string, LoadedCode> programs;
  std::atomic<std::uint64_t> compiled = 0, fromDisk = 0, fromPacks = 0;

  struct Code {
    std::weak_ptr<const LoadedKernel> loaded;
    std::size_t bytes;
  };
  SingleFlight<std::string, LoadedCode> flights;
  /// Code that some kernel holds. Read and written under the lock of `flights`.
  std::map<std::string, Code> codes;
  std::mutex mutex; ///< guards what follows
  std::vector<std::shared_ptr<const Pack>> packs;
  std::shared_ptr<const TunedSchedules> tuned; ///< never null
  bool warned = false; ///< that a tuning database is passed over
  /// What servedByPack gave.
  std::unordered_set<KernelKey, KernelKeyHash> standIns;
  /// Counts the calls of Engine::tune: what was chosen before is out of date.
  std::atomic<std::uint64_t> tunings = 0;
};

} // namespace lath
