// A program of one's own that may be built and scheduled in several ways, with
// what it takes to run it: its arguments, and what comes out in fp64. Tests,
// timing, tuning and the command run any of them without knowing which.
//
//   TunableProgram add{
//       .name = "vector_add",
//       .problem = "n=1000000,dtype=f16",
//       .space = ProgramSpace("tile=512|1024|2048 w=2|4|8"),
//       .usual = "tile1024w4",
//       .build = [](const ProgramChoice &c) { return vectorAdd(c["tile"]); },
//       .grid = [](const ProgramChoice &c) { return ...; }};
#pragma once

#include "compiler/base/Dtype.h"
#include "compiler/dsl/Program.h"
#include "kernels/programs/ProgramSpace.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace lath {

/// An array that a program takes.
struct ArrayArgument {
  enum class Use { input, output, both };
  std::string_view name;
  Dtype dtype;
  Shape shape;
  Use use = Use::input;
  /// Inputs: uniform in [low, high), whole numbers for integers; or these.
  double low = -1, high = 1;
  std::vector<double> values = {};
};

/// A number that it takes, of the parameter's type.
struct NumberArgument {
  std::string_view name;
  double value;
};

/// fp64 values of each array argument, in order; numbers have empty entries.
using ArgumentValues = std::vector<std::vector<double>>;

/// Blocks of a launch; the split of K comes on top, on axis 2.
using ProgramGrid = std::array<unsigned, 3>;

/// Plain data and functions of it. The functions are called from several
/// threads at a time while candidates are compiled.
struct TunableProgram {
  std::string name = {}; ///< of the program, and so of the kernel
  /// What it was built for and is timed with: "rows=4096,columns=1000". With
  /// the name its key in the tuning database.
  std::string problem = {};
  ProgramSpace space;
  /// The choice of who has not tuned, over the first value of each extent.
  std::string usual;
  std::function<std::unique_ptr<Program>(const ProgramChoice &)> build;
  std::function<ProgramGrid(const ProgramChoice &)> grid;
  /// Whether extents and words go together; not asked where empty.
  std::function<bool(const ProgramChoice &)> fits = {};

  /// In the order of the program's parameters.
  std::vector<std::variant<NumberArgument, ArrayArgument>> arguments = {};
  /// Computes the outputs from the inputs. Empty: the usual choice's outputs
  /// are what others are compared with.
  std::function<void(ArgumentValues &)> reference = {};
  /// Largest error of an output, as a norm relative to the right one, in units
  /// of its type's rounding (2^-11 for f16 and integers); 0: bit for bit.
  double bound = 2;
  double flops = 0; ///< of floating point, for rates
  double bytes = 0; ///< that have to be read and written

  ProgramChoice usualChoice() const { return space.parse(usual); }
};

/// Why this program is not built and scheduled so for the target; empty: it is.
LATH_API std::string refusal(const TunableProgram &program,
                             const ProgramChoice &choice, const Target &target);

} // namespace lath
