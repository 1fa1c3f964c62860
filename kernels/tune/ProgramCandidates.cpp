#include "kernels/tune/ProgramCandidates.h"

#include <algorithm>
#include <iterator>
#include <random>
#include <set>
#include <utility>

namespace lath {

namespace {

/// Combinations that are looked at; of a larger space every n-th.
constexpr std::size_t mostLookedAt = 1 << 20;

std::int64_t valueOf(const ProgramSpace::Dimension &dimension,
                     const ProgramChoice &choice) {
  return dimension.word ? dimension.word->get(choice.schedule)
                        : choice[dimension.key];
}

void setValue(const ProgramSpace::Dimension &dimension, ProgramChoice &choice,
              std::int64_t value) {
  if (dimension.word) {
    dimension.word->set(choice.schedule, static_cast<int>(value));
    return;
  }
  for (auto &[name, extent] : choice.extents)
    if (name == dimension.key)
      extent = value;
}

/// Moves choices to the front that have a value which none before them has.
void coverFirst(const ProgramSpace &space, std::vector<ProgramChoice> &choices,
                const ProgramChoice &usual) {
  std::set<std::pair<std::size_t, std::int64_t>> seen;
  auto adds = [&](const ProgramChoice &choice) {
    bool fresh = false;
    for (std::size_t d = 0; d < space.dimensions().size(); ++d)
      fresh |= seen.emplace(d, valueOf(space.dimensions()[d], choice)).second;
    return fresh;
  };
  adds(usual);
  std::vector<ProgramChoice> first, rest;
  for (ProgramChoice &choice : choices)
    (adds(choice) ? first : rest).push_back(std::move(choice));
  std::ranges::move(rest, std::back_inserter(first));
  choices = std::move(first);
}

} // namespace

ProgramCandidates candidatesOf(const TunableProgram &program,
                               const Target &target, std::size_t most,
                               std::uint64_t seed) {
  const ProgramSpace &space = program.space;
  const ProgramChoice usual = program.usualChoice();
  std::vector<ProgramChoice> allowed;
  const std::size_t step = space.size() / mostLookedAt + 1;
  for (std::size_t i = 0; i < space.size(); i += step) {
    ProgramChoice choice = space.at(i);
    if (choice != usual && refusal(program, choice, target).empty())
      allowed.push_back(std::move(choice));
  }
  ProgramCandidates candidates{{usual}, step == 1 && allowed.size() < most};
  if (!candidates.all) {
    std::mt19937_64 random(seed);
    std::shuffle(allowed.begin(), allowed.end(), random);
    coverFirst(space, allowed, usual);
    allowed.resize(std::min(allowed.size(), most - 1));
  }
  std::ranges::move(allowed, std::back_inserter(candidates.chosen));
  return candidates;
}

std::vector<ProgramChoice> neighbours(const TunableProgram &program,
                                      const Target &target,
                                      const ProgramChoice &choice) {
  std::vector<ProgramChoice> found;
  for (const ProgramSpace::Dimension &dimension : program.space.dimensions()) {
    const auto &values = dimension.values;
    const auto at = std::ranges::find(values, valueOf(dimension, choice));
    for (auto other = values.begin(); other != values.end(); ++other) {
      const bool isOption = dimension.word && !dimension.word->isNumber();
      if (other == at ||
          (!isOption && at != values.end() && std::abs(other - at) > 1))
        continue;
      ProgramChoice next = choice;
      setValue(dimension, next, *other);
      // A split comes with the usual reduction, and goes with it.
      if (dimension.word && dimension.word->is<&KernelSchedule::split>())
        for (const KernelWord &word : kernelWords())
          if (word.follows)
            word.set(next.schedule, word.follows(next.schedule));
      if (refusal(program, next, target).empty())
        found.push_back(std::move(next));
    }
  }
  return found;
}

} // namespace lath
