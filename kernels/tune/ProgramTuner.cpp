#include "kernels/tune/ProgramTuner.h"

#include "compiler/base/Error.h"
#include "compiler/base/Parallel.h"
#include "kernels/programs/ProgramBench.h"
#include "kernels/tune/CandidateCompiler.h"
#include "kernels/tune/EmulatedCost.h"
#include "kernels/tune/ProgramCandidates.h"
#include "kernels/tune/TuneMeasure.h"
#include "kernels/tuned/TuningDb.h"
#include "runtime/ColdTimer.h"
#include "runtime/EmulatedDevice.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <map>

namespace lath {

namespace {

using Clock = std::chrono::steady_clock;
using Status = Measurement::Status;

/// Compiled together, then timed together.
constexpr std::size_t batchSize = 16;
/// Sets of arrays. Where more would be needed for launches that find nothing in
/// L2, the arrays are so small that nobody finds them elsewhere.
constexpr unsigned mostCopies = 256;
/// Whose neighbours are tried.
constexpr std::size_t parents = 3;

/// A choice with its code; or why there is none.
struct Compiled {
  ProgramChoice choice;
  Ptx ptx;
  std::vector<char> cubin;
  std::string why;
};

class ProgramTuning {
public:
  ProgramTuning(const TunableProgram &program, std::shared_ptr<Device> device,
                TuningDb &db, const TuneOptions &options)
      : program_(program), device_(std::move(device)), db_(db),
        options_(options), emulator_(dynamic_cast<EmulatedDevice *>(&*device_)),
        target_(targetForDevice(device_->info().major, device_->info().minor)),
        place_(tuningPlace(device_->info())) {
    result_.problem = {program.name, program.problem};
    result_.usual = program.usualChoice();
    result_.unit = emulator_ ? "cost" : "us";
  }

  ProgramTuneResult run() {
    for (ProgramEntry &entry : db_.of(result_.problem, place_.gpu, place_.sms))
      if (entry.place == place_)
        rows_.insert_or_assign(entry.choice, std::move(entry));
    const ProgramCandidates all = candidatesOf(
        program_, target_, std::max<std::size_t>(1, options_.candidates),
        options_.seed);
    std::vector<ProgramChoice> wanted = unknown(all.chosen);
    result_.known = all.chosen.size() - wanted.size();
    // Known candidates that never saw a final round are not finished.
    if (wanted.empty() && !hasFinal())
      wanted = all.chosen;
    if (!wanted.empty()) {
      collect(wanted);
      for (int round = 0; !all.all && round < options_.refinements && !over();
           ++round) {
        const double before = leastMedian();
        collect(nextToTheFastest());
        if (leastMedian() > 0.995 * before)
          break;
      }
    }
    result_.complete = !over();
    if (!stopped()) {
      again(options_.halved, options_.halvedReplays);
      again(options_.finalists, options_.finalReplays);
    }
    finish();
    return std::move(result_);
  }

private:
  bool stopped() const { return options_.stop && *options_.stop; }
  double seconds() const {
    return std::chrono::duration<double>(Clock::now() - start_).count();
  }
  bool over() const {
    return stopped() ||
           (options_.budgetSeconds > 0 && seconds() > options_.budgetSeconds);
  }

  std::vector<ProgramChoice>
  unknown(const std::vector<ProgramChoice> &choices) const {
    std::vector<ProgramChoice> found;
    for (const ProgramChoice &choice : choices)
      if (!rows_.contains(print(choice)) &&
          std::ranges::find(found, choice) == found.end())
        found.push_back(choice);
    return found;
  }

  /// The entries that have a time, fastest first.
  std::vector<const ProgramEntry *> fastest() const {
    std::vector<const ProgramEntry *> found;
    for (const auto &[text, entry] : rows_)
      if (entry.measurement.status == Status::ok)
        found.push_back(&entry);
    std::ranges::sort(found, {}, [](const ProgramEntry *e) {
      return std::pair(e->measurement.median, e->choice);
    });
    return found;
  }
  double leastMedian() const {
    const auto sorted = fastest();
    return sorted.empty() ? std::numeric_limits<double>::infinity()
                          : sorted.front()->measurement.median;
  }
  bool hasFinal() const {
    return emulator_ || std::ranges::any_of(rows_, [&](const auto &row) {
             return row.second.measurement.replays >= options_.finalReplays;
           });
  }

