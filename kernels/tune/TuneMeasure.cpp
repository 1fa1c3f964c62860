#include "kernels/tune/TuneMeasure.h"

#include "kernels/launch/KernelState.h"
#include "kernels/launch/Scratch.h"
#include "kernels/tune/EmulatedCost.h"
#include "kernels/tune/PlainRead.h"
#include "kernels/weights/PackedWeights.h"
#include "kernels/weights/Reference.h"
#include "runtime/ColdTimer.h"
#include "runtime/EmulatedDevice.h"
#include "runtime/WorkspacePool.h"

#include <fmt/format.h>

#include <map>

namespace lath {

namespace {

template <class Element>
DeviceBuffer uploaded(const std::shared_ptr<Device> &device,
                      const std::vector<Element> &elements) {
  DeviceBuffer buffer(device, elements.size() * sizeof(Element));
  device->upload(buffer.get(), elements.data(), buffer.bytes());
  return buffer;
}

/// Whether launches are to follow each other by dependent launch.
bool chained(const Device &device, const GemmSpec &spec) {
  return spec.launches == Launches::chained &&
         targetForDevice(device.info().major, device.info().minor)
             .hasDependentLaunch();
}

/// The weights of one problem on a device, its activations and its result.
struct Workbench {
  GemmSpec spec;
  std::vector<double> reference;
  DeviceBuffer x, out;
  struct Copy {
    DeviceBuffer qweight, scales, qzeros;
  };
  std::vector<Copy> copies;
  PlainRead plain;

  Workbench(const std::shared_ptr<Device> &device, const GemmSpec &asked,
            std::uint64_t seed)
      : Workbench(device, asked, randomLayer(asked, seed), seed) {}
  Workbench(const std::shared_ptr<Device> &device, const GemmSpec &asked,
            const GptqLayer &layer, std::uint64_t seed)
      : Workbench(device, asked, layer, storedWeights(asked, layer),
                  randomActivations(asked.m, asked.k, asked.x, seed + 1)) {}

  GemmArguments arguments(std::int64_t m, unsigned copy) const {
    return {.x = x.get(),
            .qweight = copies[copy].qweight.get(),
            .scales = copies[copy].scales.get(),
            .qzeros = copies[copy].qzeros.get(),
            .out = out.get(),
            .m = m};
  }

private:
  Workbench(const std::shared_ptr<Device> &device, const GemmSpec &asked,
            const GptqLayer &layer, const std::vector<std::uint32_t> &stored,
            const std::vector<std::uint16_t> &rows)
      : spec(asked),
        reference(referenceGemm(layer, rows.data(), asked.m, asked.x)),
        x(uploaded(device, rows)),
        // One row more than any kernel may write.
        out(device, 2 * static_cast<std::size_t>((asked.m + 1) * asked.n)),
        plain(device, 4 * stored.size(), chained(*device, asked)) {
    bool emulated = dynamic_cast<EmulatedDevice *>(device.get());
    unsigned count =
        emulated ? 1 : coldCopies(device->info(), 4 * stored.size());
    for (unsigned i = 0; i < count; ++i)
      copies.push_back({uploaded(device, stored),
                        uploaded(device, layer.scales),
                        uploaded(device, layer.qzeros)});
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
    bench_.reset();
    bench_ = std::make_unique<Workbench>(device_, spec, seed);
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
    Device &device = *device_;
    std::int64_t m = spec.m, n = spec.n;
    // Twice: tickets and workspace that the first left dirty show in the
    // second.
    std::vector<std::uint16_t> out(static_cast<std::size_t>((m + 1) * n));
    for (int launch = 0; launch < 2; ++launch) {
      device.fill(bench_->out.get(), poison & 0xff, 2 * out.size());
      try {
        if (emulator_)
          emulator_->expectWritten(bench_->out.get(),
                                   2 * static_cast<std::size_t>(m * n));
        loaded.launch(nullptr, bench_->arguments(m, 0));
        device.synchronize();
      } catch (const Error &error) {
        if (emulator_)
          return {Status::wrong, error.message()};
        // Where the driver only refused the launch the context still works,
        // and no other candidate has to be loaded again.
        if (error.fault() != Fault::fatal)
          throw;
        device.synchronize();
        return {Status::rejected, error.message()};
      }
    }
    device.download(out.data(), bench_->out.get(), 2 * out.size());
    Comparison c = compare(out.data(), spec.x, bench_->reference.data(), m, n);
    double allowed = bound(spec.x, candidate.gemm.schedule.reduce);
    if (!(c.relativeFrobenius <= allowed))
      return {Status::wrong,
              fmt::format("relative error {:.2e}, the bound is {:.1e}; {} "
                          "elements unwritten",
                          c.relativeFrobenius, allowed, c.unwritten)};
    if (std::int64_t stray = n - countPoison(out.data() + m * n, n))
      return {Status::wrong,
              fmt::format("{} elements written behind the last row", stray)};
    if (emulator_)
      loaded.cost = emulatedCost(emulator_->counters(), device.info().smCount);
    // Atomic sums have no bits to compare.
    if (candidate.gemm.schedule.dependent != Dependent::none &&
        spec.n == spec.k &&
        (candidate.gemm.schedule.reduce == Reduce::none ||
         servedBy(candidate.gemm.schedule.reduce) == Reduce::ordered))
      try {
        if (!chainsRight(loaded, m))
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
      bench_->plain.launch(nullptr, bench_->copies.front().qweight.get());
      samples.push_back(
          {emulatedCost(emulator_->counters(), device().smCount)});
      return samples;
    }
    const auto copies = static_cast<unsigned>(bench_->copies.size());
    const std::size_t bytes = bench_->copies.front().qweight.bytes();
    std::vector<ColdCandidate> list;
    for (int id : ids) {
      const Checked *kernel = &at(id);
      list.push_back({print(kernel->kernel.schedule()), copies, bytes,
                      [this, kernel, m](Stream stream, unsigned copy) {
                        kernel->launch(stream, bench_->arguments(m, copy));
                      }});
    }
    list.push_back(
        {"plain read", copies, bytes, [this](Stream stream, unsigned copy) {
           bench_->plain.launch(stream, bench_->copies[copy].qweight.get());
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
            kernel.launch(stream, bench_->arguments(m, 0));
        },
        [&](Stream stream) {
          for (int i = 0; i < launches; ++i)
            bench_->plain.launch(stream, bench_->copies[0].qweight.get());
        }};
    auto samples = device_->timeGraphs(works, 3, replays);
    for (TuneSamples &rounds : samples)
      for (double &micros : rounds)
        micros /= launches;
    return samples;
  }

  DeviceProbe probe() override {
    kernels_.clear();
    bench_.reset();
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
    const GemmSpec &spec = bench_->spec;
    DeviceBuffer middle(device_, bench_->out.bytes());
    std::vector<std::uint16_t> apart(static_cast<std::size_t>(m * spec.n)),
        chained(apart.size());
    GemmArguments first = bench_->arguments(m, 0), second = first;
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
  std::unique_ptr<Workbench> bench_;
  std::map<int, Checked> kernels_;
};

} // namespace

std::unique_ptr<Measurer> measureHere(std::shared_ptr<Device> device) {
  return std::make_unique<MeasurerHere>(std::move(device));
}

} // namespace lath
