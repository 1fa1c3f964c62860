// A program's arrays on a device, which all choices of it are run on.
#pragma once

#include "kernels/programs/TunableProgram.h"
#include "runtime/Device.h"

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace lath {

/// How an output compares with what is right.
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
class ProgramArrays {
public:
  /// Inputs have random values by `seed`, outputs are poisoned.
  ProgramArrays(std::shared_ptr<Device> device, TunableProgram program,
                std::uint64_t seed);

  const TunableProgram &program() const { return program_; }
  const std::shared_ptr<Device> &device() const { return device_; }

  /// So many sets of all arrays, for launches that find none in L2; the first
  /// is that of outputs(), check() and poison().
  void makeCopies(unsigned copies);
  unsigned copies() const { return copies_; }
  std::size_t bytes() const; ///< of one copy

  /// Fills outputs with numbers that are none, and those that are inputs as
  /// well with their inputs again.
  void poison();
  /// Zeros in the outputs of a copy, for kernels that add into them.
  void clear(Stream stream, unsigned copy = 0) const;

  /// Of a launch of `ptx`, in order.
  std::vector<std::uint64_t> arguments(const Ptx &ptx, DevicePtr workspace,
                                       DevicePtr tickets,
                                       unsigned copy = 0) const;

  /// Waits for the device; the bytes of every output, one after the other.
  std::vector<unsigned char> outputs() const;
  /// Waits for the device, and compares every output with the reference, or
  /// with what takeAsRight saw. Throws Error{invalidInput} where there is
  /// neither.
  std::vector<OutputCheck> check();
  /// The outputs that are there now are right from now on.
  void takeAsRight();

private:
  struct Array {
    const ArrayArgument *array;        ///< null: a number
    std::vector<double> inputs;        ///< as uploaded, rounded to the type
    std::vector<unsigned char> bytes;  ///< the same, encoded
    std::vector<DeviceBuffer> buffers; ///< by copy, with room for strays behind
    bool isOutput() const {
      return array && array->use != ArrayArgument::Use::input;
    }
  };
  void upload(Array &entry, unsigned copy);
  std::vector<unsigned char> downloaded(const Array &entry) const;

  std::shared_ptr<Device> device_;
  TunableProgram program_;
  std::vector<Array> arrays_; ///< one an argument
  ArgumentValues right_;      ///< empty: not computed yet
  unsigned copies_ = 1;
};

} // namespace lath
