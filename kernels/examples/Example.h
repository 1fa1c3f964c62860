// One example as a record: a tunable program for any sizes and type.
#pragma once

#include "kernels/programs/TunableProgram.h"

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
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

struct Example {
  std::string_view name;    ///< of the program, and so of the kernel
  std::string_view formula; ///< "c[i] = a[i] + b[i]"
  ExampleSizes sizes;       ///< that it takes, and usual ones
  TunableProgram (*make)(const ExampleSizes &, Dtype);

  /// For these sizes and this type of its arrays, with its name and
  /// "rows=4096,columns=1000,dtype=f16".
  TunableProgram problem(const ExampleSizes &sizes, Dtype dtype) const;
};

/// Whether a tile of so many elements is not too much for the registers of the
/// choice's warps, nor less than a thread of them has to do.
bool elementsFit(std::int64_t elements, const ProgramChoice &choice);

/// ceil(extent / tile), as an extent of a grid.
unsigned tilesOf(std::int64_t extent, std::int64_t tile);
/// The least power of two that is no less, and `least` at least.
std::int64_t tileExtent(std::int64_t extent, std::int64_t least = 1);
/// The largest power of two up to 16 that divides `extent`: what a launch may
/// promise of it.
std::int64_t promised(std::int64_t extent);

} // namespace lath
