// Kernels that have nothing to do with quantised weights: what the tile
// language says beyond the GEMM that Lath was made for. Each has a file, which
// begins with its formula; docs/language.md goes through some line by line.
#pragma once

#include "kernels/examples/Example.h"

namespace lath {

/// All of them.
const std::vector<Example> &examples();
/// Throws Error{invalidSpec}, with the nearest name, where there is none.
const Example &example(std::string_view name);

/// c[i] = a[i] + b[i] for i < n, in `dtype` (f32, f16, bf16 or an integer), n a
/// multiple of `multiple`, a power of two. Parameters: n (scalar), a, b, c [n].
std::unique_ptr<Program> vectorAdd(Dtype dtype = Dtype::f32,
                                   std::int64_t multiple = 1,
                                   std::int64_t tile = 1024);

/// out[i, j] = exp(in[i, j] - max(in[i, :])) / sum over j of the same, in fp32
/// from and to `dtype`, of any number of columns.
/// Parameters: rows (scalar), in, out [rows, columns].
/// Throws Error{invalidProgram} where there are no columns.
std::unique_ptr<Program> softmax(std::int64_t columns,
                                 Dtype dtype = Dtype::f32);

/// Which way round the second matrix lies in memory.
enum class MatrixB {
  kn, ///< b [K, N]: out = a * b
  nk, ///< b [N, K]: out = a * b^T, as weights of linear layers are stored
};

/// What a block of a matmul computes, and how many k a step of its loop has:
/// powers of two.
struct MatmulTile {
  std::int64_t m = 64, n = 64, k = 64;
};

/// out[i, j] = sum over k of a[i, k] * b[k, j], from and to `dtype` (f16, bf16,
/// or f32 in tf32), sums in fp32; of i8 and the 8-bit floats the sums
/// themselves, in i32 and f32. No extent needs to be a multiple of anything;
/// odd ones cost speed, since rows of memory then are not aligned to 16 bytes.
/// Parameters: m (scalar), a [m, k], b, out [m, n].
/// A launch has a grid of matmulGrid blocks.
std::unique_ptr<Program> matmul(std::int64_t n, std::int64_t k, MatrixB order,
                                Dtype dtype = Dtype::f16,
                                const MatmulTile &tile = {});
std::array<unsigned, 3> matmulGrid(std::int64_t m, std::int64_t n,
                                   const MatmulTile &tile = {});

/// What matmuls choose from, tiles being "bm", "bn" and "bk"; and whether a
/// tile's sums fit into registers.
inline constexpr std::string_view productSpace =
    "bm=32|64|128|256 bn=32|64|128|256 bk=32|64|128 w=4|8 st=2|3|4|5 "
    "mma=warp|warpgroup copies=threads|tensor producers=0|1 persistent=0|1";
bool productFits(const ProgramChoice &choice);

/// out [m, n] += a [m, k] b [k, n], or b [n, k]: what references compute.
void addProduct(const double *a, const double *b, double *out, std::int64_t m,
                std::int64_t n, std::int64_t k, MatrixB order = MatrixB::kn);

extern const Example vectorAddExample, softmaxExample, layerNormExample,
    layerNormBackwardExample, rmsNormExample, ropeExample, swigluExample,
    matmulKnExample, matmulNkExample, fusedMatmulExample, batchedMatmulExample,
    groupedMatmulExample, attentionExample, pagedAttentionExample,
    pagedCombineExample, embeddingExample, crossEntropyExample, dropoutExample,
    quantizeExample, argmaxExample, topkExample, cumsumExample,
    columnSumExample;

} // namespace lath
