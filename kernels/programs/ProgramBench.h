// A program by one choice on a device, for all who run it to see whether it is
// right or how long it takes.
//
//   ProgramBench bench(device, example("softmax").problem(sizes, Dtype::f16),
//   1); bench.launch(); for (const OutputCheck &output : bench.check())
//     ... output.ok()
#pragma once

#include "kernels/programs/ProgramArrays.h"

#include <memory>
#include <span>
#include <vector>

namespace lath {

/// The code of a choice. Throws as compile() does.
LATH_API Ptx compileChoice(const TunableProgram &program,
                           const ProgramChoice &choice, const Target &target);

/// A launch of a choice: its grid with the split on axis 2.
LATH_API LaunchConfig launchConfig(const TunableProgram &program,
                                   const ProgramChoice &choice, const Ptx &ptx);

/// Bytes of workspace and tickets that it takes, both zero at first.
struct ProgramScratch {
  std::size_t workspace = 0, tickets = 0;
};
LATH_API ProgramScratch scratchOf(const Ptx &ptx, const LaunchConfig &config);

/// For one thread.
class ProgramBench {
public:
  /// By the usual choice: compiles it for the device, and makes arrays.
  ProgramBench(std::shared_ptr<Device> device, TunableProgram program,
               std::uint64_t seed);
  /// By another one.
  ProgramBench(std::shared_ptr<Device> device, TunableProgram program,
               const ProgramChoice &choice, std::uint64_t seed);
  /// On arrays that others use too. `cubin` may be empty where the device takes
  /// text.
  ProgramBench(std::shared_ptr<ProgramArrays> arrays,
               const ProgramChoice &choice, Ptx ptx,
               std::span<const char> cubin);

  /// Grid and scratch of a launch, and its arguments in order.
  LaunchConfig config() const;
  std::vector<std::uint64_t> arguments(unsigned copy = 0) const;
  const LoadedKernel &kernel() const { return *kernel_; }
  const Ptx &ptx() const { return ptx_; }
  const ProgramChoice &choice() const { return choice_; }
  const TunableProgram &program() const { return arrays_->program(); }

  void launch(Stream stream = nullptr, unsigned copy = 0) const;
  std::vector<unsigned char> outputs() const { return arrays_->outputs(); }
  std::vector<OutputCheck> check() { return arrays_->check(); }

private:
  std::shared_ptr<ProgramArrays> arrays_;
  ProgramChoice choice_;
  Ptx ptx_;
  DeviceBuffer workspace_, tickets_;
  std::shared_ptr<const LoadedKernel> kernel_;
};

} // namespace lath
