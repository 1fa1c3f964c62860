// Ask for a kernel, get one that runs.
//
//   lath::Engine engine(lath::openCuda());
//   lath::Kernel k = engine.gemm({.m = 16, .n = 4096, .k = 4096, .split = 8});
//   k.launch(stream, {.x = x, .qweight = w, .scales = s, .out = out});
#pragma once

#include "compiler/Compile.h"
#include "compiler/base/Api.h"
#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/MBuckets.h"
#include "kernels/gemm/Schedule.h"
#include "kernels/launch/Kernel.h"
#include "kernels/programs/TunableProgram.h"
#include "runtime/Assemble.h"
#include "runtime/CubinCache.h"
#include "runtime/Device.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lath {

class Pack;
struct TuneOptions;
struct TuneReport;
struct ProgramTuneResult;

/// What an engine may do for a kernel that is not in its memory.
enum class Policy {
  compile,    ///< whatever it takes
  cachedOnly, ///< load it from a pack or the disk, but compile nothing
};

struct EngineOptions {
  Policy policy = Policy::compile;
  /// Of the kernels in memory, machine code and text. Those that a Kernel holds
  /// stay beyond it.
  std::size_t memoryBytes = std::size_t(256) << 20;
  /// Threads of `prepare`; 0: all cores.
  unsigned threads = 0;
  /// Whether kernels are kept on disk, for other processes and the next time.
  bool disk = true;
  /// Where and how. Nothing: cubinCacheOptions of the environment, and only
  /// for devices that run machine code.
  std::optional<CubinCacheOptions> cache = std::nullopt;
};

/// Where a kernel came from.
enum class KernelSource { memory, pack, disk, compiled };
LATH_API std::string_view name(KernelSource source);

/// One spec that `prepare` is done with.
struct PrepareProgress {
  std::size_t done = 0, total = 0; ///< specs
  std::size_t index = 0;           ///< of this one
  GemmSpec spec;
  KernelSource source = KernelSource::memory;
  const Error *error = nullptr; ///< it failed
};

/// Counted since the engine was made; entries and bytes are those of now.
struct EngineStats {
  std::size_t entries = 0, bytes = 0;
  std::uint64_t compiled = 0, fromDisk = 0, fromPacks = 0;
  std::uint64_t dropped = 0; ///< from memory, for others
};

/// A tunable program by one choice, on a device.
struct LoadedProgram {
  std::shared_ptr<const LoadedKernel> kernel;
  ProgramChoice choice;
  bool tuned = false; ///< the choice is of the tuning database
  /// Of a launch: the program's grid for that choice, the split on axis 2.
  LaunchConfig config;
  /// Bytes that a launch takes besides, both zero before the first one.
  std::size_t workspaceBytes = 0, ticketBytes = 0;
};

/// Compiles and loads kernels for one device, once each: those that it has are
/// found in memory (under 0.5 us), else in a pack, else on disk, else compiled
/// by the first thread of the first process that asks, while others wait.
/// Thread safe. Kernels outlive their engine.
class LATH_API Engine {
public:
  /// On `device`; kernels keep it alive. Throws Error{unsupported} where there
  /// is no code for such a device, Error{invalidInput} where it is null or
  /// LATH_CACHE_SIZE is no size. A disk that cannot be used costs one warning.
  explicit Engine(std::shared_ptr<Device> device,
                  const EngineOptions &options = {});
  /// On GPU 0, or on the emulator where there is no GPU: device()->info()
  /// tells. A driver that LATH_CUDA_DRIVER names must work.
  explicit Engine(const EngineOptions &options = {});
  ~Engine();
  Engine(Engine &&) noexcept;
  Engine &operator=(Engine &&) noexcept;

