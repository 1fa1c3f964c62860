// When two requests mean the same kernel, or the same code.
#pragma once

#include "kernels/gemm/GemmSpec.h"
#include "kernels/gemm/Schedule.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace lath {

/// What was asked for, in canonical form.
struct KernelKey {
  GemmSpec spec; ///< m is a bucket's
  std::optional<Schedule> schedule;

  KernelKey() = default;
  KernelKey(const GemmSpec &spec, const std::optional<Schedule> &schedule);
  bool operator==(const KernelKey &) const = default;
};

struct KernelKeyHash {
  std::size_t operator()(const KernelKey &key) const;
};

/// The spec that the code for `spec` by `schedule` is compiled for. Rows matter
/// to code only in how many a tile keeps (tileRows) and whether they fit one,
/// so buckets share code. A test compiles both.
GemmSpec codeSpec(const GemmSpec &spec, const Schedule &schedule);

/// Equal texts: equal code, on one target.
std::string codeKey(const GemmSpec &spec, const Schedule &schedule);

/// Whether a kernel made for `made` by `schedule` computes what `asked` asks
/// for, with as many rows at least, and as reproducibly.
bool serves(const GemmSpec &made, const Schedule &schedule,
            const GemmSpec &asked);

} // namespace lath
