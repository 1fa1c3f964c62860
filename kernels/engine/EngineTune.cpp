// Engine::tune: measure here or in a worker, then choose anew; and the choices
// of programs.
#include "kernels/engine/EngineImpl.h"
#include "kernels/programs/ProgramBench.h"
#include "kernels/tune/ProgramTuner.h"
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

void Engine::Impl::chooseAnew(const std::string &db) {
  {
    std::lock_guard lock(mutex);
    tuned = std::make_shared<const TunedSchedules>(device->info(), db);
  }
  ++tunings;
  kernels.eraseIf([](const KernelKey &key) { return !key.schedule; });
}

template <class Work>
auto Engine::Impl::tuning(const std::string &db, const Work &work) {
  if (device->capturing(nullptr))
    throw Error(ErrorKind::notPrepared,
                "kernels are tuned while a stream is being captured",
                {"tune before the capture"});
  TuningDb database(db.empty() ? defaultTuningDb() : db, TuningDb::Mode::write);
  // What was measured before an error is kept, and counts as well.
  try {
    auto report = work(database);
    chooseAnew(database.path());
    return report;
  } catch (...) {
    chooseAnew(database.path());
    throw;
  }
}

TuneReport Engine::tune(std::span<const GemmSpec> specs,
                        const TuneOptions &options, const std::string &db) {
  return impl_->tuning(db, [&](TuningDb &database) {
    std::unique_ptr<Measurer> measurer = measurerFor(impl_->device, options);
    return lath::tune({specs.begin(), specs.end()}, *measurer, database,
                      options);
  });
}

ProgramTuneResult Engine::tune(const TunableProgram &program,
                               const TuneOptions &options,
                               const std::string &db) {
  return impl_->tuning(db, [&](TuningDb &database) {
    return tuneProgram(program, impl_->device, database, options);
  });
}

LoadedProgram Engine::load(const TunableProgram &program,
                           const std::optional<ProgramChoice> &choice) {
  LoadedProgram loaded;
  if (choice) {
    if (std::string why = refusal(*choice, impl_->target); !why.empty())
      throw Error(
          ErrorKind::unsupported, why,
          {fmt::format("in choice '{}' of {}", print(*choice), program.name)});
    loaded.choice = *choice;
  } else {
    const auto known = impl_->tunedNow();
    ChosenProgram chosen = known->choose(program, impl_->target);
    impl_->warnOnce(*known);
    loaded.choice = std::move(chosen.choice);
    loaded.tuned = chosen.measured;
  }
  std::unique_ptr<Program> built = program.build(loaded.choice);
  loaded.kernel =
      load(*built, CompileOptions{{loaded.choice.schedule, &impl_->target}});
  loaded.config = launchConfig(program, loaded.choice, loaded.kernel->ptx());
  const ProgramScratch scratch = scratchOf(loaded.kernel->ptx(), loaded.config);
  loaded.workspaceBytes = scratch.workspace;
  loaded.ticketBytes = scratch.tickets;
  return loaded;
}

} // namespace lath
