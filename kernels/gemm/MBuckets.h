// The numbers of rows that kernels are built for. A kernel takes its rows at
// launch, up to those of its bucket; few buckets mean few kernels.
#pragma once

#include "kernels/gemm/GemmSpec.h"

#include <cstdint>
#include <vector>

namespace lath {

/// The smallest bucket that holds m rows: 1, 2, 4, 8, 16, 24, 32, 48, 64, 96,
/// 128, 192, 256, 384, 512 and so on, powers of two and the middle between two
/// of them, to 65536. An m out of 1..65536 stays as it is: no spec may have it.
LATH_API std::int64_t bucketM(std::int64_t m);

/// `spec` once for each bucket up to the one that holds `largest` rows, from
/// the smallest. Throws Error{invalidSpec} where largest is not in 1..65536.
LATH_API std::vector<GemmSpec> bucketSpecs(const GemmSpec &spec,
                                           std::int64_t largest);

} // namespace lath
