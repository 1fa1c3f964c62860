// One GEMM's tensors on a device and the result they should give, for all who
// run a kernel to see whether it is right or how long it takes.
//
//   Workbench bench(device, spec, /*seed=*/1);
//   bench.poisonOutput();
//   kernel.launch(nullptr, bench.arguments());
//   bool right = bench.check(bench.result(), kernel.schedule().reduce).ok();
#pragma once

#include "kernels/launch/Kernel.h"
#include "kernels/weights/Gptq.h"
#include "kernels/weights/Reference.h"
#include "runtime/Device.h"

#include <cstdint>
#include <memory>
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

  /// The tensors of a layer in device memory.
  struct Weights {
    DeviceBuffer qweight, scales, qzeros;
    std::size_t bytes() const {
      return qweight.bytes() + scales.bytes() + qzeros.bytes();
    }
  };
  /// Has `count` copies of the weights in all, one at the least.
  void makeCopies(unsigned count);
  const std::vector<Weights> &copies() const { return copies_; }
  /// The first copy.
  const Weights &weights() const { return copies_.front(); }

  /// Of a launch of m rows; 0: as many as the kernel was asked for.
  GemmArguments arguments(std::int64_t m = 0, unsigned copy = 0) const;

  /// Poisons the output. An emulator is told that the next launch has to write
  /// m rows; 0: spec.m of them.
  void poisonOutput(std::int64_t m = 0) const;
  /// Waits for the device; all of the output, and one more row where the
  /// device does not itself notice writes behind the last.
  std::vector<std::uint16_t> result() const;
  /// Compares what a launch of m rows (0: spec.m) left in a poisoned output
  /// with fp64.
  GemmCheck check(const std::vector<std::uint16_t> &result, Reduce reduce,
                  std::int64_t m = 0);
  /// [spec.m][n] in fp64, computed when it is first asked for: that takes
  /// seconds where the problem is large.
  const std::vector<double> &reference();

  const GemmSpec spec;
  const GptqLayer layer;
  const std::vector<std::uint32_t> words; ///< of qweight, as the spec has them
  const std::vector<std::uint16_t> activations;
  const DeviceBuffer x, out;

private:
  std::shared_ptr<Device> device_;
  std::vector<Weights> copies_;
  std::vector<double> reference_;
};

} // namespace lath
