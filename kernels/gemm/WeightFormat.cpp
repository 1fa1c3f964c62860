#include "kernels/gemm/WeightFormat.h"

#include "compiler/base/Error.h"

#include <fmt/format.h>

namespace lath {

const WeightFormat &weightFormat(Dtype codes, Zeros zeros) {
  if (const WeightFormat *found = findWeightFormat(codes, zeros))
    return *found;
  throw Error(ErrorKind::invalidSpec,
              fmt::format("no format has weights of {} {}; all are {}",
                          name(codes),
                          zeros == Zeros::symmetric ? "without zero points"
                          : zeros == Zeros::v1 ? "with zero points minus one"
                                               : "with zero points",
                          fmt::join(weightFormatNames, ", ")));
}

} // namespace lath
