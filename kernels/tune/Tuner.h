// Finds the fastest schedules by measuring, and stores what it measured.
#pragma once

#include "compiler/base/Api.h"
#include "kernels/tuned/TuningTable.h"

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace lath {

class Measurer;
class TuningDb;

struct TuneProgress {
  std::size_t done = 0, total = 0; ///< candidates, of all problems
  std::string what;                ///< "m16n4096k4096g128: 12 of 48 checked"
  double secondsLeft = 0;          ///< estimated
};

struct TuneOptions {
  /// Candidates of each problem, taken from the top of the model's ranking;
  /// besides them what was fastest at other builds and with other rows.
  std::size_t candidates = 48;
  /// Then so many neighbours of the fastest, so many times while that helps
  /// (where there is a clock).
  std::size_t neighbours = 16;
  int refinements = 2;
  std::size_t halved = 12;   ///< that are timed again
  std::size_t finalists = 5; ///< that are timed at length, interleaved
  int coarseReplays = 4, halvedReplays = 8, finalReplays = 24;
  double budgetSeconds = 0; ///< 0: as long as it takes
  unsigned shard = 0,
           shards = 1; ///< this process takes every shards-th problem
  std::uint64_t seed = 1;
  unsigned threads = 0; ///< that compile; 0: one a core
  /// Of Engine::tune: the command of a process that measures, by words, like
  /// {"/usr/bin/lath", "tune-worker", "--device", "cuda:0"}. What hangs or
  /// corrupts its context takes only that process along, and another one goes
  /// on. Empty: this process measures.
  std::vector<std::string> worker = {};
  /// Called between candidates, on the calling thread.
  std::function<void(const TuneProgress &)> progress;
  /// Set from anywhere (a signal): tuning ends, what was measured is kept.
  const std::atomic<bool> *stop = nullptr;
};

struct TuneResult {
  TuningProblem problem;
  std::optional<TuningEntry> winner;   ///< nothing: every candidate failed
  Schedule defaultChoice;              ///< the model's, that needs no tuning
  std::optional<double> defaultMedian; ///< of it, where it was measured
  double plainRead = 0;
  std::size_t measured = 0; ///< in this call
  std::size_t known = 0;    ///< that the database had
  std::size_t failed = 0;   ///< wrong, rejected, crashed or hung
  bool complete = false;    ///< not cut short by the budget or a stop
};

/// Where the time went, seconds of the calling thread but for `compiling`.
struct TuneTimes {
  double compiling = 0; ///< of all threads together
  double waiting = 0;   ///< for candidates to be compiled
  double preparing = 0, checking = 0, coarse = 0, final = 0, storing = 0;
  double total = 0;
};

struct TuneReport {
  std::vector<TuneResult> results;
  TuneTimes times;
  bool stopped = false;
};

/// Tunes each spec at the bucket of its m (specs that share a problem once).
/// What `db` has for this place, build and driver is not measured again.
/// Candidates are compiled on all cores while the measurer times others. One
/// that fails, hangs or crashes is stored as such and left out.
/// Where `db` has no constants of the cost model for this device, it is probed
/// first (DeviceProbe.h) and they are stored; a probe that fails stops nothing.
/// Throws Error for specs that are invalid, databases that cannot be written
/// and a measurer that cannot start, at first or after it failed; not for
/// candidates. What was measured until then is in `db`.
LATH_API TuneReport tune(const std::vector<GemmSpec> &specs, Measurer &measurer,
                         TuningDb &db, const TuneOptions &options = {});

} // namespace lath
