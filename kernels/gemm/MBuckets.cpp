#include "kernels/gemm/MBuckets.h"

#include "compiler/base/Error.h"

#include <bit>

namespace lath {

std::int64_t bucketM(std::int64_t m) {
  if (m < 1 || m > maxRows)
    return m;
  auto power =
      static_cast<std::int64_t>(std::bit_ceil(static_cast<std::uint64_t>(m)));
  std::int64_t middle = power / 4 * 3;
  return power > 16 && m <= middle ? middle : power;
}

std::vector<GemmSpec> bucketSpecs(const GemmSpec &spec, std::int64_t largest) {
  if (largest < 1 || largest > maxRows)
    throw Error(ErrorKind::invalidSpec, std::to_string(largest) +
                                            " rows are not in 1.." +
                                            std::to_string(maxRows));
  std::vector<GemmSpec> specs;
  for (std::int64_t m = 1; m <= bucketM(largest); m = bucketM(m + 1)) {
    specs.push_back(spec);
    specs.back().m = m;
    if (m == maxRows)
      break;
  }
  return specs;
}

} // namespace lath
