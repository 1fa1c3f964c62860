#include "compiler/ir/MatrixAccess.h"

#include <algorithm>
#include <bit>

namespace lath::tile {

std::optional<MatrixAccess> matrixAccess(const Memory &memory,
                                         const Layout &units,
                                         const LinearMap &toOffset) {
  if (memory.unitBytes > 4 || memory.holdsCodes())
    return std::nullopt;
  const unsigned wordBits = std::countr_zero(4 / memory.unitBytes),
                 rowUnits = 16 / memory.unitBytes;
  const Bases &registers = units.bases(Place::Register),
              &lanes = units.bases(Place::Lane);
  if (registers.size() < wordBits)
    return std::nullopt;
  // The places of a word's units and of a row's words; of a matrix's rows.
  Bases word(registers.begin(), registers.begin() + wordBits);
  word.insert(word.end(), lanes.begin(), lanes.begin() + 2);
  Bases eight(lanes.begin() + 2, lanes.end());
  auto isRow = [&](const Bases &bases) {
    for (unsigned i = 0; i < bases.size(); ++i)
      if (toOffset(bases[i]) != 1u << i)
        return false;
    return true;
  };
  const bool transposed = wordBits == 1 && isRow(eight);
  if (!transposed && !isRow(word))
    return std::nullopt;
  const Bases rows = transposed ? word : eight;
  Bases starts = rows;
  starts.insert(starts.end(), registers.begin() + wordBits, registers.end());
  starts.insert(starts.end(), units.bases(Place::Warp).begin(),
                units.bases(Place::Warp).end());
  if (!std::all_of(starts.begin(), starts.end(), [&](std::uint32_t basis) {
        return toOffset(basis) % rowUnits == 0;
      }))
    return std::nullopt;
  MatrixAccess access{transposed,
                      std::min<unsigned>(2, registers.size() - wordBits),
                      wordBits, units};
  Bases &pointerLanes = access.pointers.bases(Place::Lane),
        &repetitions = access.pointers.bases(Place::Register);
  pointerLanes = rows;
  for (unsigned i = 0; i < 2; ++i)
    pointerLanes.push_back(i < access.bits ? registers[wordBits + i] : 0);
  repetitions.assign(registers.begin() + wordBits + access.bits,
                     registers.end());
  return access;
}

} // namespace lath::tile
