#include "runtime/TensorMap.h"

namespace lath {

/// Of the first byte and from row to row: what the copy engine counts in.
static constexpr std::uint64_t tensorUnit = 16;

TensorMap tensorMap(const Ptx &ptx, const TensorFacts &tensor,
                    std::span<const std::uint64_t> arguments) {
  auto fail = [&](const std::string &why) {
    throw Error(ErrorKind::invalidInput, "launch of " + ptx.entry + ": " +
                                             ptx.params[tensor.param].name +
                                             why);
  };
  TensorMap map;
  map.address = arguments[tensor.param];
  if (map.address == 0 || map.address % tensorUnit)
    fail(" is at " + std::to_string(map.address) +
         "; tensor copies take multiples of " + std::to_string(tensorUnit));
  map.rank = static_cast<unsigned>(tensor.extents.size());
  map.elementBytes = tensor.elementBytes;
  map.swizzle = static_cast<TensorSwizzle>(tensor.swizzleBits);
  std::uint64_t stride = tensor.elementBytes;
  for (unsigned d = 0; d < map.rank; ++d) {
    const std::size_t from = map.rank - 1 - d;
    const LaunchNumber &extent = tensor.extents[from];
    map.extents[d] =
        extent.scalar < 0
            ? extent.constant
            : static_cast<std::uint32_t>(
                  arguments[static_cast<std::size_t>(extent.scalar)]);
    map.box[d] = tensor.box[from];
    if (map.extents[d] == 0)
      fail(" has no elements along dimension " + std::to_string(from));
    if (d > 0) {
      map.strides[d - 1] = stride;
      if (stride % tensorUnit)
        fail(" has rows of " + std::to_string(stride) +
             " bytes; tensor copies take multiples of " +
             std::to_string(tensorUnit));
    }
    stride *= map.extents[d];
  }
  return map;
}

} // namespace lath
