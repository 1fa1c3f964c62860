// One GEMM's tensors on a device and the result they should give, for all who
// run a kernel to see whether it is right or how long it takes.
//
//   Workbench bench(device, spec, /*seed=*/1);
//   bench.poisonOutput();
//   kernel.launch(nullptr, bench.arguments());
//   bool right = bench.check(bench.result(), kernel.schedule()).ok();
//
// Buffers and their contents follow from the records of operands: those of the
// layer and x have contents of their own, what an epilogue adds is random.
#pragma once

#include "kernels/launch/Kernel.h"
#include "kernels/weights/Gptq.h"
#include "kernels/weights/Reference.h"
#include "runtime/Device.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace lath {

/// How a kernel's result compares with fp64.
struct GemmCheck {
  Comparison comparison;
  double bound = 0;
  std::int64_t strayWrites = 0; ///< elements written behind the last row

  bool ok() const {
    return comparison.relativeFrobenius <= bound && strayWrites == 0;
  }
};

/// For one thread.
class Workbench {
public:
  /// Random weights by `seed`, activations by seed + 1.
  Workbench(std::shared_ptr<Device> device, const GemmSpec &spec,
            std::uint64_t seed);
  /// The weights of a layer that fits the spec.
  Workbench(std::shared_ptr<Device> device, const GemmSpec &spec,
            GptqLayer layer, std::uint64_t seed);

  /// What a layer brings, in device memory: the operands that are weights.
  class Weights {
  public:
    /// Of an operand by its name; empty where the spec has it not.
    const DeviceBuffer &operator[](std::string_view operand) const;
    std::size_t bytes() const; ///< of all together

  private:
    friend Workbench;
    std::array<DeviceBuffer, gemmOperands.size()> buffers_;
  };
  /// Has `count` copies of the weights in all, one at the least.
  void makeCopies(unsigned count);
  const std::vector<Weights> &copies() const { return copies_; }
  /// The first copy.
  const Weights &weights() const { return copies_.front(); }

  /// Of a launch of m rows; left out: as many as the kernel was asked for.
  GemmArguments arguments(std::optional<std::int64_t> m = std::nullopt,
                          unsigned copy = 0) const;

  /// Poisons the output. An emulator is told that the next launch has to write
  /// m rows; left out: spec.m of them.
  void poisonOutput(std::optional<std::int64_t> m = std::nullopt) const;
  /// Waits for the device; all of the output, and one more row where the
  /// device does not itself notice writes behind the last.
  std::vector<std::uint16_t> result() const;
  /// Compares what a launch of m rows (left out: spec.m) by a schedule left in
  /// a poisoned output with fp64.
  GemmCheck check(const std::vector<std::uint16_t> &result,
                  const Schedule &schedule,
                  std::optional<std::int64_t> m = std::nullopt);
  /// The same by any schedule that reduces so and rounds each output once.
  GemmCheck check(const std::vector<std::uint16_t> &result, Reduce reduce,
                  std::optional<std::int64_t> m = std::nullopt);
  /// [spec.m][n] in fp64, computed when it is first asked for: that takes
  /// seconds where the problem is large.
  const std::vector<double> &reference();

  const GemmSpec spec;
  const GptqLayer layer;
  const std::vector<std::uint32_t> words; ///< of qweight, as the spec has them
  const std::vector<std::uint16_t> activations;
  const DeviceBuffer out;

private:
  GemmCheck check(const std::vector<std::uint16_t> &result, Reduce reduce,
                  int roundings, std::optional<std::int64_t> m);
  DeviceBuffer upload(std::span<const std::byte> bytes) const;
  /// What an operand that is no output holds.
  std::span<const std::byte> contents(const GemmOperand &operand) const;

  std::shared_ptr<Device> device_;
  /// Of the operands of an epilogue, elements of 16 bits, by their name.
  std::map<std::string_view, std::vector<std::uint16_t>> added_;
  std::array<DeviceBuffer, gemmOperands.size()> inputs_;
  std::vector<Weights> copies_;
  std::vector<double> reference_;
};

} // namespace lath
