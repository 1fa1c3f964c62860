// Where the emulator collects what it finds during a launch.
#pragma once

#include "runtime/emulator/Report.h"

#include <cstddef>
#include <mutex>
#include <string>
#include <vector>

namespace lath::emulator {

/// Thrown to end a launch that cannot go on; the log says why.
struct Stop {};

/// Findings of a launch. Thread safe.
class ReportLog {
public:
  explicit ReportLog(std::string kernel) : kernel_(std::move(kernel)) {}
  /// Throws Stop once `limit` different findings have come in.
  void add(Report report);
  bool empty() const;
  std::vector<Report> take();
  /// What the kernel prints.
  void print(std::string text);
  std::string takePrinted();

private:
  static constexpr std::size_t limit = 16;
  mutable std::mutex mutex_;
  std::string kernel_;
  std::vector<Report> reports_;
  std::string printed_;
};

} // namespace lath::emulator
