#include "kernels/tune/TunePlan.h"

#include "kernels/choose/ScheduleSpace.h"
#include "kernels/choose/ScheduleWalk.h"
#include "kernels/choose/WordSearch.h"
#include "kernels/tuned/TunedSchedules.h"
#include "kernels/tuned/TuningDb.h"

#include <algorithm>
#include <bit>
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

/// What was fastest elsewhere: by other builds and drivers, launched
/// otherwise, without the epilogue, or with half or twice the rows.
static std::vector<Schedule> provenElsewhere(const TuningProblem &problem,
                                             const TunePlace &where,
                                             const TuningDb &db,
                                             const GemmSpec &spec) {
  constexpr std::size_t each = 3; // of a problem at one place
  std::set<TuningProblem> related;
  for (Launches launches : {Launches::alone, Launches::chained})
    for (std::int64_t m : {problem.m / 2, problem.m, 2 * problem.m}) {
      GemmSpec other = spec;
      other.m = std::max<std::int64_t>(1, m);
      other.launches = launches;
      related.insert(tuningProblem(other));
      other.epilogue = {};
      related.insert(tuningProblem(other));
    }
  std::map<std::pair<TuningProblem, TuningPlace>, std::vector<TuningEntry>>
      groups;
  for (const TuningProblem &p : related)
    for (TuningEntry &e : db.of(p, where.place.gpu, where.place.sms))
      groups[{p, e.place}].push_back(std::move(e));
  for (const auto &[key, measurement] : shippedTuning().rows())
    if (related.contains(key.problem) && key.place.gpu == where.place.gpu &&
        key.place.sms == where.place.sms)
      groups[{key.problem, key.place}].push_back(
          {key.problem, key.place, parseSchedule(key.schedule), measurement});

  // Launched otherwise there, maybe: each way that this spec allows.
  std::vector<int> launches;
  for (const WordSearch &search : searchWords())
    if (search.word->is<&Schedule::dependent>()) {
      launches = search.word->legalValues();
      if (search.choose)
        search.choose(launches, spec, where.target);
    }

  std::vector<Schedule> proven;
  auto add = [&](const Schedule &s) {
    if (refusal(s, spec, where.target).empty() &&
        std::find(proven.begin(), proven.end(), s) == proven.end())
      proven.push_back(s);
  };
  for (auto &[key, entries] : groups) {
    std::vector<TuningEntry> best = ranked(std::move(entries));
    best.resize(std::min(best.size(), each));
    for (const TuningEntry &e : best) {
      Schedule s = e.schedule;
      // One tile of rows, where there was one.
      if (s.blockM >= key.first.m)
        s.blockM = static_cast<int>(std::clamp<std::int64_t>(
            std::int64_t(std::bit_ceil(std::uint64_t(problem.m))), 8, 64));
      if (e.measurement.status != Measurement::Status::ok)
        continue;
      for (int when : launches) {
        s.dependent = static_cast<Dependent>(when);
        add(s);
      }
    }
  }
  return proven;
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
  auto add = [&](const Schedule &schedule) {
    if (std::find(all.begin(), all.end(), schedule) == all.end())
      all.push_back(schedule);
  };
  for (const Schedule &schedule :
       provenElsewhere(problem, where, db, task.spec))
    add(schedule);
  for (const RankedSchedule &ranked : space.best)
    add(ranked.schedule);
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

std::vector<Schedule> nextToTheFastest(const TuneTask &task,
                                       const TunePlace &where,
                                       std::size_t most) {
  constexpr std::size_t parents = 3;
  std::vector<const TuningEntry *> fastest;
  for (const auto &[text, entry] : task.rows)
    if (entry.measurement.status == Measurement::Status::ok)
      fastest.push_back(&entry);
  std::sort(fastest.begin(), fastest.end(), [](auto *a, auto *b) {
    return std::tie(a->measurement.median, a->measurement.when) <
           std::tie(b->measurement.median, b->measurement.when);
  });
  fastest.resize(std::min(fastest.size(), parents));
  std::vector<Schedule> chosen;
  for (std::size_t i = 0; i < fastest.size(); ++i) {
    const std::size_t soFar = most * (i + 1) / fastest.size();
    for (const RankedSchedule &next : neighbours(
             task.spec, where.target, where.constants, fastest[i]->schedule)) {
      if (chosen.size() >= soFar)
        break;
      if (!task.rows.contains(print(next.schedule)) &&
          std::find(chosen.begin(), chosen.end(), next.schedule) ==
              chosen.end())
        chosen.push_back(next.schedule);
    }
  }
  return chosen;
}

} // namespace lath
