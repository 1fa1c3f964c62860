// Many kernels at once, on all cores.
#include "compiler/base/Parallel.h"
#include "kernels/engine/EngineImpl.h"

#include <fmt/format.h>

#include <set>

namespace lath {

namespace {

/// One call of Engine::prepare.
struct Preparation {
  std::vector<std::size_t> order; ///< in which specs are taken
  std::vector<Kernel> kernels;
  std::mutex mutex; ///< guards what follows, and calls of progress
  std::size_t done = 0;
  std::vector<std::optional<Error>> errors;
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
  Preparation p;
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
  // What it throws is of progress, or of the host.
  parallelFor(
      static_cast<std::int64_t>(specs.size()), 1,
      [&](std::int64_t at, std::int64_t) {
        one(p.order[static_cast<std::size_t>(at)]);
      },
      impl_->threads);

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
