// Which schedule a request gets: the tuned one where there is one.
#pragma once

#include "kernels/choose/CostModel.h"
#include "kernels/choose/ScheduleChoice.h"
#include "kernels/programs/TunableProgram.h"
#include "kernels/tuned/TuningLookup.h"
#include "runtime/Device.h"

#include <optional>
#include <string>

namespace lath {

/// How a program of one's own is built and scheduled, and why.
struct ChosenProgram {
  ProgramChoice choice;
  std::vector<std::string> reasons;
  bool measured = false; ///< here; else it is the usual choice
};

/// Looks schedules up in the user's database and in the table that Lath ships.
/// Measurements by this build and driver count most, then this build's, then
/// this driver's, then the newest. The database comes before the shipped table.
/// Thread safe. One object serves many requests: it keeps the database open.
class TunedSchedules {
public:
  /// For one device. `db`: a file that need not be there; empty: none. `rest`:
  /// for how long one that cannot be read is not asked again.
  explicit TunedSchedules(
      const DeviceInfo &device, std::string db = defaultDb(),
      TuningLookup::Clock::duration rest = std::chrono::minutes(1));

  /// The tuned schedule for a spec, at its bucket of rows, with reasons; or
  /// nothing: a single schedule that was measured beats none. For chained
  /// launches, where nobody tuned them, that of launches alone; likewise with
  /// an epilogue that without. Honours the spec's split and reduction. Never
  /// throws: a database that cannot be read is as good as none, and problem()
  /// says why.
  std::optional<ScheduleChoice> find(const GemmSpec &spec,
                                     const Target &target) const;

  /// All measurements of a spec's problem here, by the same order of
  /// preference, ranked().
  std::vector<TuningEntry> measurements(const GemmSpec &spec) const;

  /// The fastest choice for a program that was measured here, as find() has it
  /// for a spec; else the usual one. What its space or the target does not know
  /// is passed over. Throws Error where the usual choice is none of its space.
  ChosenProgram choose(const TunableProgram &program,
                       const Target &target) const;

  /// Of the cost model: those fitted to this device, else deviceConstants.
  DeviceConstants constants(const Target &target) const;

  /// Why the database is passed over; empty: it is not.
  std::string problem() const { return lookup_.problem(); }

  static std::string defaultDb();

private:
  /// Also says where they are from.
  std::vector<TuningEntry> measurements(const GemmSpec &spec,
                                        ScheduleBasis &basis) const;
  std::optional<ScheduleChoice> findMeasured(const GemmSpec &spec,
                                             const Target &target) const;

  DeviceInfo device_;
  mutable TuningLookup lookup_;
};

/// find(), or else the choice that needs no measurement. Where the database is
/// passed over the last reason says so. Throws as chooseSchedule.
ScheduleChoice chooseTuned(const GemmSpec &spec, const Target &target,
                           const TunedSchedules &known);

/// What Lath ships, for all GPUs together. Parsed at the first call.
const TuningTable &shippedTuning();

} // namespace lath
