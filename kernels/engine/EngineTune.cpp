// Engine::tune: measure here or in a worker, then choose anew.
#include "kernels/engine/EngineImpl.h"
#include "kernels/tune/TuneMeasure.h"
#include "kernels/tune/TuneWorker.h"
#include "kernels/tune/Tuner.h"
#include "kernels/tuned/TuningDb.h"

#include <fmt/format.h>

namespace lath {

namespace {

std::unique_ptr<Measurer> measurerFor(const std::shared_ptr<Device> &device,
                                      const TuneOptions &options) {
  if (options.worker.empty())
    return measureHere(device);
  auto measurer = measureInWorker(options.worker, candidateSeconds);
  const DeviceInfo &mine = device->info(), &its = measurer->device();
  if (its.name != mine.name || its.smCount != mine.smCount)
    throw Error(ErrorKind::invalidInput,
                fmt::format("the worker measures on {} of {} SMs, the engine's "
                            "device is {} of {}",
                            its.name, its.smCount, mine.name, mine.smCount),
                {"--device of `lath tune-worker` chooses one"});
  return measurer;
}

} // namespace

TuneReport Engine::tune(std::span<const GemmSpec> specs,
                        const TuneOptions &options, const std::string &db) {
  if (impl_->device->capturing(nullptr))
    throw Error(ErrorKind::notPrepared,
                "kernels are tuned while a stream is being captured",
                {"tune before the capture"});
  TuningDb database(db.empty() ? defaultTuningDb() : db, TuningDb::Mode::write);
  std::unique_ptr<Measurer> measurer = measurerFor(impl_->device, options);
  // What was measured before an error is kept, and counts as well.
  auto chooseAnew = [&] {
    {
      std::lock_guard lock(impl_->mutex);
      impl_->tuned = std::make_shared<const TunedSchedules>(
          impl_->device->info(), database.path());
    }
    ++impl_->tunings;
    impl_->kernels.eraseIf([](const KernelKey &key) { return !key.schedule; });
  };
  try {
    TuneReport report =
        lath::tune({specs.begin(), specs.end()}, *measurer, database, options);
    chooseAnew();
    return report;
  } catch (...) {
    chooseAnew();
    throw;
  }
}

} // namespace lath
