// An example's arrays on a device, for all who run it to see whether it is
// right or how long it takes.
//
//   ExampleBench bench(device, .problem(sizes, Dtype::f16), 1);
//   bench.launch();
//   for (const OutputCheck &output : bench.check())
//     ... output.ok()
#pragma once

#include "kernels/examples/Example.h"
#include "runtime/Device.h"

#include <memory>
#include <string_view>
#include <vector>

namespace lath {

/// How an output compares with fp64.
struct OutputCheck {
  std::string_view name;
  double error = 0; ///< norm of the difference over the norm of what is right
  double bound = 0; ///< 0: every element has to be equal
  /// Elements written behind the last, or that are no numbers where the right
  /// ones are.
  std::int64_t strays = 0;
  bool ok() const { return error <= bound && strays == 0; }
};

/// For one thread.
class ExampleBench {
public:
  /// Compiles the program by the problem's schedule for the device, fills
  /// inputs with random values by `seed`, and poisons outputs.
  ExampleBench(std::shared_ptr<Device> device, ExampleProblem problem,
               std::uint64_t seed);

  /// Grid, threads and scratch of a launch, and its arguments in order.
  LaunchConfig config() const;
  std::vector<std::uint64_t> arguments() const;
  const LoadedKernel &kernel() const { return *kernel_; }
  const Ptx &ptx() const { return ptx_; }
  const ExampleProblem &problem() const { return problem_; }

  void launch(Stream stream = nullptr) const;
  /// Waits for the device; the bytes of every output, one after the other.
  std::vector<unsigned char> outputs() const;
  /// Waits for the device, and compares every output with the reference.
  std::vector<OutputCheck> check();

private:
  struct Array {
    const ExampleArray *array;
    std::vector<double> values; ///< as uploaded, rounded to the type
    DeviceBuffer buffer;        ///< with room for strays behind
  };
  std::shared_ptr<Device> device_;
  ExampleProblem problem_;
  std::vector<Array> arrays_; ///< one an argument; numbers have none
  DeviceBuffer workspace_, tickets_;
  Ptx ptx_;
  std::shared_ptr<const LoadedKernel> kernel_;
};

} // namespace lath
