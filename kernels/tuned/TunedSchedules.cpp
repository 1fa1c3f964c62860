#include "kernels/tuned/TunedSchedules.h"

#include "ShippedTuning.h"
#include "compiler/base/Error.h"
#include "kernels/gemm/DequantGemm.h"
#include "kernels/tuned/TuningDb.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

namespace lath {

const TuningTable &shippedTuning() {
  static const TuningTable table =
      TuningTable::fromJson(shippedTuningJson(), "the shipped tuning table");
  return table;
}

std::string TunedSchedules::defaultDb() { return defaultTuningDb(); }

TunedSchedules::TunedSchedules(const DeviceInfo &device, std::string db,
                               TuningLookup::Clock::duration rest)
    : device_(device),
      lookup_(std::move(db), device.name, device.smCount, rest) {}

/// Those of the build and driver that count most: times of different ones are
/// not compared with each other. ranked().
template <class Entry>
static std::vector<Entry> ofOnePlace(std::vector<Entry> entries,
                                     const TuningPlace &here) {
  if (entries.empty())
    return entries;
  auto preference = [&](const Entry &e) {
    return std::tuple(e.place.build == here.build,
                      e.place.driver == here.driver, e.measurement.when,
                      e.place);
  };
  const TuningPlace chosen =
      std::max_element(entries.begin(), entries.end(),
                       [&](const Entry &a, const Entry &b) {
                         return preference(a) < preference(b);
                       })
          ->place;
  std::erase_if(entries, [&](const Entry &e) { return e.place != chosen; });
  return ranked(std::move(entries));
}

std::vector<TuningEntry>
TunedSchedules::measurements(const GemmSpec &spec) const {
  ScheduleBasis ignored;
  return measurements(spec, ignored);
}

std::vector<TuningEntry>
TunedSchedules::measurements(const GemmSpec &spec, ScheduleBasis &basis) const {
  const TuningProblem problem = tuningProblem(spec);
  std::vector<TuningEntry> entries = lookup_.measurements(problem);
  basis = entries.empty() ? ScheduleBasis::shipped : ScheduleBasis::measured;
  if (entries.empty())
    for (const auto &[key, measurement] : shippedTuning().rows())
      if (key.problem == problem && key.place.gpu == device_.name &&
          key.place.sms == device_.smCount)
        entries.push_back(
            {key.problem, key.place, parseSchedule(key.schedule), measurement});
  return ofOnePlace(std::move(entries), tuningPlace(device_));
}

DeviceConstants TunedSchedules::constants(const Target &target) const {
  if (auto stored = lookup_.constants())
    return *stored;
  return deviceConstants(target, device_.smCount, device_.name);
}

std::optional<ScheduleChoice> TunedSchedules::find(const GemmSpec &spec,
                                                   const Target &target) const {
  std::optional<ScheduleChoice> choice = findMeasured(spec, target);
  GemmSpec like = spec;
  // Without dependent launch a launch takes as long in a chain as alone.
  if (!choice && spec.launches == Launches::chained) {
    like.launches = Launches::alone;
    choice = findMeasured(like, target);
    if (choice)
      choice->reasons.push_back("nobody has tuned it for chained launches: "
                                "`lath tune` with launch=chained does");
  }
  // An epilogue is little work beside the product.
  if (!choice && spec.epilogue != Epilogue{}) {
    like = spec;
    like.epilogue = {};
    choice = find(like, target);
    if (choice)
      choice->reasons.push_back(
          fmt::format("nobody has tuned it with {}: `lath tune` with it does",
                      print(spec.epilogue)));
  }
  return choice;
}

std::optional<ScheduleChoice>
TunedSchedules::findMeasured(const GemmSpec &spec, const Target &target) const {
  ScheduleBasis basis;
  std::vector<TuningEntry> entries = measurements(spec, basis);
  // Only those that this spec allows, in its split for one.
  std::erase_if(entries, [&](const TuningEntry &e) {
    if (e.measurement.status != Measurement::Status::ok)
      return true;
    try {
      validate(e.schedule, spec, target);
      return false;
    } catch (const Error &) {
      return true;
    }
  });
  if (entries.size() < 2)
    return std::nullopt;
  entries = ranked(std::move(entries));
  const TuningEntry &best = entries.front();
  const Measurement &m = best.measurement;
  ScheduleChoice choice{best.schedule, {}, basis};
  choice.reasons.push_back(
      fmt::format("tuned for m = {} on {}: {:.3f} {} [{:.3f} {:.3f}], the best "
                  "of {} measured",
                  best.problem.m, best.place.gpu, m.median, m.unit, m.p10,
                  m.p90, entries.size()));
  choice.reasons.push_back(fmt::format("measured by build {}, driver {}",
                                       best.place.build, best.place.driver));
  const TuningEntry &next = entries[1];
  choice.reasons.push_back(
      fmt::format("the next is {}, {:.3f} {}{}", print(next.schedule),
                  next.measurement.median, next.measurement.unit,
                  next.measurement.median < m.median
                      ? ", faster by less than the noise and less simple"
                      : ""));
  return choice;
}

ChosenProgram TunedSchedules::choose(const TunableProgram &program,
                                     const Target &target) const {
  ChosenProgram chosen{program.usualChoice(), {}, false};
  std::vector<ProgramEntry> entries =
      lookup_.measurements(ProgramProblem{program.name, program.problem});
  std::erase_if(entries, [&](const ProgramEntry &e) {
    if (e.measurement.status != Measurement::Status::ok)
      return true;
    try {
      const ProgramChoice choice = program.space.parse(e.choice);
      return print(choice) != e.choice ||
             !refusal(program, choice, target).empty();
    } catch (const Error &) {
      return true; // of another space or another version of Lath
    }
  });
  entries = ofOnePlace(std::move(entries), tuningPlace(device_));
  if (entries.size() >= 2) { // a single one was not the best of any
    const ProgramEntry &best = entries.front();
    const Measurement &m = best.measurement;
    chosen.choice = program.space.parse(best.choice);
    chosen.measured = true;
    chosen.reasons = {
        fmt::format("tuned on {}: {:.3f} {} [{:.3f} {:.3f}], the best of {} "
                    "measured",
                    best.place.gpu, m.median, m.unit, m.p10, m.p90,
                    entries.size()),
        fmt::format("measured by build {}, driver {}", best.place.build,
                    best.place.driver),
        fmt::format("the next is {}, {:.3f} {}", entries[1].choice,
                    entries[1].measurement.median, m.unit)};
  } else {
    chosen.reasons = {"the program's usual choice: nobody has tuned it here"};
  }
  if (std::string why = problem(); !why.empty())
    chosen.reasons.push_back("tuned choices are left out: " + why);
  return chosen;
}

ScheduleChoice chooseTuned(const GemmSpec &spec, const Target &target,
                           const TunedSchedules &known) {
  validate(spec);
  std::optional<ScheduleChoice> choice = known.find(spec, target);
  if (!choice)
    choice = chooseSchedule(spec, target, known.constants(target));
  if (std::string why = known.problem(); !why.empty())
    choice->reasons.push_back("tuned schedules are left out: " + why);
  return *choice;
}

} // namespace lath
