// Three kernels that have nothing to do with quantised weights: what the tile
// language says beyond the GEMM that Lath was made for. docs/language.md goes
// through them line by line.
#pragma once

#include "compiler/Compile.h"
#include "compiler/dsl/Program.h"

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace lath {

/// c[i] = a[i] + b[i] for i < n, in `dtype` (a float type or i32).
/// Parameters: n (scalar), a, b, c [n].
std::unique_ptr<Program> vectorAdd(Dtype dtype = Dtype::f32);

/// out[i, j] = exp(in[i, j] - max(in[i, :])) / sum over j of the same, in fp32
/// from and to `dtype`. `columns` is any number from 1 to maxSoftmaxColumns: a
/// row is one tile, its extent the next power of two.
/// Parameters: rows (scalar), in, out [rows, columns].
/// Throws Error{invalidProgram} on other numbers of columns.
std::unique_ptr<Program> softmax(std::int64_t columns,
                                 Dtype dtype = Dtype::f32);
inline constexpr std::int64_t maxSoftmaxColumns = 4096;

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

/// out[i, j] = sum over k of a[i, k] * b[k, j], from and to `dtype` (f16 or
/// bf16), sums in fp32. No extent needs to be a multiple of anything; odd ones
/// cost speed, since rows of memory then are not aligned to 16 bytes.
/// Parameters: m (scalar), a [m, k], b, out [m, n].
/// A launch has a grid of matmulGrid blocks.
std::unique_ptr<Program> matmul(std::int64_t n, std::int64_t k, MatrixB order,
                                Dtype dtype = Dtype::f16,
                                const MatmulTile &tile = {});
std::array<unsigned, 3> matmulGrid(std::int64_t m, std::int64_t n,
                                   const MatmulTile &tile = {});

/// Sizes of a problem; what an example has no use for is ignored. Programs
/// depend on n and k, launches on m and n.
struct ExampleSizes {
  std::int64_t m = 1; ///< rows of a matrix
  std::int64_t n = 1; ///< columns of a matrix, elements of a vector
  std::int64_t k = 1; ///< length of a matmul's sums
};

/// One example as a table entry, for programs that run them all.
struct Example {
  std::string_view name;    ///< of the program, and so of the kernel
  std::string_view formula; ///< "c[i] = a[i] + b[i]"
  std::unique_ptr<Program> (*build)(const ExampleSizes &, Dtype);
  /// The grid of a launch.
  std::array<unsigned, 3> (*grid)(const ExampleSizes &);
  /// The value of the program's one scalar parameter.
  std::int64_t (*scalar)(const ExampleSizes &);
  int warps, stages; ///< of a schedule that suits it
};

/// vector_add, softmax, matmul_kn, matmul_nk.
const std::vector<Example> &examples();

/// The options an example is compiled with.
CompileOptions compileOptions(const Example &example, const Target &target);

} // namespace lath
