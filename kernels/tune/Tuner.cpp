#include "kernels/tune/Tuner.h"

#include "compiler/base/Error.h"
#include "kernels/tune/TunePlan.h"
#include "kernels/tune/TuneWorker.h"
#include "kernels/tuned/TuningDb.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <set>

namespace lath {

namespace {

using Clock = std::chrono::steady_clock;
using Status = Measurement::Status;

/// Adds the time until the end of the scope.
class Stopwatch {
public:
  explicit Stopwatch(double &seconds) : seconds_(seconds) {}
  Stopwatch(const Stopwatch &) = delete;
  ~Stopwatch() {
    seconds_ += std::chrono::duration<double>(Clock::now() - start_).count();
  }

private:
  double &seconds_;
  Clock::time_point start_ = Clock::now();
};

/// How a candidate failed, on one line: what the worker printed is a part.
std::string noteOf(const WorkerFailure &failure) {
  std::string note = failure.message();
  for (const std::string &line : failure.notes())
    note += "; " + line;
  return note;
}

class Tuning {
public:
  Tuning(Measurer &measurer, TuningDb &db, const TuneOptions &options)
      : measurer_(measurer), db_(db), options_(options),
        where_(placeOf(measurer, db)) {}

  TuneReport run(const std::vector<GemmSpec> &specs) {
    start_ = Clock::now();
    for (const GemmSpec &spec : specs)
      validate(spec);
    tasks_ = planTuning(specs, where_, db_, options_);
    for (const Task &task : tasks_)
      progress_.total += task.wanted.size();
    CandidateCompiler compiler(where_.target, where_.constants, where_.timed,
                               options_.threads);
    for (std::size_t i = 0; i < tasks_.size(); ++i)
      for (const Schedule &schedule : tasks_[i].wanted)
        compiler.order(i, nextId_++, compiledSpec(tasks_[i].spec, schedule),
                       schedule);
    for (std::size_t i = 0; i < tasks_.size(); ++i) {
      if (!tasks_[i].wanted.empty() && !over())
        measure(i, compiler);
      else
        compiler.cancel(i);
      finish(tasks_[i]);
    }
    times_.compiling = compiler.seconds();
    times_.total = std::chrono::duration<double>(Clock::now() - start_).count();
    TuneReport report{{}, times_, stopped()};
    for (Task &task : tasks_)
      report.results.push_back(std::move(task.result));
    return report;
  }

private:
  using Task = TuneTask;

  static TunePlace placeOf(Measurer &measurer, TuningDb &db) {
    const DeviceInfo &device = measurer.device();
    const Target &target = targetForDevice(device.major, device.minor);
    TunePlace where{tuningPlace(device), target,
                    deviceConstants(target, device.smCount, device.name),
                    measurer.unit() == "us"};
    try {
      if (std::string stored = db.constants(device.name, device.smCount);
          !stored.empty()) {
        where.constants = constantsFromJson(stored);
        return where;
      }
    } catch (const Error &) {
      // Of another version of the model: of no use to this one.
    }
    if (where.timed)
      if (std::optional<DeviceProbe> found = probed(measurer)) {
        where.constants = deviceConstants(device, *found);
        db.setConstants(device.name, device.smCount, toJson(where.constants));
      }
    return where;
  }

  /// Nothing where it fails: the model then ranks by what is known of other
  /// devices, and the next tuning tries again.
  static std::optional<DeviceProbe> probed(Measurer &measurer) {
    try {
      return measurer.probe();
    } catch (const Error &) {
      return std::nullopt;
    }
  }

  /// The spec of one candidate: as the schedule splits and reduces.
  static GemmSpec compiledSpec(GemmSpec spec, const Schedule &schedule) {
    spec.split = schedule.split;
    spec.reduce = servedBy(schedule.reduce);
    return spec;
  }

  bool stopped() const { return options_.stop && *options_.stop; }
  bool over() const {
    return stopped() ||
           (options_.budgetSeconds > 0 &&
            std::chrono::duration<double>(Clock::now() - start_).count() >
                options_.budgetSeconds);
  }