  /// The kernel for a spec, by the schedule given, else the best founded: that
  /// of the tuning database, of a pack by measurements of such a GPU or by its
  /// maker, of the table that Lath ships, of any pack, of the cost model. It is
  /// that of spec.m's bucket (bucketM); Kernel::rows() is spec.m. Where the
  /// policy forbids to compile it, a kernel of a pack that serves the spec, as
  /// PackKernels has it, made for more rows perhaps. Throws Error:
  /// `notPrepared` where the policy forbids what it would take, else as
  /// compileGemm, assemble and Device::loadAssembled.
  Kernel gemm(const GemmSpec &spec,
              const std::optional<Schedule> &schedule = std::nullopt);

  /// The same for launches on `stream`, which also gets its workspace. While it
  /// is captured, nothing is made: a kernel that is not in memory, or a stream
  /// without a workspace, is Error{notPrepared}.
  Kernel gemmOn(Stream stream, const GemmSpec &spec,
                const std::optional<Schedule> &schedule = std::nullopt);

  /// A kernel in memory that computes `spec`, though it may have been made for
  /// more rows, or by another split: that of the fewest rows. Of equal bits on
  /// every launch where `spec` asks for that (reduce=ordered). Empty where
  /// there is none. Compiles and loads nothing.
  Kernel nearest(const GemmSpec &spec) const;

  /// Makes the kernels of all specs on all cores, and returns them in order;
  /// they stay in memory at least as long as these handles. `progress` is
  /// called after each, from one thread at a time. Where some fail, the others
  /// are made all the same; then the first error is thrown, with a note for
  /// each of the others.
  std::vector<Kernel>
  prepare(std::span<const GemmSpec> specs,
          const std::function<void(const PrepareProgress &)> &progress = {});

  /// Gives `stream` room for the workspace of every kernel made so far, so that
  /// launches on it allocate nothing. In stream order; waits for nothing.
  void prepareStream(Stream stream);

  /// Compiles and loads a program of one's own, which is consumed.
  /// `options.target` is the engine's, whatever it says. A program of equal
  /// text and options is compiled once. Launch it by LoadedKernel::launch.
  /// Throws as gemm.
  std::shared_ptr<const LoadedKernel> load(Program &program,
                                           CompileOptions options = {});

  /// The same of a tunable program, by the choice given, else by that of the
  /// tuning database for its name and problem on this device, else by the usual
  /// one. It is built to be found: keep what is returned.
  LoadedProgram load(const TunableProgram &program,
                     const std::optional<ProgramChoice> &choice = std::nullopt);

  /// Kernels of the pack are found from now on. Throws Error{unsupported} where
  /// it has none for this device.
  void addPack(std::shared_ptr<const Pack> pack);

  Policy policy() const;
  /// For requests from now on.
  void setPolicy(Policy policy);

  /// Tunes the specs on this device, in this process or in a worker
  /// (TuneOptions::worker), into the database `db` (empty: the default one,
  /// TuningDb.h), which requests look in from then on.
  /// Kernels handed out before keep their schedules; requests that name none
  /// choose anew, also where it throws on the way: what was measured is kept.
  /// Throws as tune() in Tuner.h, Error{notPrepared} while a stream is being
  /// captured, Error{driver} where a worker ends before it has measured
  /// anything, and Error{invalidInput} for one on another device.
  TuneReport tune(std::span<const GemmSpec> specs, const TuneOptions &options,
                  const std::string &db = "");

  /// Tunes a program of one's own on this device, in this process
  /// (ProgramTuner.h), into the database `db`, which load() looks in from then
  /// on. Throws as tuneProgram() and as tune() of specs does.
  ProgramTuneResult tune(const TunableProgram &program,
                         const TuneOptions &options,
                         const std::string &db = "");

  /// What a spec without a schedule is computed by on this device, where no
  /// pack says otherwise.
  Schedule scheduleFor(const GemmSpec &spec) const;

  EngineStats stats() const;
  const std::shared_ptr<Device> &device() const;
  const Target &target() const;

private:
  struct LATH_HIDDEN Impl;
  std::shared_ptr<Impl> impl_;
};

} // namespace lath
