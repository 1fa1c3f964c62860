#include "runtime/EmulatedDevice.h"

#include "compiler/base/Occupancy.h"
#include "runtime/emulator/GlobalRaces.h"
#include "runtime/emulator/Machine.h"
#include "runtime/emulator/Outputs.h"
#include "runtime/emulator/TensorDescriptor.h"
#include "runtime/emulator/ThreadCounters.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <fmt/format.h>
#include <mutex>
#include <thread>

namespace lath {

using namespace emulator;

namespace {

DeviceInfo infoOf(const Target &target) {
  DeviceInfo info;
  info.name = fmt::format("Lath emulator ({})", target.name);
  info.target = target.name;
  info.major = static_cast<int>(target.capability / 10);
  info.minor = static_cast<int>(target.capability % 10);
  info.smCount = target.gpu().sms;
  info.l2Bytes = target.gpu().l2Bytes;
  info.memoryBytes = std::size_t{16} << 30;
  info.driverVersion = 0;
  info.driverText = "none";
  return info;
}

class State {
public:
  State(const Target &t, const EmulatorOptions &o) : target(t), options(o) {}
  const Target &target;
  const EmulatorOptions options;
  GlobalMemory memory;
  std::mutex mutex; ///< one launch at a time; guards what follows
  std::vector<Report> reports;
  std::string printed;
  LaunchCounters counters;
  std::vector<ExpectedOutput> expected;
  std::uint64_t serial = 1;
  bool launchedLast = false; ///< no copy or fill since the last launch
};

class EmulatedKernel final : public LoadedKernel {
public:
  EmulatedKernel(std::shared_ptr<State> state, const Ptx &ptx)
      : state_(std::move(state)), ptx_(ptx), program_(placed(ptx)) {
    const Module &m = program_->module;
    if (m.params.size() != ptx.params.size())
      throw Error(
          ErrorKind::compile,
          fmt::format("{}: the PTX has {} parameters, its description {}",
                      ptx.entry, m.params.size(), ptx.params.size()));
    unsigned required =
        m.requiredThreads[0] * m.requiredThreads[1] * m.requiredThreads[2];
    if (required && required != ptx.threads)
      throw Error(ErrorKind::compile,
                  fmt::format("{}: the PTX requires {} threads a block, its "
                              "description has {}",
                              ptx.entry, required, ptx.threads));
  }

  ~EmulatedKernel() override {
    if (std::uint64_t globals = program_->module.globalBase)
      state_->memory.free(globals);
  }

  const Ptx &ptx() const override { return ptx_; }

  KernelResources resources() const override {
    KernelResources r;
    r.localBytes = static_cast<unsigned>(program_->module.localBytes);
    r.staticShared = static_cast<unsigned>(program_->module.staticShared);
    r.maxThreads = 1024;
    return r;
  }

  unsigned blocksPerSm() const override {
    // PTX has no registers to count.
    return std::max(1u, occupancy(state_->target, std::max(1u, ptx_.threads),
                                  /*registers=*/0,
                                  ptx_.sharedBytes + resources().staticShared)
                            .blocks);
  }

  void launch(Stream, const LaunchConfig &config,
              std::span<const std::uint64_t> args) const override;

private:
  std::shared_ptr<State> state_;
  Ptx ptx_;
  std::shared_ptr<const Program> program_;

