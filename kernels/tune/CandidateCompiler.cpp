#include "kernels/tune/CandidateCompiler.h"

#include "compiler/base/Error.h"
#include "compiler/base/Occupancy.h"
#include "runtime/Assemble.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <new>
#include <system_error>
#include <utility>

namespace lath {

AssembledCandidate assembleCandidate(const Ptx &ptx, const Target &target) {
  std::optional<Cubin> cubin = assembleIfPossible(ptx, toolchain());
  if (!cubin)
    return {};
  const KernelResources &r = cubin->resources;
  if (r.localBytes || r.spillStores || r.spillLoads)
    throw Error(ErrorKind::compile,
                fmt::format("it spills: {} bytes of local memory a thread, {} "
                            "registers",
                            r.localBytes, r.registers));
  const std::size_t shared = ptx.sharedBytes + r.staticShared;
  const unsigned blocks =
      occupancy(target, ptx.threads, r.registers, shared).blocks;
  if (blocks == 0)
    throw Error(ErrorKind::compile,
                fmt::format("no SM can hold a block: {} registers, {} bytes of "
                            "shared memory",
                            r.registers, shared));
  return {std::move(cubin->bytes), blocks};
}

CandidateCompiler::CandidateCompiler(const Target &target,
                                     const DeviceConstants &constants,
                                     bool assembles, unsigned threads,
                                     Compile compile)
    : target_(target), constants_(constants), assembles_(assembles),
      compile_(std::move(compile)) {
  if (!compile_)
    compile_ = [](const GemmSpec &spec, const Schedule &schedule,
                  const Target &on) { return compileGemm(spec, schedule, on); };
  if (!threads)
    threads = std::max(1u, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < threads; ++i)
    try {
      threads_.emplace_back([this] { work(); });
    } catch (const std::system_error &error) {
      end(); // the others, for which the members' destructors wait
      throw Error(ErrorKind::toolchain,
                  fmt::format("thread {} of {} that compile candidates cannot "
                              "be started: {}",
                              i + 1, threads, error.code().message()),
                  {"TuneOptions::threads asks for fewer"});
    }
}

CandidateCompiler::~CandidateCompiler() { end(); }

void CandidateCompiler::end() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
    orders_.clear();
  }
  ordered_.notify_all();
}

void CandidateCompiler::order(std::size_t problem, int id, const GemmSpec &spec,
                              const Schedule &schedule, bool urgent) {
  {
    std::lock_guard lock(mutex_);
    auto behind = urgent
                      ? std::find_if(orders_.begin(), orders_.end(),
                                     [](const Order &o) { return !o.urgent; })
                      : orders_.end();
    orders_.insert(behind, {problem, id, spec, schedule, urgent});
  }
  ordered_.notify_one();
}

std::optional<CompiledCandidate> CandidateCompiler::next(std::size_t problem,
                                                         int milliseconds) {
  std::unique_lock lock(mutex_);
  std::deque<CompiledCandidate> &queue = ready_[problem];
  finished_.wait_for(lock, std::chrono::milliseconds(milliseconds),
                     [&] { return !queue.empty() || failure_; });
  if (failure_)
    std::rethrow_exception(failure_);
  if (queue.empty())
    return std::nullopt;
  CompiledCandidate candidate = std::move(queue.front());
  queue.pop_front();
  return candidate;
}

std::size_t CandidateCompiler::cancel(std::size_t problem) {
  std::lock_guard lock(mutex_);
  return std::erase_if(
      orders_, [&](const Order &order) { return order.problem == problem; });
}

CompiledCandidate CandidateCompiler::compile(const Order &order) const {
  CompiledCandidate result{order.problem, order.schedule, 0, {}, ""};
  try {
    TuneCandidate candidate;
    candidate.id = order.id;
    candidate.gemm = compile_(order.spec, order.schedule, target_);
    AssembledCandidate code;
    if (assembles_)
      code = assembleCandidate(candidate.gemm.ptx, target_);
    candidate.cubin = std::move(code.cubin);
    result.predicted = estimate(order.spec, order.schedule, target_, constants_,
                                code.blocksPerSm)
                           .total;
    result.candidate = std::move(candidate);
  } catch (const Error &error) {
    result.why = error.message();
  }
  return result;
}

void CandidateCompiler::work() {
  for (;;) {
    Order order;
    {
      std::unique_lock lock(mutex_);
      ordered_.wait(lock, [&] { return ending_ || !orders_.empty(); });
      if (ending_)
        return;
      order = std::move(orders_.front());
      orders_.pop_front();
    }
    auto start = std::chrono::steady_clock::now();
    CompiledCandidate done;
    std::exception_ptr failure;
    try {
      done = compile(order);
    } catch (const std::bad_alloc &) {
      failure = std::current_exception();
    } catch (const std::exception &error) {
      failure = std::make_exception_ptr(
          Error(ErrorKind::internal,
                fmt::format("compiling {} by {}: {}", print(order.spec),
                            print(order.schedule), error.what())));
    } catch (...) {
      failure = std::make_exception_ptr(
          Error(ErrorKind::internal,
                fmt::format("compiling {} by {}: an unknown exception",
                            print(order.spec), print(order.schedule))));
    }
    microseconds_ += std::chrono::duration_cast<std::chrono::microseconds>(
                         std::chrono::steady_clock::now() - start)
                         .count();
    {
      std::lock_guard lock(mutex_);
      if (failure)
        failure_ = failure;
      else
        ready_[order.problem].push_back(std::move(done));
    }
    finished_.notify_all();
  }
}

} // namespace lath
