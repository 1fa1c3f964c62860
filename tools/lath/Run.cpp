// `lath run`: one kernel on a GPU, checked, then timed, then checked again.
#include "tools/lath/Run.h"
#include "tools/lath/ProgramReader.h"

#include "kernels/engine/Engine.h"
#include "kernels/launch/Scratch.h"
#include "kernels/weights/Workbench.h"
#include "runtime/CudaDevice.h"
#include "runtime/EmulatedDevice.h"
#include "runtime/Environment.h"
#include "runtime/Median.h"
#include "tools/lath/OpenDevice.h"
#include "tools/lath/Output.h"
#include "tools/lath/SpecReader.h"
#include "tools/lath/Words.h"

namespace lath::cli {

namespace {

/// Beyond this many copies a graph of one launch each takes too long to make.
/// Weights under 60 kB or so on a GPU of 60 MB of L2 are what it leaves out.
constexpr unsigned maxCopies = 4096;
constexpr int warmLaunches = 50, warmups = 3, replays = 20;

/// A kernel with its inputs on the device and the result it should give.
class Experiment {
public:
  Experiment(Engine &engine, const Request &request, GptqLayer layer,
             std::uint64_t seed)
      : device_(engine.device()),
        kernel_(engine.gemm(request.spec, request.schedule)),
        scratch_(device_, kernel_),
        bench_(device_, request.spec, std::move(layer), seed) {}

  const Kernel &kernel() const { return kernel_; }
  std::int64_t weightBytes() const {
    return static_cast<std::int64_t>(bench_.weights().bytes());
  }

  /// Launches onto a poisoned output and compares it.
  GemmCheck check() {
    bench_.poisonOutput();
    launch(nullptr, 0);
    return bench_.check(bench_.result(), kernel_.schedule());
  }

  /// `copies` of the weights: coldCopies.
  ColdTiming timeCold(unsigned copies) {
    bench_.makeCopies(copies);
    return lath::timeCold(
        *device_,
        {print(kernel_.spec()), copies, bench_.weights().bytes(),
         [&](Stream stream, unsigned copy) { launch(stream, copy); }});
  }

  /// Microseconds a launch, all on one copy.
  double timeWarm() {
    auto work = [&](Stream stream) {
      for (int i = 0; i < warmLaunches; ++i)
        launch(stream, 0);
    };
    return median(device_->timeGraph(work, warmups, replays)) / warmLaunches;
  }

private:
  void launch(Stream stream, unsigned copy) const {
    kernel_.launch(stream, scratch_.with(bench_.arguments(std::nullopt, copy)));
  }

