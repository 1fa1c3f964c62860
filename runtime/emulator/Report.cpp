#include "runtime/emulator/ReportLog.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath {

const char *name(Suspicion suspicion) {
  switch (suspicion) {
  case Suspicion::outOfBounds:
    return "out of bounds";
  case Suspicion::misaligned:
    return "misaligned";
  case Suspicion::uninitialised:
    return "uninitialised";
  case Suspicion::sharedRace:
    return "shared-memory race";
  case Suspicion::globalRace:
    return "global-memory race";
  case Suspicion::divergentBarrier:
    return "barrier reached by part of the threads";
  case Suspicion::deadlock:
    return "deadlock";
  case Suspicion::inFlight:
    return "still in flight";
  case Suspicion::proxy:
    return "missing proxy fence";
  case Suspicion::dependentLaunch:
    return "before griddepcontrol.wait";
  case Suspicion::unwritten:
    return "never written";
  case Suspicion::notReset:
    return "not reset";
  case Suspicion::undefined:
    return "undefined behaviour";
  }
  return "?";
}

std::string print(const Report &r) {
  std::string text = fmt::format("{}: {}", name(r.kind), r.detail);
  text += fmt::format("; kernel {}", r.kernel);
  if (r.line)
    text += fmt::format(", PTX line {}: `{};`, block ({}, {}, {}), thread {}",
                        r.line, r.statement, r.block[0], r.block[1], r.block[2],
                        r.thread);
  if (!r.buffer.empty())
    text += fmt::format(", {} at {:#x}", r.buffer, r.address);
  if (r.count > 1)
    text += fmt::format(" ({} times)", r.count);
  return text;
}

namespace emulator {

void ReportLog::add(Report report) {
  std::lock_guard lock(mutex_);
  report.kernel = kernel_;
  auto same =
      std::find_if(reports_.begin(), reports_.end(), [&](const Report &r) {
        return r.kind == report.kind && r.line == report.line &&
               r.buffer == report.buffer;
      });
  if (same != reports_.end()) {
    ++same->count;
    return;
  }
  reports_.push_back(std::move(report));
  if (reports_.size() >= limit)
    throw Stop{};
}

bool ReportLog::empty() const {
  std::lock_guard lock(mutex_);
  return reports_.empty();
}

std::vector<Report> ReportLog::take() {
  std::lock_guard lock(mutex_);
  return std::move(reports_);
}

void ReportLog::print(std::string text) {
  std::lock_guard lock(mutex_);
  printed_ += text;
}

std::string ReportLog::takePrinted() {
  std::lock_guard lock(mutex_);
  return std::move(printed_);
}

} // namespace emulator
} // namespace lath
