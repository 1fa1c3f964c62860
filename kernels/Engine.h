// Ask for a kernel, get one that runs.
//
//   lath::Engine engine(lath::openCuda());
//   lath::Kernel k = engine.gemm({.m = 16, .n = 4096, .k = 4096, .split = 8});
//   k.launch(stream, {.x = x, .qweight = w, .scales = s, .out = out});
#pragma once

#include "compiler/Compile.h"
#include "kernels/GemmSpec.h"
#include "kernels/Schedule.h"
#include "runtime/Assemble.h"
#include "runtime/Device.h"

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>

namespace lath {

struct TuneOptions;
struct TuneReport;

/// A GEMM compiled for a target, not loaded. Plain data.
struct CompiledGemm {
  GemmSpec spec;
  Schedule schedule;
  Ptx ptx;
  std::vector<PhaseTime>
      phases; ///< build, passes, translate, optimise, codegen
};

/// Spec to PTX: the program, the passes, LLVM. `dump` gets the text of each
/// stage. Without a schedule the heuristic chooses (`smCount` as there).
/// Throws Error{invalidSpec, unsupported, compile}.
CompiledGemm
compileGemm(const GemmSpec &spec, const std::optional<Schedule> &schedule,
            const Target &target, unsigned smCount = 0,
            const std::function<void(Stage, const std::string &)> &dump = {});

/// Device pointers of one launch, aligned to 16 bytes. Layouts as GemmSpec.
struct GemmArguments {
  DevicePtr x = 0;       ///< [m, K] of spec.x
  DevicePtr qweight = 0; ///< i32 [K/8, N], or as spec.layout says
  DevicePtr scales = 0;  ///< [K/g, N] of spec.x
  DevicePtr qzeros = 0;  ///< i32 [K/g, N/8]; unused if symmetric
  DevicePtr out = 0;     ///< [m, N] of spec.x
  std::int64_t m = 0;    ///< rows, at most spec.m; 0: spec.m
};

/// A loaded GEMM with its own workspace. A cheap handle; copies share the
/// workspace, so launches of one Kernel and its copies must be ordered (one
/// stream, or events). Ask the engine again for a second stream.
class Kernel {
public:
  /// Asynchronous on `stream`. Compiles, allocates and synchronises nothing.
  /// Throws Error{invalidInput} on null or misaligned pointers or m out of
  /// range, Error{driver}.
  void launch(Stream stream, const GemmArguments &arguments) const;

  const GemmSpec &spec() const;
  const Schedule &schedule() const;
  const Ptx &ptx() const;
  const LoadedKernel &loaded() const;
  std::array<unsigned, 3> grid(std::int64_t m) const;

private:
  friend class Engine;
  struct State;
  std::shared_ptr<const State> state_;
};

/// Compiles and loads kernels for one device, once each. Thread safe.
class Engine {
public:
  /// On `device`; kernels keep it alive.
  explicit Engine(std::shared_ptr<Device> device);

  /// The kernel for a spec, by the schedule given, else the tuned one, else the
  /// heuristic's.
  /// Throws Error.
  Kernel gemm(const GemmSpec &spec,
              const std::optional<Schedule> &schedule = std::nullopt);

  /// Tunes the specs on this device, in this process, into the database `db`
  /// (empty: the default one, TuningDb.h), which later requests then look in.
  /// Kernels handed out before keep their schedules. See tune() in Tuner.h.
  TuneReport tune(const std::vector<GemmSpec> &specs,
                  const TuneOptions &options, const std::string &db = "");

  /// The kernel of a GEMM that was compiled for this device's target, and
  /// assembled to `cubin` (empty: the device assembles). Keeps nothing.
  Kernel load(CompiledGemm gemm, std::span<const char> cubin = {});

  const std::shared_ptr<Device> &device() const { return device_; }
  const Target &target() const { return target_; }

private:
  struct Entry;
  Kernel bind(std::shared_ptr<Kernel::State> state) const;
  std::shared_ptr<Device> device_;
  const Target &target_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Entry>> entries_;
  std::string tuningDb_; ///< empty: the default one
};

} // namespace lath
