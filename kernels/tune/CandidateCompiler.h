// Compiles candidates on all cores, in the order in which they are wanted.
#pragma once

#include "kernels/choose/CostModel.h"
#include "kernels/tune/TuneMeasure.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace lath {

/// What became of one order.
struct CompiledCandidate {
  std::size_t problem = 0;
  Schedule schedule;
  double predicted = 0; ///< again, with the blocks an SM really holds
  std::optional<TuneCandidate> candidate; ///< nothing: `why`
  std::string why; ///< did not compile or assemble, or spills
};

class CandidateCompiler {
public:
  /// `assembles`: candidates get machine code; where no assembler is installed
  /// they stay PTX.
  CandidateCompiler(const Target &target, const DeviceConstants &constants,
                    bool assembles, unsigned threads);
  ~CandidateCompiler(); ///< drops what was not begun

  /// `id` is the candidate's. Orders are worked off as they came, urgent ones
  /// before all others.
  void order(std::size_t problem, int id, const GemmSpec &spec,
             const Schedule &schedule, bool urgent = false);
  /// The next that is ready of that problem; waits at most `milliseconds`.
  std::optional<CompiledCandidate> next(std::size_t problem, int milliseconds);
  /// Forgets the orders of a problem that were not begun; returns how many.
  std::size_t cancel(std::size_t problem);
  double seconds() const { return microseconds_ * 1e-6; }

private:
  struct Order {
    std::size_t problem;
    int id;
    GemmSpec spec;
    Schedule schedule;
  };
  CompiledCandidate compile(const Order &order) const;
  void work();

  const Target &target_;
  DeviceConstants constants_;
  bool assembles_;
  std::mutex mutex_;
  std::condition_variable ordered_, finished_;
  std::deque<Order> orders_;
  std::map<std::size_t, std::deque<CompiledCandidate>> ready_;
  std::atomic<long long> microseconds_ = 0;
  bool ending_ = false;
  std::vector<std::jthread> threads_;
};

} // namespace lath
