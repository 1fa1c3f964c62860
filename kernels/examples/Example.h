// One example as a record: its program, what a launch of it needs, and what
// comes out in fp64, so that tests, timing, tuning and the command run any of
// them without knowing which.
#pragma once

#include "compiler/Compile.h"
#include "compiler/dsl/Program.h"

#include <array>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace lath {

/// Sizes of a problem by name: "rows=4096,columns=1000".
class ExampleSizes {
public:
  using Entry = std::pair<std::string, std::int64_t>;
  ExampleSizes(std::initializer_list<Entry> sizes) : sizes_(sizes) {}
  explicit ExampleSizes(std::vector<Entry> sizes) : sizes_(std::move(sizes)) {}

  /// Throws Error{invalidSpec} where there is none of that name.
  std::int64_t operator[](std::string_view name) const;
  const std::vector<Entry> &entries() const { return sizes_; }

private:
  std::vector<Entry> sizes_;
};

/// "rows=4096,columns=1000" over the sizes of `defaults`. Throws
/// Error{invalidSpec} for a name that they lack and for numbers below 1.
ExampleSizes parseSizes(std::string_view text, const ExampleSizes &defaults);
std::string print(const ExampleSizes &sizes);

/// An array argument.
struct ExampleArray {
  enum class Use { input, output, both };
  std::string_view name;
  Dtype dtype;
  Shape shape;
  Use use = Use::input;
  /// Inputs: uniform in [low, high), whole numbers for integers; or these.
  double low = -1, high = 1;
  std::vector<double> values = {};
};

/// A number argument, of the parameter's type.
struct ExampleNumber {
  std::string_view name;
  double value;
};

/// fp64 values of each array argument, in order; numbers have empty entries.
using ExampleValues = std::vector<std::vector<double>>;

/// One problem: a program for some sizes, a launch of it, and the right result.
struct ExampleProblem {
  std::unique_ptr<Program> program;
  KernelSchedule schedule; ///< one that suits it
  std::array<unsigned, 3> grid;
  /// In the order of the program's parameters.
  std::vector<std::variant<ExampleNumber, ExampleArray>> arguments;
  /// Computes the outputs from the inputs.
  std::function<void(ExampleValues &)> reference;
  /// Largest error of an output, as a norm relative to the right one, in units
  /// of its type's rounding (2^-11 for f16 and integers); 0: bit for bit.
  double bound = 2;
  double flops = 0; ///< of floating point, for rates
  double bytes = 0; ///< that have to be read and written
};

struct Example {
  std::string_view name;    ///< of the program, and so of the kernel
  std::string_view formula; ///< "c[i] = a[i] + b[i]"
  ExampleSizes sizes;       ///< that it takes, and usual ones
  ExampleProblem (*problem)(const ExampleSizes &, Dtype);
};

/// ceil(extent / tile), as an extent of a grid.
unsigned tilesOf(std::int64_t extent, std::int64_t tile);
/// The least power of two that is no less, and `least` at least.
std::int64_t tileExtent(std::int64_t extent, std::int64_t least = 1);
/// The largest power of two up to 16 that divides `extent`: what a launch may
/// promise of it.
std::int64_t promised(std::int64_t extent);
KernelSchedule scheduleOf(int warps, int stages = 1);

} // namespace lath