  std::vector<ProgramChoice> nextToTheFastest() const {
    std::vector<const ProgramEntry *> best = fastest();
    best.resize(std::min(best.size(), parents));
    std::vector<ProgramChoice> found;
    for (std::size_t i = 0; i < best.size(); ++i) {
      const std::size_t soFar = options_.neighbours * (i + 1) / best.size();
      for (ProgramChoice &next : unknown(neighbours(
               program_, target_, program_.space.parse(best[i]->choice))))
        if (found.size() < soFar &&
            std::ranges::find(found, next) == found.end())
          found.push_back(std::move(next));
    }
    return found;
  }

  Compiled compiled(const ProgramChoice &choice) const {
    Compiled result{choice, {}, {}, {}};
    try {
      result.ptx = compileChoice(program_, choice, target_);
      if (!emulator_)
        result.cubin = assembleCandidate(result.ptx, target_).cubin;
    } catch (const Error &error) {
      result.why = error.message();
    }
    return result;
  }

  /// Arrays, as many as cold timing takes, and what is right.
  void prepare() {
    if (arrays_)
      return;
    auto arrays =
        std::make_shared<ProgramArrays>(device_, program_, options_.seed);
    const unsigned copies = coldCopies(device_->info(), arrays->bytes());
    cold_ = copies <= mostCopies;
    if (!emulator_)
      arrays->makeCopies(std::min(copies, mostCopies));
    if (!program_.reference) {
      ProgramBench usual(arrays, result_.usual,
                         compileChoice(program_, result_.usual, target_), {});
      usual.launch();
      arrays->takeAsRight();
    }
    arrays_ = std::move(arrays);
  }

  void record(const ProgramChoice &choice, Measurement m) {
    m.unit = result_.unit;
    m.when = std::chrono::duration_cast<std::chrono::seconds>(
                 std::chrono::system_clock::now().time_since_epoch())
                 .count();
    ProgramEntry entry{result_.problem, place_, print(choice), std::move(m)};
    db_.add(entry);
    rows_.insert_or_assign(entry.choice, std::move(entry));
  }
  void recordFailure(const ProgramChoice &choice, Status status,
                     const std::string &note) {
    Measurement m;
    m.status = status;
    m.note = note.substr(0, 500);
    record(choice, m);
    ++result_.failed;
  }

  void step(const char *doing) {
    if (!options_.progress)
      return;
    progress_.what =
        fmt::format("{} {}: {}", program_.name, program_.problem, doing);
    progress_.secondsLeft = progress_.done
                                ? seconds() / double(progress_.done) *
                                      double(progress_.total - progress_.done)
                                : 0;
    options_.progress(progress_);
  }

  void collect(const std::vector<ProgramChoice> &wanted) {
    progress_.total += wanted.size();
    for (std::size_t from = 0; from < wanted.size() && !over();
         from += batchSize) {
      std::vector<Compiled> batch(std::min(batchSize, wanted.size() - from));
      step("compiling");
      parallelFor(
          static_cast<std::int64_t>(batch.size()), 1,
          [&](std::int64_t begin, std::int64_t) {
            const auto i = static_cast<std::size_t>(begin);
            batch[i] = compiled(wanted[from + i]);
          },
          options_.threads);
      std::vector<std::string> right;
      for (Compiled &candidate : batch) {
        if (over())
          break;
        ++progress_.done;
        if (check(candidate))
          right.push_back(print(candidate.choice));
        step("checked");
      }
      if (!emulator_)
        time(right, options_.coarseReplays);
      result_.measured += right.size();
    }
  }

  /// Loads it, launches it twice onto poisoned outputs, and compares.
  bool check(Compiled &candidate) {
    const ProgramChoice &choice = candidate.choice;
    if (!candidate.why.empty()) {
      recordFailure(choice, Status::rejected, candidate.why);
      return false;
    }
    prepare();
    try {
      auto bench = std::make_unique<ProgramBench>(
          arrays_, choice, std::move(candidate.ptx), candidate.cubin);
      // Twice: tickets and workspace that the first left dirty show then.
      for (int launch = 0; launch < 2; ++launch) {
        arrays_->poison();
        bench->launch();
        device_->synchronize();
      }
      for (const OutputCheck &output : arrays_->check())
        if (!output.ok()) {
          recordFailure(choice, Status::wrong,
                        fmt::format("{}: error {:.2e}, the bound is {:.1e}; {} "
                                    "strays",
                                    output.name, output.error, output.bound,
                                    output.strays));
          return false;
        }
      if (emulator_)
        record(choice, summarise({emulatedCost(emulator_->counters(),
                                               device_->info().smCount)},
                                 result_.unit));
      else
        benches_.insert_or_assign(print(choice), std::move(bench));
      return true;
    } catch (const Error &error) {
      const bool lost =
          error.kind() == ErrorKind::driver && error.fault() != Fault::fatal;
      recordFailure(choice,
                    emulator_ ? Status::wrong
                    : lost    ? Status::crashed
                              : Status::rejected,
                    error.message());
      if (lost && !emulator_)
        throw;
      return false;
    }
  }