  void prepare(const Task &task) {
    Stopwatch watch(times_.preparing);
    GemmSpec largest = task.spec;
    for (const Task &other : tasks_)
      if (weightsOf(other.problem) == weightsOf(task.problem))
        largest.m = std::max(largest.m, other.spec.m);
    measurer_.prepare(largest, options_.seed);
    prepared_ = task.problem;
  }
  bool isPrepared(const Task &task) const {
    return prepared_ && weightsOf(*prepared_) == weightsOf(task.problem);
  }

  void record(Task &task, const Schedule &schedule, Measurement m,
              double predicted) {
    Stopwatch watch(times_.storing);
    // Beyond any time: the model knows nothing of it.
    m.predicted = predicted < 1e12 ? std::round(predicted * 1e3) / 1e3 : 0;
    m.unit = measurer_.unit();
    m.when = std::chrono::duration_cast<std::chrono::seconds>(
                 std::chrono::system_clock::now().time_since_epoch())
                 .count();
    TuningEntry entry{task.problem, where_.place, schedule, std::move(m)};
    db_.add(entry);
    task.rows.insert_or_assign(print(schedule), std::move(entry));
  }

  void recordFailure(Task &task, const Schedule &schedule, Status status,
                     const std::string &note, double predicted) {
    Measurement m;
    m.status = status;
    m.note = note.substr(0, 500);
    record(task, schedule, m, predicted);
    ++task.result.failed;
  }

  void step(const Task &task, std::size_t finished, std::size_t of,
            const char *doing) {
    if (!options_.progress)
      return;
    progress_.what =
        fmt::format("{}: {} of {} {}", print(task.spec), finished, of, doing);
    double spent = std::chrono::duration<double>(Clock::now() - start_).count();
    progress_.secondsLeft = progress_.done
                                ? spent / double(progress_.done) *
                                      double(progress_.total - progress_.done)
                                : 0;
    if (options_.budgetSeconds > 0)
      progress_.secondsLeft = std::min(
          progress_.secondsLeft, std::max(0.0, options_.budgetSeconds - spent));
    options_.progress(progress_);
  }

  double leastMedian(const Task &task) const {
    double least = std::numeric_limits<double>::infinity();
    for (const auto &[text, entry] : task.rows)
      if (entry.measurement.status == Status::ok)
        least = std::min(least, entry.measurement.median);
    return least;
  }

  /// Compiles, checks and times the candidates of one problem.
  void measure(std::size_t index, CandidateCompiler &compiler) {
    Task &task = tasks_[index];
    collect(index, compiler, task.wanted.size());
    for (int round = 0; where_.timed && round < options_.refinements && !over();
         ++round) {
      const double before = leastMedian(task);
      const std::vector<Schedule> next =
          nextToTheFastest(task, where_, options_.neighbours);
      progress_.total += next.size();
      for (const Schedule &schedule : next)
        compiler.order(index, nextId_++, compiledSpec(task.spec, schedule),
                       schedule, /*urgent=*/true);
      collect(index, compiler, next.size());
      if (leastMedian(task) > 0.995 * before)
        break;
    }
    task.result.complete = !over();
    // Even where time ran out the best few are worth telling apart; not after
    // a stop.
    if (!stopped()) {
      again(task, options_.halved, options_.halvedReplays);
      again(task, options_.finalists, options_.finalReplays);
    }
    std::vector<int> ids;
    for (const auto &[id, candidate] : task.byId)
      ids.push_back(id);
    task.byId.clear();
    try {
      if (isPrepared(task))
        measurer_.drop(ids);
    } catch (const Error &) {
      prepared_.reset();
    }
  }

