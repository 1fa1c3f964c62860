// Compiles candidates on all cores, in the order in which they are wanted.
#pragma once

#include "kernels/choose/CostModel.h"
#include "kernels/tune/TuneMeasure.h"

#include <atomic>
#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace lath {

/// Machine code of a candidate and how many of its blocks an SM holds. Both
/// empty where no assembler is installed. Throws Error{compile} where it spills
/// or no SM holds a block, and what assembling throws.
struct AssembledCandidate {
  std::vector<char> cubin;
  unsigned blocksPerSm = 0;
};
AssembledCandidate assembleCandidate(const Ptx &ptx, const Target &target);

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
  using Compile = std::function<CompiledGemm(const GemmSpec &, const Schedule &,
                                             const Target &)>;

  /// `assembles`: candidates get machine code; where no assembler is installed
  /// they stay PTX. `compile`: compileGemm, unless a test says. Throws
  /// Error{toolchain} where a thread cannot be started.
  CandidateCompiler(const Target &target, const DeviceConstants &constants,
                    bool assembles, unsigned threads, Compile compile = {});
  ~CandidateCompiler(); ///< drops what was not begun

  /// `id` is the candidate's. Orders are worked off as they came, urgent ones
  /// before the others.
  void order(std::size_t problem, int id, const GemmSpec &spec,
             const Schedule &schedule, bool urgent = false);
  /// The next that is ready of that problem; waits at most `milliseconds`.
  /// Throws what ended a thread: not an Error of a candidate, which is its
  /// `why`, but no memory, or Error{internal} for any other exception.
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
    bool urgent;
  };
  CompiledCandidate compile(const Order &order) const;
  void work();
  void end();

  const Target &target_;
  DeviceConstants constants_;
  bool assembles_;
  Compile compile_;
  std::mutex mutex_;
  std::condition_variable ordered_, finished_;
  std::deque<Order> orders_;
  std::map<std::size_t, std::deque<CompiledCandidate>> ready_;
  std::atomic<long long> microseconds_ = 0;
  bool ending_ = false;
  std::exception_ptr failure_; ///< what ended a thread
  std::vector<std::jthread> threads_;
};

} // namespace lath