  /// Times choices that were checked against each other.
  void time(const std::vector<std::string> &choices, int replays) {
    if (choices.empty())
      return;
    std::vector<ColdCandidate> list;
    for (const std::string &choice : choices)
      list.push_back(
          {choice, arrays_->copies(), arrays_->bytes(),
           [bench = benches_.at(choice).get()](Stream stream, unsigned copy) {
             bench->launch(stream, copy);
           }});
    const bool ranking = replays < 20;
    const int warmups = ranking ? 1 : 3;
    std::vector<TuneSamples> samples;
    if (cold_) {
      const ColdOptions options{
          .warmups = warmups, .replays = replays, .ranking = ranking};
      for (ColdTiming &timing : timeCold(*device_, list, options))
        samples.push_back(std::move(timing.samples));
    } else {
      samples = timeWarm(list, warmups, replays);
    }
    for (std::size_t i = 0; i < choices.size(); ++i)
      record(benches_.at(choices[i])->choice(),
             summarise(std::move(samples[i]), result_.unit));
  }

  /// Microseconds a launch over the copies that there are.
  std::vector<TuneSamples> timeWarm(const std::vector<ColdCandidate> &list,
                                    int warmups, int replays) {
    std::vector<std::function<void(Stream)>> works;
    for (const ColdCandidate &candidate : list)
      works.push_back([&candidate](Stream stream) {
        for (unsigned copy = 0; copy < candidate.copies; ++copy)
          candidate.launch(stream, copy);
      });
    std::vector<TuneSamples> samples =
        device_->timeGraphs(works, warmups, replays);
    for (std::size_t i = 0; i < samples.size(); ++i)
      for (double &sample : samples[i])
        sample /= list[i].copies;
    return samples;
  }

  /// Times the best `count` once more, at more length, and the usual choice.
  void again(std::size_t count, int replays) {
    if (emulator_) // a count stays what it is
      return;
    std::vector<std::string> chosen;
    std::size_t place = 0;
    for (const ProgramEntry *entry : fastest())
      if (place++ < count || entry->choice == print(result_.usual))
        chosen.push_back(entry->choice);
    // Those of an earlier run have to be loaded.
    std::erase_if(chosen, [&](const std::string &choice) {
      if (benches_.contains(choice))
        return false;
      Compiled candidate = compiled(program_.space.parse(choice));
      return !check(candidate);
    });
    step("timed again");
    time(chosen, replays);
  }

  void finish() {
    for (const auto &[text, entry] : rows_)
      result_.entries.push_back(entry);
    result_.entries = ranked(std::move(result_.entries));
    if (!result_.entries.empty() &&
        result_.entries.front().measurement.status == Status::ok)
      result_.winner = result_.entries.front();
    auto usual = rows_.find(print(result_.usual));
    if (usual != rows_.end() && usual->second.measurement.status == Status::ok)
      result_.usualMedian = usual->second.measurement.median;
    result_.seconds = seconds();
  }

  const TunableProgram &program_;
  const std::shared_ptr<Device> device_;
  TuningDb &db_;
  const TuneOptions &options_;
  EmulatedDevice *const emulator_;
  const Target &target_;
  const TuningPlace place_;
  const Clock::time_point start_ = Clock::now();
  std::shared_ptr<ProgramArrays> arrays_;
  bool cold_ = false;                        ///< its copies exceed the L2
  std::map<std::string, ProgramEntry> rows_; ///< of this place, by choice
  std::map<std::string, std::unique_ptr<ProgramBench>> benches_;
  TuneProgress progress_;
  ProgramTuneResult result_;
};

} // namespace

ProgramTuneResult tuneProgram(const TunableProgram &program,
                              std::shared_ptr<Device> device, TuningDb &db,
                              const TuneOptions &options) {
  return ProgramTuning(program, std::move(device), db, options).run();
}

} // namespace lath
