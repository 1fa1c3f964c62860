// What the steps of an epilogue compute, as tiles and as numbers.
#pragma once

#include "compiler/dsl/Program.h"
#include "kernels/gemm/GemmSpec.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace lath {

/// Where the tile program of a step stands.
struct EpilogueTiles {
  Program &program;
  std::function<View(std::string_view operand)> view;
  Range row, col; ///< of the block's tile of out
};

/// `sums`, f32 [M, N] of a block, after the spec's steps.
Tile applyEpilogue(const GemmSpec &spec, const EpilogueTiles &at, Tile sums);

/// An element of an operand on the host.
using OperandElement =
    std::function<double(std::string_view operand, std::int64_t index)>;

/// The same in fp64, in place: `sums` [m][n], and the operands that a kernel
/// would read, by the index of the element in memory.
void applyEpilogue(const GemmSpec &spec, const OperandElement &element,
                   std::vector<double> &sums);

} // namespace lath
