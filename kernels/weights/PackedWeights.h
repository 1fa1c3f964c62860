// Int4 weights in the order in which a GPU reads them.
//
// A matrix [K, N] is cut into atoms of 64 k x 16 n, 512 bytes (weightAtom): 16
// bytes to a lane of a warp, which are, dequantised, the lane's A operands of
// four mma.m16n8k16. Atom (i, j), k from 64 i and n from 16 j, is the
// (i ceil(N / 16) + j)-th: blocks that compute neighbouring columns and walk
// along K together read one contiguous range together. K and N are padded with
// zeros to whole atoms. Scales and zero points stay as GPTQ stores them.
//
// One order for all M, schedules and targets. Nothing here is written by hand:
// host and GPU packers follow from the map.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/dsl/Program.h"
#include "kernels/weights/Gptq.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace lath {

/// Changes when the order does, and the format of packs with it. Files that
/// hold packed weights should name it.
inline constexpr int packedWeightsVersion = 2;

/// 32-bit words of a packed matrix.
LATH_API std::size_t packedWords(std::int64_t n, std::int64_t k);

/// qweight [K/8][N] of GPTQ to packed words, and back. K is a multiple of 8.
/// Pure; uses all cores.
LATH_API std::vector<std::uint32_t>
packWeights(std::span<const std::uint32_t> gptq, std::int64_t n,
            std::int64_t k);
LATH_API std::vector<std::uint32_t>
unpackWeights(std::span<const std::uint32_t> packed, std::int64_t n,
              std::int64_t k);

/// What a kernel of `spec` reads as `qweight`: the layer's words in the order
/// that the spec names.
LATH_API std::vector<std::uint32_t> storedWeights(const GemmSpec &spec,
                                                  const GptqLayer &layer);

/// A kernel that packs on the GPU: parameters gptq (i32 [K/8, N]) and packed;
/// one block for each 64 k x 128 n, grid (ceil(N / 128), ceil(K / 64)). Writes
/// every word of `packed`, 16 bytes a lane.
LATH_API std::unique_ptr<Program> packProgram(std::int64_t n, std::int64_t k);

} // namespace lath