  std::shared_ptr<Device> device_;
  Kernel kernel_;
  Scratch scratch_; ///< timing captures a stream of its own
  Workbench bench_;
};

void describe(const Kernel &kernel, RunReport &report) {
  report.spec = kernel.spec();
  report.schedule = kernel.schedule();
  report.grid = kernel.grid(kernel.spec().m);
  report.threads = kernel.ptx().threads;
  report.resources = kernel.loaded().resources();
  report.sharedBytes = kernel.ptx().sharedBytes + report.resources.staticShared;
  report.blocksPerSm = kernel.loaded().blocksPerSm();
}

void time(Experiment &experiment, RunReport &report) {
  report.copies =
      coldCopies(report.device, static_cast<std::size_t>(report.weightBytes));
  if (report.copies > maxCopies)
    report.notCold = fmt::format(
        "{} of weights would need {} copies to exceed the L2 of {} four times",
        bytesText(double(report.weightBytes)), report.copies,
        bytesText(double(report.device.l2Bytes)));
  else
    report.cold = experiment.timeCold(report.copies);
  report.warmMicroseconds = experiment.timeWarm();
}

Error wrongResult(const RunReport &report) {
  const Comparison &c = report.check.comparison;
  std::string what, where;
  if (c.nonFinite) {
    what = fmt::format("{} of its {} elements are not finite, or finite where "
                       "fp64 exceeds {}; {} were never written",
                       c.nonFinite, report.spec.m * report.spec.n,
                       name(report.spec.x), c.unwritten);
    where = fmt::format("the first is at row {}, column {}", c.worstRow,
                        c.worstColumn);
  } else {
    what = c.relativeFrobenius > report.check.bound
               ? fmt::format("its relative error is {:.2e}, the bound {:.1e}",
                             c.relativeFrobenius, report.check.bound)
               : "it goes beyond its last row";
    where = fmt::format("the largest error, {:.3g}, is at row {}, column {}",
                        c.maxAbs, c.worstRow, c.worstColumn);
  }
  std::vector<std::string> notes{where};
  if (report.check.strayWrites)
    notes.push_back(fmt::format("elements written behind the last row: {}",
                                report.check.strayWrites));
  notes.push_back(fmt::format("schedule {}, seed {}, {}",
                              print(report.schedule), report.seed,
                              report.device.name));
  return Error(
      ErrorKind::mismatch,
      fmt::format("the result of {} is wrong: {}", print(report.spec), what),
      std::move(notes));
}

/// What the emulator finds wrong is a wrong result, whatever the numbers say.
GemmCheck checkEmulated(Experiment &experiment, const GemmSpec &spec) {
  try {
    return experiment.check();
  } catch (const Error &error) {
    throw Error(ErrorKind::mismatch,
                fmt::format("the emulator refuses {}: {}", print(spec),
                            error.message()),
                error.notes());
  }
}

/// The reference is fp64 on the host, a few billion products a second and core.
void announceReference(const GemmSpec &spec) {
  double products = double(spec.m) * double(spec.n) * double(spec.k);
  if (products > 3e10)
    remark(fmt::format("computing the reference, {:.0f} billion products on "
                       "the host",
                       products / 1e9));
}

} // namespace

void run(const RunArguments &arguments) {
  if (wantsProgram(arguments.program, arguments.spec))
    return runProgram(arguments);
  bool json = wantsJson(arguments.format);
  RunReport report;
  report.seed = arguments.seed
                    ? wholeNumber<std::uint64_t>("--seed", *arguments.seed)
                    : 1;
  if (arguments.weights.has_value() != arguments.layer.has_value())
    throw CliError{usage,
                   arguments.weights ? "--weights needs --layer NAME"
                                     : "--layer needs --weights CHECKPOINT",
                   {}};

  Request request;
  GptqLayer layer;
  if (arguments.weights) {
    LayerRequest read = readLayerRequest(arguments.spec, arguments.schedule,
                                         *arguments.weights, *arguments.layer);
    for (const std::string &warning : read.warnings)
      warn(warning);
    request = read.request;
    layer = std::move(read.layer);
    report.weightsFile = arguments.weights;
    report.layer = arguments.layer;
  } else {
    request = readRequest(arguments.spec, arguments.schedule);
  }

  std::optional<int> ordinal = deviceOrdinal(arguments.device);
  if (arguments.counters && ordinal)
    throw CliError{usage, "--counters needs --device emulator", {}};
  std::shared_ptr<EmulatedDevice> emulator;
  if (!ordinal)
    emulator = openEmulator();
  Engine engine(emulator ? emulator : openGpu(*ordinal));
  report.device = engine.device()->info();
  if (!arguments.weights)
    layer = randomLayer(request.spec, report.seed);
  announceReference(request.spec);
  Experiment experiment(engine, request, std::move(layer), report.seed);
  describe(experiment.kernel(), report);
  report.weightBytes = experiment.weightBytes();

  if (emulator) {
    report.check = checkEmulated(experiment, request.spec);
    report.notCold = "the emulator has no clock";
    if (arguments.counters)
      report.counters = emulator->counters();
  } else if (report.check = experiment.check(); report.check.ok()) {
    time(experiment, report);
    // What the timed launches left behind, in tickets and workspaces, shows
    // here.
    report.check = experiment.check();
  } else {
    report.notCold = "the result is wrong";
  }
  writeResult(json ? asJson(report) : asText(report));
  if (!report.check.ok())
    throw wrongResult(report);
}

} // namespace lath::cli
