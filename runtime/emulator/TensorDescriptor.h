// The emulator's own form of a tensor map. A GPU's is not documented; kernels
// only pass it on, so any 128 bytes will do.
#pragma once

#include "runtime/TensorMap.h"

#include <optional>

namespace lath::emulator {

/// Throws Error{invalidInput} that names the number a GPU's encoder refuses,
/// and Error{unsupported} on boxes whose rows do not fill the swizzle.
EncodedTensorMap encode(const TensorMap &map);

/// Nothing where the bytes are no tensor map of the emulator's.
std::optional<TensorMap> decodeTensorMap(const std::uint8_t *bytes);

/// Bytes of one row of the box, and of all of it.
std::uint64_t rowBytes(const TensorMap &map);
std::uint64_t boxBytes(const TensorMap &map);

} // namespace lath::emulator