  /// Decoded, its variables in device memory.
  std::shared_ptr<const Program> placed(const Ptx &ptx) const {
    Module module = parse(ptx.text, ptx.entry);
    if (!module.globalImage.empty()) {
      const std::size_t bytes = module.globalImage.size();
      module.globalBase = state_->memory.allocate(bytes);
      std::shared_ptr<Buffer> buffer =
          state_->memory.find(module.globalBase, bytes);
      std::memcpy(buffer->data.get(), module.globalImage.data(), bytes);
      std::memset(buffer->written.get(), Buffer::defined, bytes);
    }
    const std::uint64_t base = module.globalBase;
    try {
      return decode(std::move(module));
    } catch (...) {
      if (base)
        state_->memory.free(base);
      throw;
    }
  }
};

void EmulatedKernel::launch(Stream, const LaunchConfig &config,
                            std::span<const std::uint64_t> args) const {
  const Module &m = program_->module;
  checkArguments(ptx_, args);
  for (int d = 0; d < 3; ++d)
    if (config.grid[d] == 0 || config.grid[d] % m.clusterSize[d])
      throw Error(
          ErrorKind::invalidInput,
          fmt::format("launch of {}: a grid of {} x {} x {} does not divide "
                      "into clusters of {} x {} x {}",
                      ptx_.entry, config.grid[0], config.grid[1],
                      config.grid[2], m.clusterSize[0], m.clusterSize[1],
                      m.clusterSize[2]));
  std::lock_guard lock(state_->mutex);
  const EmulatorOptions &options = state_->options;
  ReportLog log(ptx_.entry);
  std::atomic<bool> stop{false};
  Launch launch;
  launch.program = program_;
  launch.grid =
      launchedGrid(ptx_, config, state_->target.gpu().sms * blocksPerSm());
  launch.block = {ptx_.threads, 1, 1};
  if (m.requiredThreads[0])
    launch.block = {m.requiredThreads[0], m.requiredThreads[1],
                    m.requiredThreads[2]};
  launch.cluster = {m.clusterSize[0], m.clusterSize[1], m.clusterSize[2]};
  launch.dynamicShared = ptx_.sharedBytes;
  launch.params.assign(m.paramBytes, 0);
  launch.buffers = state_->memory.table();
  launch.serial = ++state_->serial;
  launch.dependent = config.dependent && state_->launchedLast;
  launch.checks = options.checks;
  launch.counts = options.counters;
  launch.maxInstructions = options.maxInstructions;
  launch.log = &log;
  launch.stop = &stop;
  if (m.globalBase)
    launch.names.emplace(state_->memory.find(m.globalBase, 0).get(),
                         "the module's variables");
  std::vector<const Buffer *> arguments(args.size(), nullptr);
  for (std::size_t n = 0; n < args.size(); ++n) {
    std::memcpy(launch.params.data() + m.params[n].offset, &args[n],
                std::min<std::size_t>(m.params[n].bytes, 8));
    if (ptx_.params[n].kind == KernelParam::Kind::scalar)
      continue;
    std::shared_ptr<Buffer> buffer = state_->memory.find(args[n], 0);
    arguments[n] = buffer.get();
    if (buffer)
      launch.names.emplace(buffer.get(), ptx_.params[n].name);
    if (ptx_.params[n].kind == KernelParam::Kind::workspace)
      launch.workspaces.push_back(buffer.get());
  }
  auto map = ptx_.tensorMaps.begin();
  for (std::size_t n = args.size(); n < ptx_.params.size(); ++n) {
    std::uint8_t *to = launch.params.data() + m.params[n].offset;
    switch (ptx_.params[n].kind) {
    case KernelParam::Kind::tensorMap: {
      const EncodedTensorMap encoded =
          emulator::encode(tensorMap(ptx_, *map++, args));
      std::memcpy(to, encoded.data(), encoded.size());
      break;
    }
    case KernelParam::Kind::gridX:
      std::memcpy(to, &config.grid[0], sizeof config.grid[0]);
      break;
    default:
      std::memcpy(to, &config.grid[1], sizeof config.grid[1]);
    }
  }
  std::unique_ptr<GlobalRaces> races;
  std::uint64_t blocks =
      std::uint64_t{1} * launch.grid[0] * launch.grid[1] * launch.grid[2];
  // Stamps have room for 2^20 blocks.
  if (options.checks && blocks < (1u << 20) - 1)
    races = std::make_unique<GlobalRaces>(launch);
  launch.globalRaces = races.get();
  unsigned threads = options.threads
                         ? options.threads
                         : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::unique_ptr<ThreadCounters>> counters;
  std::exception_ptr failure;
  execute(launch, threads, counters);
  state_->launchedLast = true;
  if (std::string printed = log.takePrinted(); !printed.empty()) {
    std::fputs(printed.c_str(), stderr);
    state_->printed += printed;
  }
  if (launch.dependent && launch.checks && !program_->waitsForGrids) {
    Report report;
    report.kind = Suspicion::dependentLaunch;
    report.detail =
        "a dependent launch never executes griddepcontrol.wait: that "
        "it is done says nothing of the launches before";
    log.add(std::move(report));
  }
  state_->counters = {};
  for (const auto &c : counters)
    if (c)
      c->mergeInto(state_->counters);
  std::sort(state_->counters.accesses.begin(), state_->counters.accesses.end(),
            [](const AccessCounters &a, const AccessCounters &b) {
              return a.line < b.line;
            });
  std::vector<ExpectedOutput> expected = std::move(state_->expected);
  state_->expected.clear();
  if (races && !stop) // what a launch that was ended early left says nothing
    try {
      checkOutputs(launch, *races, ptx_, arguments, expected);
    } catch (const Stop &) {
      // the log is full
    }
  std::vector<Report> found = log.take();
  if (found.empty())
    return;
  if (!options.throwOnReport) {
    state_->reports.insert(state_->reports.end(), found.begin(), found.end());
    return;
  }
  std::vector<std::string> notes;
  for (const Report &report : found)
    notes.push_back(print(report));
  throw Error(ErrorKind::driver,
              fmt::format("the emulator found {} {} in {}: {}", found.size(),
                          found.size() == 1 ? "fault" : "faults", ptx_.entry,
                          notes[0]),
              notes);
}

class Emulator final : public EmulatedDevice {
public:
  Emulator(const Target &target, const EmulatorOptions &options)
      : info_(infoOf(target)),
        state_(std::make_shared<State>(target, options)) {}

