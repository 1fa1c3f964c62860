// Many kernels at once, on all cores.
#include "kernels/engine/EngineImpl.h"

#include <fmt/format.h>

#include <set>
#include <thread>

namespace lath {

namespace {

/// One call of Engine::prepare.
struct Preparation {
  std::span<const GemmSpec> specs;
  const std::function<void(const PrepareProgress &)> &progress;
  std::vector<std::size_t> order; ///< in which specs are taken
  std::vector<Kernel> kernels;
  std::atomic<std::size_t> next = 0;
  std::mutex mutex; ///< guards what follows, and calls of progress
  std::size_t done = 0;
  std::vector<std::optional<Error>> errors;
  std::exception_ptr failure; ///< of progress, or of the host
};

} // namespace

/// Specs whose code no spec ahead of them has come first: a thread that met the
/// code of another at work would only wait for it.
static std::vector<std::size_t>
orderOf(std::span<const GemmSpec> specs,
        const std::function<Schedule(const KernelKey &)> &chosen) {
  std::vector<std::size_t> first, again;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    KernelKey key(specs[i], std::nullopt);
    bool isNew = true;
    try {
      validate(key.spec);
      isNew = seen.insert(codeKey(key.spec, chosen(key))).second;
    } catch (const Error &) {
      // Its turn reports it.
    }
    (isNew ? first : again).push_back(i);
  }
  first.insert(first.end(), again.begin(), again.end());
  return first;
}

std::vector<Kernel>
Engine::prepare(std::span<const GemmSpec> specs,
                const std::function<void(const PrepareProgress &)> &progress) {
  if (impl_->device->capturing(nullptr))
    throw Error(ErrorKind::notPrepared,
                "kernels are prepared while a stream is being captured",
                {"prepare them before the capture"});
  Preparation p{specs, progress, {}, {}, 0, {}, 0, {}, nullptr};
  p.order =
      orderOf(specs, [&](const KernelKey &key) { return impl_->chosen(key); });
  p.kernels.resize(specs.size());
  p.errors.resize(specs.size());

  auto one = [&](std::size_t i) {
    PrepareProgress report;
    report.total = specs.size();
    report.index = i;
    report.spec = specs[i];
    try {
      const KernelKey key(specs[i], std::nullopt);
      auto state = impl_->kernels.find(key);
      if (!state)
        state = impl_->make(key, report.source);
      p.kernels[i] = Kernel(std::move(state), specs[i].m);
    } catch (const Error &error) {
      p.errors[i] = error;
      report.error = &*p.errors[i];
    }
    std::lock_guard lock(p.mutex);
    report.done = ++p.done;
    if (progress)
      progress(report);
  };
  auto work = [&] {
    for (std::size_t at; (at = p.next++) < specs.size();)
      try {
        one(p.order[at]);
      } catch (...) {
        std::lock_guard lock(p.mutex);
        if (!p.failure)
          p.failure = std::current_exception();
        p.next = specs.size();
      }
  };
  {
    std::size_t threads =
        impl_->threads ? impl_->threads
                       : std::max(1u, std::thread::hardware_concurrency());
    std::vector<std::jthread> others; // joined at the end of the scope
    for (std::size_t i = 1; i < std::min(threads, specs.size()); ++i)
      others.emplace_back(work);
    work();
  }
  if (p.failure)
    std::rethrow_exception(p.failure);

  const Error *first = nullptr;
  std::vector<std::string> others;
  for (const auto &error : p.errors)
    if (error && first)
      others.push_back(error->message());
    else if (error)
      first = &*error;
  if (!first)
    return std::move(p.kernels);
  std::vector<std::string> notes = first->notes();
  if (!others.empty())
    notes.push_back(fmt::format(
        "{} of {} specs failed; the others:", others.size() + 1, specs.size()));
  notes.insert(notes.end(), others.begin(), others.end());
  throw Error(first->kind(), first->message(), std::move(notes),
              first->fault());
}

} // namespace lath
