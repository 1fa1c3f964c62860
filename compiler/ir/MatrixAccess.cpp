#include "compiler/ir/MatrixAccess.h"

#include <algorithm>

namespace lath::tile {

std::optional<MatrixAccess> matrixAccess(const Memory &memory,
                                         const Layout &units,
                                         const LinearMap &toOffset) {
  if (memory.unitBytes != 2 || memory.holdsCodes())
    return std::nullopt;
  const Bases &registers = units.bases(Place::Register),
              &lanes = units.bases(Place::Lane);
  if (registers.empty())
    return std::nullopt;
  const Bases pair{registers[0], lanes[0], lanes[1]},
      eight{lanes[2], lanes[3], lanes[4]};
  auto isRow = [&](const Bases &bases) {
    for (unsigned i = 0; i < 3; ++i)
      if (toOffset(bases[i]) != 1u << i)
        return false;
    return true;
  };
  const bool transposed = isRow(eight);
  if (!transposed && !isRow(pair))
    return std::nullopt;
  Bases starts = transposed ? pair : eight;
  starts.insert(starts.end(), registers.begin() + 1, registers.end());
  starts.insert(starts.end(), units.bases(Place::Warp).begin(),
                units.bases(Place::Warp).end());
  if (!std::all_of(starts.begin(), starts.end(), [&](std::uint32_t basis) {
        return toOffset(basis) % 8 == 0;
      }))
    return std::nullopt;
  MatrixAccess access{transposed, std::min<unsigned>(2, registers.size() - 1),
                      units};
  Bases &pointerLanes = access.pointers.bases(Place::Lane),
        &repetitions = access.pointers.bases(Place::Register);
  pointerLanes = transposed ? pair : eight;
  for (unsigned i = 0; i < 2; ++i)
    pointerLanes.push_back(i < access.bits ? registers[1 + i] : 0);
  repetitions.assign(registers.begin() + 1 + access.bits, registers.end());
  return access;
}

} // namespace lath::tile