  /// Takes `total` candidates that were ordered, as they are ready.
  void collect(std::size_t index, CandidateCompiler &compiler,
               std::size_t total) {
    Task &task = tasks_[index];
    const std::size_t doneBefore = task.result.measured + task.result.failed;
    std::size_t arrived = 0;
    std::vector<CompiledCandidate> batch;
    while (arrived < total && !over()) {
      std::optional<CompiledCandidate> next;
      {
        Stopwatch watch(times_.waiting);
        next = compiler.next(index, batch.empty() ? 50 : 0);
      }
      if (next) {
        ++arrived;
        ++progress_.done;
        if (next->candidate) {
          if (check(task, *next))
            batch.push_back(std::move(*next));
        } else {
          recordFailure(task, next->schedule, Status::rejected, next->why, 0);
        }
        step(task, arrived, total, "checked");
      }
      // The GPU takes what there is while others compile.
      if (batch.size() == 8 || (!batch.empty() && (!next || arrived == total)))
        timeCoarse(task, batch);
    }
    arrived += compiler.cancel(index);
    progress_.total -=
        total -
        std::min(total, task.result.measured + task.result.failed - doneBefore);
    progress_.total = std::max(progress_.total, progress_.done);
  }

  /// Runs `work` with the measurer prepared. A failure is the candidate's: it
  /// is told by the result, and the measurer starts anew.
  template <class Work>
  std::optional<WorkerFailure> guarded(const Task &task, const Work &work) {
    try {
      if (!isPrepared(task)) {
        prepare(task);
        loaded_.clear();
      }
    } catch (const WorkerFailure &failure) {
      throw Error(failure.kind(),
                  fmt::format("the problem {} cannot be prepared: {}",
                              print(task.spec), failure.message()),
                  failure.notes(), failure.fault());
    }
    try {
      work();
      return std::nullopt;
    } catch (const WorkerFailure &failure) {
      prepared_.reset();
      return failure;
    } catch (const Error &error) {
      prepared_.reset();
      return WorkerFailure(Status::crashed, error.message());
    }
  }

  bool check(Task &task, const CompiledCandidate &candidate) {
    Stopwatch watch(times_.checking);
    TuneVerdict verdict;
    double prepared = times_.preparing;
    auto failure =
        guarded(task, [&] { verdict = measurer_.check(*candidate.candidate); });
    times_.checking -= times_.preparing - prepared;
    if (failure)
      verdict = {failure->status(), noteOf(*failure)};
    if (verdict.status == Status::ok) {
      loaded_.insert(candidate.candidate->id);
      return true;
    }
    recordFailure(task, candidate.schedule, verdict.status, verdict.note,
                  candidate.predicted);
    return false;
  }

  /// Times the candidates together; one by one after a failure, to find the
  /// one that fails. Returns samples by candidate; empty: it failed.
  std::vector<TuneSamples>
  timed(Task &task, std::vector<CompiledCandidate *> candidates, int replays) {
    std::vector<TuneSamples> samples;
    auto attempt = [&](const std::vector<CompiledCandidate *> &some) {
      samples.clear();
      return guarded(task, [&] {
        std::vector<int> ids;
        for (CompiledCandidate *c : some) {
          // Loaded anew after the worker was.
          if (!loaded_.contains(c->candidate->id)) {
            TuneVerdict verdict = measurer_.check(*c->candidate);
            if (verdict.status != Status::ok)
              throw WorkerFailure(verdict.status, verdict.note);
            loaded_.insert(c->candidate->id);
          }
          ids.push_back(c->candidate->id);
        }
        samples = measurer_.time(ids, task.spec.m, replays);
      });
    };
    if (!attempt(candidates)) {
      if (auto plain = summarise(samples.back(), "").median; plain > 0)
        task.result.plainRead = plain;
      samples.pop_back();
      return samples;
    }
    std::vector<TuneSamples> all;
    for (CompiledCandidate *candidate : candidates) {
      auto failure = attempt({candidate});
      all.push_back(failure ? TuneSamples{} : samples.front());
      if (failure)
        recordFailure(task, candidate->schedule, failure->status(),
                      noteOf(*failure), candidate->predicted);
    }
    return all;
  }

