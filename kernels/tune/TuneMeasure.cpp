#include "kernels/tune/TuneMeasure.h"

#include "kernels/launch/KernelState.h"
#include "kernels/launch/Scratch.h"
#include "kernels/tune/EmulatedCost.h"
#include "kernels/tune/PlainRead.h"
#include "kernels/weights/Workbench.h"
#include "runtime/ColdTimer.h"
#include "runtime/EmulatedDevice.h"
#include "runtime/WorkspacePool.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace lath {

namespace {

/// Whether launches are to follow each other by dependent launch.
bool chained(const Device &device, const GemmSpec &spec) {
  return spec.launches == Launches::chained &&
         targetForDevice(device.info().major, device.info().minor)
             .hasDependentLaunch();
}

/// One problem on a device, and a plain read of its weights.
struct Subject {
  Workbench bench;
  PlainRead plain;

  Subject(const std::shared_ptr<Device> &device, const GemmSpec &spec,
          std::uint64_t seed)
      : bench(device, spec, seed),
        plain(device, bytes(), chained(*device, spec)) {
    if (!dynamic_cast<EmulatedDevice *>(device.get()))
      bench.makeCopies(coldCopies(device->info(), bytes()));
    // Now: the first candidate's check has a time limit.
    bench.reference();
  }
  /// Of one copy, of what the plain read reads.
  std::size_t bytes() const { return bench.weights()["qweight"].bytes(); }
  void readPlainly(Stream stream, unsigned copy) const {
    plain.launch(stream, bench.copies()[copy]["qweight"].get());
  }
};

class MeasurerHere final : public Measurer {
public:
  explicit MeasurerHere(std::shared_ptr<Device> device)
      : device_(std::move(device)),
        pool_(std::make_shared<WorkspacePool>(device_)),
        emulator_(dynamic_cast<EmulatedDevice *>(device_.get())) {}

  const DeviceInfo &device() const override { return device_->info(); }
  std::string unit() const override { return emulator_ ? "cost" : "us"; }

  void prepare(const GemmSpec &spec, std::uint64_t seed) override {
    kernels_.clear();
    subject_.reset();
    subject_ = std::make_unique<Subject>(device_, spec, seed);
  }

  TuneVerdict check(const TuneCandidate &candidate) override {
    using Status = Measurement::Status;
    Checked loaded;
    try {
      loaded = load(candidate);
    } catch (const Error &error) {
      return {Status::rejected, error.message()};
    }
    const GemmSpec &spec = candidate.gemm.spec;
    Workbench &bench = subject_->bench;
    // Twice: tickets and workspace that the first left dirty show in the
    // second.
    for (int launch = 0; launch < 2; ++launch) {
      bench.poisonOutput(spec.m);
      try {
        loaded.launch(nullptr, bench.arguments(spec.m));
        device_->synchronize();
      } catch (const Error &error) {
        if (emulator_)
          return {Status::wrong, error.message()};
        // Where the driver only refused the launch the context still works,
        // and no other candidate has to be loaded again.
        if (error.fault() != Fault::fatal)
          throw;
        device_->synchronize();
        return {Status::rejected, error.message()};
      }
    }
    const GemmCheck result =
        bench.check(bench.result(), candidate.gemm.schedule, spec.m);
    const Comparison &c = result.comparison;
    if (!(c.relativeFrobenius <= result.bound))
      return {Status::wrong,
              fmt::format("relative error {:.2e}, the bound is {:.1e}; {} "
                          "elements unwritten",
                          c.relativeFrobenius, result.bound, c.unwritten)};
    if (result.strayWrites)
      return {Status::wrong, fmt::format("{} elements written behind the last "
                                         "row",
                                         result.strayWrites)};
    if (emulator_)
      loaded.cost = emulatedCost(emulator_->counters(), device().smCount);
    // Atomic sums have no bits to compare.
    if (candidate.gemm.schedule.dependent != Dependent::none &&
        spec.n == spec.k &&
        (candidate.gemm.schedule.reduce == Reduce::none ||
         servedBy(candidate.gemm.schedule.reduce) == Reduce::ordered))
      try {
        if (!chainsRight(loaded, spec.m))
          return {Status::wrong, "chained, it reads what the launch ahead of "
                                 "it has not written yet"};
      } catch (const Error &error) {
        if (!emulator_)
          throw;
        return {Status::wrong, error.message()};
      }
    kernels_.insert_or_assign(candidate.id, std::move(loaded));
    return {};
  }

