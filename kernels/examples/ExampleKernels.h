// Kernels that have nothing to do with quantised weights: what the tile
// language says beyond the GEMM that Lath was made for. Each has a file, which
// begins with its formula; docs/language.md goes through some line by line.
#pragma once

#include "kernels/examples/ExampleKernel.h"

namespace lath {

/// All of them.
const std::vector<ExampleKernel> &exampleKernels();
/// Throws Error{invalidSpec}, with the nearest name, where there is none.
const ExampleKernel &exampleKernel(std::string_view name);

extern const ExampleKernel layerNormExample, layerNormBackwardExample,
    rmsNormExample, ropeExample, swigluExample, fusedMatmulExample,
    batchedMatmulExample, groupedMatmulExample, attentionExample,
    pagedAttentionExample, pagedCombineExample, embeddingExample,
    crossEntropyExample, dropoutExample, quantizeExample, argmaxExample,
    topkExample, cumsumExample, columnSumExample;

} // namespace lath
