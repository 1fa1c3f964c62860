#include "kernels/TunePlan.h"

#include "kernels/ScheduleSpace.h"
#include "kernels/TuningDb.h"

#include <algorithm>
#include <set>

namespace lath {

/// Whether the times that decide are there.
static bool hasFinal(const TuneTask &task, const TunePlace &where,
                     const TuneOptions &options) {
  return !where.timed ||
         std::any_of(task.rows.begin(), task.rows.end(), [&](auto &row) {
           return row.second.measurement.replays >= options.finalReplays;
         });
}

static TuneTask planned(const TuningProblem &problem, const TunePlace &where,
                        const TuningDb &db, const TuneOptions &options) {
  TuneTask task;
  task.problem = problem;
  task.spec = specOf(problem);
  task.result.problem = problem;
  SearchSpace space =
      searchSpace(task.spec, where.target, where.constants, options.candidates);
  task.result.defaultChoice =
      chooseSchedule(task.spec, where.target, where.constants).schedule;
  std::vector<Schedule> all{task.result.defaultChoice};
  for (const RankedSchedule &ranked : space.best)
    if (std::find(all.begin(), all.end(), ranked.schedule) == all.end())
      all.push_back(ranked.schedule);
  for (TuningEntry &entry : db.of(problem, where.place.gpu, where.place.sms))
    if (entry.place == where.place)
      task.rows.emplace(print(entry.schedule), std::move(entry));
  for (const Schedule &schedule : all)
    if (task.rows.contains(print(schedule)))
      ++task.result.known;
    else
      task.wanted.push_back(schedule);
  // Known candidates that never saw a final round are finished as well.
  if (task.wanted.empty() && !hasFinal(task, where, options))
    task.wanted = all;
  return task;
}

std::vector<TuneTask> planTuning(const std::vector<GemmSpec> &specs,
                                 const TunePlace &where, const TuningDb &db,
                                 const TuneOptions &options) {
  std::set<TuningProblem> problems;
  for (const GemmSpec &spec : specs)
    problems.insert(tuningProblem(spec));
  std::vector<TuningProblem> ordered(problems.begin(), problems.end());
  std::sort(ordered.begin(), ordered.end(),
            [](const TuningProblem &a, const TuningProblem &b) {
              return std::tuple(weightsOf(a), a) < std::tuple(weightsOf(b), b);
            });
  std::vector<TuneTask> tasks;
  for (std::size_t i = 0; i < ordered.size(); ++i)
    if (i % options.shards == options.shard)
      tasks.push_back(planned(ordered[i], where, db, options));
  return tasks;
}

} // namespace lath
