// A kernel that can be executed: instructions with a function each, operands
// as slots. Built once by decode(), read by all threads.
#pragma once

#include "runtime/emulator/Module.h"
#include "runtime/emulator/Validity.h"

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace lath::emulator {

constexpr unsigned warpSize = 32;
constexpr std::uint32_t allLanes = ~0u;

/// One register of a warp: a value for each lane, zero above its width.
/// Predicates are 0 or 1.
struct alignas(64) Lanes {
  std::uint64_t v[warpSize];
};

class Warp;
struct Instruction;

/// Executes one instruction for the lanes of `mask`, which is not empty unless
/// the instruction is Instruction::always.
using Handler = void (*)(Warp &warp, const Instruction &i, std::uint32_t mask);

/// What an instruction counts as.
enum class Kind : std::uint8_t {
  move,
  integer,
  logic,
  floating,
  half,
  convert,
  compare,
  control,
  parameterLoad,
  globalLoad,
  globalStore,
  sharedLoad,
  sharedStore,
  localAccess,
  asyncCopy,
  asyncWait,
  bulkCopy,
  atomic,
  barrier,
  mbarrier,
  fence,
  warpWide,
  matrixLoad,
  matrixStore,
  mma,
  wgmma,
  other,
};
constexpr unsigned kindCount = static_cast<unsigned>(Kind::other) + 1;
const char *name(Kind kind);

enum class Space : std::uint8_t {
  generic,
  global,
  shared,
  cluster,
  local,
  param
};

/// The memory_order of an access, as far as it matters to the checks.
enum class Order : std::uint8_t { weak, relaxed, acquire, release, acqRel };

struct Instruction {
  Handler run = nullptr;
  std::int32_t guard = -1; ///< predicate slot
  bool guardNegated = false;
  Validity validity = Validity::whole;
  bool collective = false; ///< all lanes that are alive must be here
  bool wholeWarp = false;  ///< and the warp must have 32
  bool branches = false;   ///< sets the warp's next instruction itself
  Kind kind = Kind::other;
  Type type = Type::none, from = Type::none;
  Space space = Space::generic;
  Order order = Order::weak;
  std::uint8_t width = 1;    ///< vector elements
  std::uint8_t rounding = 0; ///< Rounding of Arithmetic.h
  std::uint8_t mode = 0;     ///< the family's own
  std::uint8_t flags = 0;    ///< the family's own
  std::uint32_t outs = 0, ins = 0;
  std::uint32_t operands = 0; ///< first of outs + ins slots in Program::slots
  std::int32_t target = -1;   ///< branch
  std::int32_t join = -1;  ///< where a divergent branch reconverges; -1: exit
  std::int64_t offset = 0; ///< added to an address
  std::uint64_t immediate = 0;
  std::uint32_t statement = 0; ///< index in Module::statements
};

struct Program {
  Module module;
  std::vector<Instruction> code;
  std::vector<std::int32_t> slots;
  /// Slots from module.registers.size() on are constants.
  std::vector<Lanes> constants;
  std::uint32_t dynamicSharedOffset = 0; ///< where the extern array begins
  unsigned registersAtEntry = 0;         ///< a thread; 0: nothing bounds them
  unsigned granuleBytes = 2; ///< 1 where single bytes are accessed: races are
                             ///< looked for in so fine grains
  bool usesClusters = false;
  bool usesMatrixUnits = false; ///< has wgmma
  bool waitsForGrids = false;   ///< has griddepcontrol.wait
};

/// Where shared memory begins: as on sm_90, the first KiB belongs to the
/// system, and so 0 is no address of a variable.
constexpr std::uint32_t sharedBase = 1024;

/// Decodes every instruction. Throws Error{unsupported} that quotes the first
/// one outside the set, Error{compile} on operands that do not fit.
std::shared_ptr<const Program> decode(Module module);

} // namespace lath::emulator
