// Engine::tune: measure here, then choose anew.
#include "kernels/EngineImpl.h"
#include "kernels/TuneMeasure.h"
#include "kernels/Tuner.h"
#include "kernels/TuningDb.h"

namespace lath {

TuneReport Engine::tune(std::span<const GemmSpec> specs,
                        const TuneOptions &options, const std::string &db) {
  if (impl_->device->capturing(nullptr))
    throw Error(ErrorKind::notPrepared,
                "kernels are tuned while a stream is being captured",
                {"tune before the capture"});
  TuningDb database(db.empty() ? defaultTuningDb() : db, TuningDb::Mode::write);
  TuneReport report =
      lath::tune({specs.begin(), specs.end()}, *measureHere(impl_->device),
                 database, options);
  {
    std::lock_guard lock(impl_->mutex);
    impl_->tuningDb = db;
  }
  ++impl_->tunings;
  impl_->kernels.eraseIf([](const KernelKey &key) { return !key.schedule; });
  return report;
}

} // namespace lath
