// Which ways there are to build and schedule a program: the extents of its
// tiles, which C++ builds it with, and words of its schedule, each with the
// values that are worth trying.
//
//   ProgramSpace space("bm=64|128 bn=64|128 bk=32|64 w=4|8 st=2|3|4");
//   ProgramChoice choice = space.parse("bm128bn64w8st3"); // bk is 32
//   choice["bm"], choice.schedule.warps
//
// A choice as text has the shape of a GEMM's schedule: numbers, then options.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/base/Schedule.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lath {

/// A value of each extent, and a schedule.
struct LATH_API ProgramChoice {
  std::vector<std::pair<std::string, std::int64_t>> extents;
  KernelSchedule schedule;

  /// Throws Error{invalidProgram} where the space has no such extent.
  std::int64_t operator[](std::string_view extent) const;
  bool operator==(const ProgramChoice &) const = default;
};

/// "bm128bn64bk32w8st3s1,mma=warpgroup": all extents, then the words as a
/// schedule's text has them. ProgramSpace::parse reads it back.
LATH_API std::string print(const ProgramChoice &choice);

class LATH_API ProgramSpace {
public:
  /// One extent or word with its values, those of an option by their numbers.
  struct Dimension {
    std::string key;
    const KernelWord *word; ///< null: an extent
    std::vector<std::int64_t> values;
  };

  /// What suits any program: warps and stages.
  ProgramSpace();
  /// "bm=64|128 w=4|8 mma=warp|warpgroup": a key that is no word of a schedule
  /// is an extent, of positive values. Throws Error{invalidProgram} for text of
  /// another shape, and values that a word does not have.
  explicit ProgramSpace(std::string_view text);

  const std::vector<Dimension> &dimensions() const { return dimensions_; }
  /// The text that it was made from, blanks normalised.
  std::string text() const;

  /// Combinations of all values, contradictory ones among them.
  std::size_t size() const;
  /// The combination of that number; words that are no dimensions are as in a
  /// schedule's text that leaves them out.
  ProgramChoice at(std::size_t number) const;

  /// Reads the text of a choice. Extents, warps, stages and the split that it
  /// leaves out are those of `missing`. Throws Error{invalidSpec} that names
  /// what is wrong and the nearest that there is: an extent or a word, or a
  /// value that an extent does not have here or a word nowhere.
  ProgramChoice parse(std::string_view text,
                      const ProgramChoice &missing) const;
  /// Missing ones are the first of each extent, and a schedule's own defaults.
  ProgramChoice parse(std::string_view text) const;

private:
  void checkExtents(const ProgramChoice &choice, std::string_view text) const;

  std::vector<Dimension> dimensions_;
};

/// Why the words of a choice contradict each other, or ask for what the target
/// does not have; empty: they do not.
LATH_API std::string refusal(const ProgramChoice &choice, const Target &target);

} // namespace lath
