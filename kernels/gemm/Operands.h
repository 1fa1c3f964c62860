// The arrays and scalars of a GEMM, each said once: its name, the argument of a
// launch that it is, its type and shape for a spec, and who writes it when.
//
// From these records come the parameters of the kernel (DequantGemm.cpp), what
// a launch binds to them (Kernel.cpp), the buffers that a check allocates
// (Workbench.cpp), and what the C interface converts (CApiRuntime.cpp).
#pragma once

#include "kernels/gemm/GemmSpec.h"
#include "runtime/Device.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

/// Device pointers of one launch, aligned to 16 bytes, and its rows. Those that
/// a spec does not have are not looked at.
struct GemmArguments {
  DevicePtr x = 0;       ///< [m, K] of spec.x
  DevicePtr qweight = 0; ///< i32 [K/8, N], or packed
  DevicePtr scales = 0;  ///< [K/g, N] of spec.x
  DevicePtr qzeros = 0;  ///< i32 [K/g, N/8]; unused if symmetric
  DevicePtr out = 0;     ///< [m, N] of spec.x
  /// Rows, at most those of the kernel's bucket; left out: as many as were
  /// asked for. With none, 0, a launch reads and writes nothing.
  std::optional<std::int64_t> m = std::nullopt;
  /// Scratch memory of the caller's instead of the engine's, where the kernel
  /// needs any (Kernel::workspace says how much). Both or neither.
  DevicePtr workspace = 0, tickets = 0;
  std::size_t workspaceBytes = 0, ticketBytes = 0;
  DevicePtr bias = 0; ///< [N] of spec.x, where the epilogue has it
};

/// How an operand lies in memory, row-major.
struct OperandShape {
  /// The extent that every launch says for itself.
  static constexpr std::int64_t rows = -1;

  Dtype type;
  std::vector<std::int64_t> extents;
  /// The dimension along which words hold the elements; -1: one that is not
  /// narrower than a byte.
  int packedDim = -1;
  /// In the order of packed weights (PackedWeights.h), the extents rounded up
  /// to whole atoms.
  bool atoms = false;
};

/// Who writes an operand, and when.
enum class OperandRole {
  weights, ///< of the layer, as for all launches: read as early as it helps
  input,   ///< what the launch before may have written
  output,  ///< the kernel itself
};

/// One array of a GEMM.
struct GemmOperand {
  std::string_view name; ///< of the parameter; in C and C++ of the argument
  DevicePtr GemmArguments::*argument;
  OperandRole role;
  bool (*has)(const GemmSpec &);
  OperandShape (*shape)(const GemmSpec &);
};

/// Elements of an atom of packed weights along K and N. The layout that these
/// are the extents of is the compiler's (weightAtom); a test compares them.
inline constexpr std::int64_t atomK = 64, atomN = 16;

/// How many every GEMM may have; behind them are those of epilogues.
inline constexpr std::size_t plainOperands = 5;

/// All of them, in the order of a kernel's parameters.
inline constexpr std::array gemmOperands = {
    GemmOperand{"x", &GemmArguments::x, OperandRole::input,
                [](const GemmSpec &) { return true; },
                [](const GemmSpec &s) {
                  return OperandShape{s.x, {OperandShape::rows, s.k}};
                }},
    GemmOperand{"qweight", &GemmArguments::qweight, OperandRole::weights,
                [](const GemmSpec &) { return true; },
                [](const GemmSpec &s) {
                  if (s.layout == WeightLayout::gptq)
                    return OperandShape{s.w, {s.k, s.n}, /*packedDim=*/0};
                  return OperandShape{s.w,
                                      {(s.k + atomK - 1) / atomK * atomK,
                                       (s.n + atomN - 1) / atomN * atomN},
                                      /*packedDim=*/-1,
                                      /*atoms=*/true};
                }},
    GemmOperand{
        "scales", &GemmArguments::scales, OperandRole::weights,
        [](const GemmSpec &) { return true; },
        [](const GemmSpec &s) { return OperandShape{s.x, {s.groups(), s.n}}; }},
    GemmOperand{"qzeros", &GemmArguments::qzeros, OperandRole::weights,
                [](const GemmSpec &s) { return s.zeros != Zeros::symmetric; },
                [](const GemmSpec &s) {
                  return OperandShape{s.w, {s.groups(), s.n}, /*packedDim=*/1};
                }},
    GemmOperand{"out", &GemmArguments::out, OperandRole::output,
                [](const GemmSpec &) { return true; },
                [](const GemmSpec &s) {
                  return OperandShape{s.x, {OperandShape::rows, s.n}};
                }},
    GemmOperand{"bias", &GemmArguments::bias, OperandRole::weights,
                [](const GemmSpec &s) { return s.epilogue.bias; },
                [](const GemmSpec &s) { return OperandShape{s.x, {1, s.n}}; }},
};

/// The operand of that name; null: there is none.
LATH_API const GemmOperand *findOperand(std::string_view name);

/// Bytes of an operand that the spec has, for a launch of spec.m rows.
LATH_API std::size_t operandBytes(const GemmOperand &operand,
                                  const GemmSpec &spec);

/// The names of those that a spec has, for messages: "x, qweight, scales, out".
LATH_API std::string operandNames(const GemmSpec &spec);

/// One scalar that a launch passes by value.
struct GemmScalar {
  std::string_view name;
  Dtype type;
  /// Its bits, in the lowest bytes.
  std::uint64_t (*bits)(const GemmSpec &, std::int64_t rows);
};

inline constexpr std::array gemmScalars = {
    GemmScalar{"m", Dtype::i32,
               [](const GemmSpec &, std::int64_t rows) {
                 return static_cast<std::uint64_t>(rows);
               }},
};

} // namespace lath
