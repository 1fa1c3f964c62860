#include "kernels/Engine.h"
#include "kernels/DequantGemm.h"
#include "kernels/Heuristic.h"
#include "kernels/TunedSchedules.h"
#include "kernels/Tuner.h"

#include <chrono>
#include <fmt/format.h>

namespace lath {

CompiledGemm
compileGemm(const GemmSpec &spec, const std::optional<Schedule> &schedule,
            const Target &target, unsigned smCount,
            const std::function<void(Stage, const std::string &)> &dump) {
  auto start = std::chrono::steady_clock::now();
  validate(spec);
  CompiledGemm result;
  result.spec = spec;
  result.schedule =
      schedule ? *schedule : chooseSchedule(spec, target, smCount).schedule;
  validate(result.schedule, spec, target);
  std::unique_ptr<Program> program = dequantGemm(spec, result.schedule);
  double build = std::chrono::duration<double, std::milli>(
                     std::chrono::steady_clock::now() - start)
                     .count();
  CompileResult compiled =
      compile(*program, compileOptions(result.schedule, target), dump);
  result.ptx = std::move(compiled.ptx);
  result.phases = {{"build", build}};
  result.phases.insert(result.phases.end(), compiled.phases.begin(),
                       compiled.phases.end());
  return result;
}

struct Kernel::State {
  std::shared_ptr<Device> device;
  CompiledGemm gemm;
  std::shared_ptr<const LoadedKernel> loaded;
  DeviceBuffer workspace, tickets;
  /// For each parameter of the kernel that is a view: which argument it is.
  std::vector<DevicePtr GemmArguments::*> views;
};

/// The argument of that name; of parameters that are no views, any.
static DevicePtr GemmArguments::*viewArgument(const std::string &name) {
  return name == "x"         ? &GemmArguments::x
         : name == "qweight" ? &GemmArguments::qweight
         : name == "scales"  ? &GemmArguments::scales
         : name == "qzeros"  ? &GemmArguments::qzeros
                             : &GemmArguments::out;
}

const GemmSpec &Kernel::spec() const { return state_->gemm.spec; }
const Schedule &Kernel::schedule() const { return state_->gemm.schedule; }
const Ptx &Kernel::ptx() const { return state_->gemm.ptx; }
const LoadedKernel &Kernel::loaded() const { return *state_->loaded; }
std::array<unsigned, 3> Kernel::grid(std::int64_t m) const {
  return gemmGrid(spec(), schedule(), m);
}

void Kernel::launch(Stream stream, const GemmArguments &a) const {
  const State &s = *state_;
  std::int64_t m = a.m ? a.m : spec().m;
  if (m < 1 || m > spec().m)
    throw Error(ErrorKind::invalidInput,
                fmt::format("launch of {}: m = {} is not in 1..{}",
                            print(spec()), m, spec().m));
  std::array<std::uint64_t, 8> values;
  std::size_t count = 0;
  for (std::size_t i = 0; i < s.gemm.ptx.params.size(); ++i) {
    const KernelParam &param = s.gemm.ptx.params[i];
    std::uint64_t value = 0;
    switch (param.kind) {
    case KernelParam::Kind::scalar:
      values[count++] = m;
      continue;
    case KernelParam::Kind::workspace:
      values[count++] = s.workspace.get();
      continue;
    case KernelParam::Kind::tickets:
      values[count++] = s.tickets.get();
      continue;
    case KernelParam::Kind::view:
      value = a.*s.views[i];
      break;
    }
    if (!value || value % 16)
      throw Error(
          ErrorKind::invalidInput,
          fmt::format("launch of {}: {} is {:#x}; expected a device pointer "
                      "aligned to 16 bytes",
                      print(spec()), param.name, value));
    values[count++] = value;
  }
  if (s.gemm.ptx.accumulatesIntoOutput)
    s.device->fill(a.out, 0, 2 * m * spec().n, stream);
  LaunchConfig config;
  config.grid = grid(m);
  config.dependent = s.gemm.ptx.dependent;
  s.loaded->launch(stream, config, {values.data(), count});
}

/// One spec and schedule: compiled by the first thread that asks, while others
/// wait on its mutex.
struct Engine::Entry {
  std::mutex mutex;
  std::optional<CompiledGemm> gemm;
  std::shared_ptr<const LoadedKernel> loaded;
};

Engine::Engine(std::shared_ptr<Device> device)
    : device_(std::move(device)),
      target_(targetForDevice(device_->info().major, device_->info().minor)) {}

Kernel Engine::gemm(const GemmSpec &spec,
                    const std::optional<Schedule> &schedule) {
  std::string key = print(spec) + (schedule ? "|" + print(*schedule) : "");
  std::shared_ptr<Entry> entry;
  std::string db;
  {
    std::lock_guard lock(mutex_);
    db = tuningDb_;
    auto &slot = entries_[key];
    if (!slot)
      slot = std::make_shared<Entry>();
    entry = slot;
  }
  auto state = std::make_shared<Kernel::State>();
  {
    std::lock_guard lock(entry->mutex);
    if (!entry->loaded) {
      entry->gemm = compileGemm(
          spec,
          schedule ? *schedule
                   : chooseTuned(spec, target_, device_->info(), db).schedule,
          target_);
      entry->loaded = device_->load(entry->gemm->ptx);
    }
    state->gemm = *entry->gemm;
    state->loaded = entry->loaded;
  }
  return bind(std::move(state));
}

TuneReport Engine::tune(const std::vector<GemmSpec> &specs,
                        const TuneOptions &options, const std::string &db) {
  TuningDb database(db.empty() ? defaultTuningDb() : db, TuningDb::Mode::write);
  TuneReport report =
      lath::tune(specs, *measureHere(device_), database, options);
  std::lock_guard lock(mutex_);
  tuningDb_ = db;
  // Requests that name no schedule choose anew.
  std::erase_if(entries_, [](const auto &entry) {
    return entry.first.find('|') == std::string::npos;
  });
  return report;
}

Kernel Engine::load(CompiledGemm gemm, std::span<const char> cubin) {
  auto state = std::make_shared<Kernel::State>();
  state->loaded = cubin.empty() ? device_->load(gemm.ptx)
                                : device_->loadAssembled(gemm.ptx, cubin);
  state->gemm = std::move(gemm);
  return bind(std::move(state));
}

/// Gives a loaded kernel its workspace.
Kernel Engine::bind(std::shared_ptr<Kernel::State> state) const {
  const GemmSpec &spec = state->gemm.spec;
  state->device = device_;
  for (const KernelParam &param : state->gemm.ptx.params)
    state->views.push_back(viewArgument(param.name));
  auto grid = gemmGrid(spec, state->gemm.schedule, spec.m);
  std::size_t tiles = std::size_t(grid[0]) * grid[1];
  auto zeroed = [&](std::size_t bytes) {
    DeviceBuffer buffer(device_, bytes);
    device_->fill(buffer.get(), 0, bytes);
    return buffer;
  };
  if (state->gemm.ptx.workspaceBytesPerTile)
    state->workspace = zeroed(tiles * state->gemm.ptx.workspaceBytesPerTile);
  if (state->gemm.ptx.usesTickets)
    state->tickets = zeroed(tiles * 4);
  device_->synchronize();
  Kernel kernel;
  kernel.state_ = std::move(state);
  return kernel;
}

} // namespace lath