  const DeviceInfo &info() const override { return info_; }

  DevicePtr allocate(std::size_t bytes) override {
    return bytes ? state_->memory.allocate(bytes) : 0;
  }
  void free(DevicePtr memory) noexcept override { state_->memory.free(memory); }

  void upload(DevicePtr to, const void *from, std::size_t bytes) override {
    if (!bytes)
      return;
    std::lock_guard lock(state_->mutex);
    state_->launchedLast = false;
    auto buffer = range(to, bytes, "upload");
    std::memcpy(buffer->at(to), from, bytes);
    std::memset(buffer->written.get() + (to - buffer->base), Buffer::defined,
                bytes);
  }

  void download(void *to, DevicePtr from, std::size_t bytes) override {
    if (!bytes)
      return;
    std::lock_guard lock(state_->mutex);
    auto buffer = range(from, bytes, "download");
    std::memcpy(to, buffer->at(from), bytes);
  }

  void fill(DevicePtr to, unsigned char value, std::size_t bytes,
            Stream) override {
    if (!bytes)
      return;
    std::lock_guard lock(state_->mutex);
    state_->launchedLast = false;
    auto buffer = range(to, bytes, "fill");
    std::memset(buffer->at(to), value, bytes);
    std::memset(buffer->written.get() + (to - buffer->base), Buffer::filled,
                bytes);
  }

  void synchronize() override {}

  std::shared_ptr<const LoadedKernel> load(const Ptx &ptx) override {
    return std::make_shared<const EmulatedKernel>(state_, ptx);
  }

  std::vector<double> timeGraph(const std::function<void(Stream)> &work,
                                int warmups, int replays) override {
    std::vector<double> times;
    for (int n = -warmups; n < replays; ++n) {
      auto start = std::chrono::steady_clock::now();
      work(nullptr);
      double elapsed = std::chrono::duration<double, std::micro>(
                           std::chrono::steady_clock::now() - start)
                           .count();
      if (n >= 0)
        times.push_back(elapsed);
    }
    return times;
  }

  std::vector<Report> takeReports() override {
    std::lock_guard lock(state_->mutex);
    return std::exchange(state_->reports, {});
  }
  std::string takePrinted() override {
    std::lock_guard lock(state_->mutex);
    return std::exchange(state_->printed, {});
  }
  LaunchCounters counters() const override {
    std::lock_guard lock(state_->mutex);
    return state_->counters;
  }
  void expectWritten(DevicePtr from, std::size_t bytes) override {
    std::lock_guard lock(state_->mutex);
    state_->expected.push_back({from, bytes});
  }

  EncodedTensorMap encode(const TensorMap &map) const override {
    return emulator::encode(map);
  }

private:
  std::shared_ptr<Buffer> range(DevicePtr address, std::size_t bytes,
                                const char *what) const {
    auto buffer = state_->memory.find(address, bytes);
    if (!buffer)
      throw Error(ErrorKind::driver,
                  fmt::format("{} of {} bytes at {:#x}: no buffer holds them",
                              what, bytes, address));
    return buffer;
  }

  DeviceInfo info_;
  std::shared_ptr<State> state_;
};

} // namespace

std::shared_ptr<EmulatedDevice> openEmulator(std::string name,
                                             const EmulatorOptions &options) {
  return std::make_shared<Emulator>(target(name), options);
}

} // namespace lath