  void store(Task &task, const CompiledCandidate &candidate,
             const TuneSamples &samples) {
    Measurement m = summarise(samples, measurer_.unit());
    m.plainRead = task.result.plainRead;
    record(task, candidate.schedule, m, candidate.predicted);
  }

  void timeCoarse(Task &task, std::vector<CompiledCandidate> &batch) {
    Stopwatch watch(times_.coarse);
    std::vector<CompiledCandidate *> pointers;
    for (CompiledCandidate &candidate : batch)
      pointers.push_back(&candidate);
    std::vector<TuneSamples> samples =
        timed(task, pointers, options_.coarseReplays);
    for (std::size_t i = 0; i < batch.size(); ++i)
      if (!samples[i].empty()) {
        ++task.result.measured;
        store(task, batch[i], samples[i]);
        task.byId.emplace(batch[i].candidate->id, std::move(batch[i]));
      }
    batch.clear();
  }

  /// Successive halving: times the best `count` once more, at more length.
  void again(Task &task, std::size_t count, int replays) {
    if (!where_.timed) // a count stays what it is
      return;
    Stopwatch watch(times_.final);
    std::vector<CompiledCandidate *> best;
    for (auto &[id, candidate] : task.byId)
      best.push_back(&candidate);
    auto median = [&](const CompiledCandidate *c) {
      const Measurement &m = task.rows.at(print(c->schedule)).measurement;
      return m.status == Status::ok ? m.median : 1e300;
    };
    std::sort(best.begin(), best.end(),
              [&](auto *a, auto *b) { return median(a) < median(b); });
    // The choice that needs no tuning stays, to be compared with.
    auto keep = [&](const CompiledCandidate *c) {
      return c->schedule == task.result.defaultChoice;
    };
    std::vector<CompiledCandidate *> chosen;
    for (CompiledCandidate *c : best)
      if (median(c) < 1e300 && (chosen.size() < count || keep(c)))
        chosen.push_back(c);
    if (chosen.empty())
      return;
    step(task, 0, chosen.size(), "timed again");
    std::vector<TuneSamples> samples = timed(task, chosen, replays);
    for (std::size_t i = 0; i < chosen.size(); ++i)
      if (!samples[i].empty())
        store(task, *chosen[i], samples[i]);
  }

  void finish(Task &task) {
    std::vector<TuningEntry> entries;
    for (const auto &[text, entry] : task.rows)
      entries.push_back(entry);
    entries = ranked(std::move(entries));
    if (!entries.empty() && entries.front().measurement.status == Status::ok)
      task.result.winner = entries.front();
    auto medianOf = [&](const Schedule &schedule) -> std::optional<double> {
      auto found = task.rows.find(print(schedule));
      if (found == task.rows.end() ||
          found->second.measurement.status != Status::ok)
        return std::nullopt;
      return found->second.measurement.median;
    };
    task.result.defaultMedian = medianOf(task.result.defaultChoice);
    if (!task.result.plainRead && task.result.winner)
      task.result.plainRead = task.result.winner->measurement.plainRead;
    if (task.wanted.empty())
      task.result.complete = true;
  }

  Measurer &measurer_;
  TuningDb &db_;
  const TuneOptions &options_;
  const TunePlace where_;
  std::vector<Task> tasks_;
  std::optional<TuningProblem> prepared_;
  std::set<int> loaded_; ///< candidates that the measurer holds
  int nextId_ = 0;
  TuneProgress progress_;
  TuneTimes times_;
  Clock::time_point start_;
};

} // namespace

TuneReport tune(const std::vector<GemmSpec> &specs, Measurer &measurer,
                TuningDb &db, const TuneOptions &options) {
  if (options.shards == 0 || options.shard >= options.shards)
    throw Error(ErrorKind::invalidInput,
                fmt::format("shard {} of {} does not exist; the first is 0",
                            options.shard, options.shards));
  return Tuning(measurer, db, options).run(specs);
}

} // namespace lath