  std::vector<TuneSamples> time(const std::vector<int> &ids, std::int64_t m,
                                int replays) override {
    std::vector<TuneSamples> samples;
    if (emulator_) {
      for (int id : ids)
        samples.push_back({at(id).cost});
      subject_->readPlainly(nullptr, 0);
      samples.push_back(
          {emulatedCost(emulator_->counters(), device().smCount)});
      return samples;
    }
    const Subject &subject = *subject_;
    const auto copies = static_cast<unsigned>(subject.bench.copies().size());
    const std::size_t bytes = subject.bytes();
    std::vector<ColdCandidate> list;
    for (int id : ids) {
      const Checked *kernel = &at(id);
      list.push_back({print(kernel->kernel.schedule()), copies, bytes,
                      [&subject, kernel, m](Stream stream, unsigned copy) {
                        kernel->launch(stream,
                                       subject.bench.arguments(m, copy));
                      }});
    }
    list.push_back(
        {"plain read", copies, bytes, [&subject](Stream stream, unsigned copy) {
           subject.readPlainly(stream, copy);
         }});
    ColdOptions options;
    options.replays = replays;
    options.ranking = replays < 20;
    options.warmups = options.ranking ? 1 : 3;
    for (ColdTiming &timing : timeCold(*device_, list, options))
      samples.push_back(std::move(timing.samples));
    return samples;
  }

  std::vector<TuneSamples> timeWarm(int id, std::int64_t m,
                                    int replays) override {
    if (emulator_)
      return time({id}, m, replays);
    constexpr int launches = 50;
    const Checked &kernel = at(id);
    const std::function<void(Stream)> works[] = {
        [&](Stream stream) {
          for (int i = 0; i < launches; ++i)
            kernel.launch(stream, subject_->bench.arguments(m));
        },
        [&](Stream stream) {
          for (int i = 0; i < launches; ++i)
            subject_->readPlainly(stream, 0);
        }};
    auto samples = device_->timeGraphs(works, 3, replays);
    for (TuneSamples &rounds : samples)
      for (double &micros : rounds)
        micros /= launches;
    return samples;
  }

  DeviceProbe probe() override {
    kernels_.clear();
    subject_.reset();
    return lath::probe(device_);
  }

  void drop(const std::vector<int> &ids) override {
    for (int id : ids)
      kernels_.erase(id);
  }

private:
  struct Checked {
    Kernel kernel;
    Scratch scratch; ///< timing captures a stream of its own
    double cost = 0; ///< of the emulator

    void launch(Stream stream, const GemmArguments &arguments) const {
      kernel.launch(stream, scratch.with(arguments));
    }
  };
  /// Two launches, the second of which reads what the first one writes, at once
  /// and one after the other: both ways have to give the same.
  bool chainsRight(const Checked &kernel, std::int64_t m) {
    const Workbench &bench = subject_->bench;
    const GemmSpec &spec = bench.spec;
    DeviceBuffer middle(device_, bench.out.bytes());
    std::vector<std::uint16_t> apart(static_cast<std::size_t>(m * spec.n)),
        chained(apart.size());
    GemmArguments first = bench.arguments(m), second = first;
    first.out = middle.get();
    second.x = middle.get();
    for (bool wait : {true, false}) {
      device_->fill(middle.get(), poison & 0xff, middle.bytes());
      device_->synchronize();
      kernel.launch(nullptr, first);
      if (wait)
        device_->synchronize();
      kernel.launch(nullptr, second);
      device_->synchronize();
      std::vector<std::uint16_t> &out = wait ? apart : chained;
      device_->download(out.data(), second.out, 2 * out.size());
    }
    return chained == apart;
  }
  Checked load(const TuneCandidate &candidate) const {
    const CompiledGemm &gemm = candidate.gemm;
    auto loaded = candidate.cubin.empty()
                      ? device_->load(gemm.ptx)
                      : device_->loadAssembled(gemm.ptx, candidate.cubin);
    Checked checked;
    checked.kernel =
        Kernel(std::make_shared<const KernelState>(
                   device_, gemm.spec, gemm.schedule, std::move(loaded), pool_),
               gemm.spec.m);
    checked.scratch = Scratch(device_, checked.kernel);
    return checked;
  }
  const Checked &at(int id) const {
    auto found = kernels_.find(id);
    if (found == kernels_.end())
      throw Error(ErrorKind::internal,
                  fmt::format("candidate {} was not checked", id));
    return found->second;
  }

  std::shared_ptr<Device> device_;
  std::shared_ptr<WorkspacePool> pool_;
  EmulatedDevice *emulator_;
  std::unique_ptr<Subject> subject_;
  std::map<int, Checked> kernels_;
};

} // namespace

Measurement summarise(TuneSamples samples, const std::string &unit) {
  std::sort(samples.begin(), samples.end());
  auto quantile = [&](double share) {
    double position = share * double(samples.size() - 1);
    auto below = static_cast<std::size_t>(position);
    return std::lerp(samples[below],
                     samples[std::min(below + 1, samples.size() - 1)],
                     position - double(below));
  };
  // To 0.1 ns, below what clocks tell: exports are shorter by half.
  auto rounded = [](double value) { return std::round(value * 1e4) / 1e4; };
  Measurement m;
  m.median = rounded(quantile(0.5));
  m.p10 = rounded(quantile(0.1));
  m.p90 = rounded(quantile(0.9));
  m.replays = static_cast<int>(samples.size());
  m.unit = unit;
  return m;
}

std::unique_ptr<Measurer> measureHere(std::shared_ptr<Device> device) {
  return std::make_unique<MeasurerHere>(std::move(device));
}

} // namespace lath
