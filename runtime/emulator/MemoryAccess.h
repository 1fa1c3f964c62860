// From the addresses of a warp's lanes to bytes on the host, with the checks
// that every access passes.
#pragma once

#include "runtime/emulator/Machine.h"

namespace lath::emulator {

/// Who touches memory: the threads themselves, or the copy and matrix engines
/// on their behalf.
enum class Proxy : std::uint8_t { generic, async };

/// Where the lanes of one warp instruction go.
struct Access {
  Space space = Space::global; ///< generic addresses are resolved
  std::uint32_t mask = 0;
  std::uint32_t duplicates =
      0;              ///< lanes that write what a lower lane writes there
  unsigned bytes = 0; ///< by each lane
  /// What a plain store to shared memory writes: `bytes` for each lane, active
  /// or not. Null where the access is none.
  const std::uint8_t *stored = nullptr;
  std::array<std::uint64_t, warpSize>
      address; ///< global, or offset in the space
  std::array<std::uint8_t *, warpSize> host;
  std::array<Buffer *, warpSize> buffer; ///< global
  std::array<Block *, warpSize> owner;   ///< shared: whose memory
};

/// Resolves `base` + `offset` for the lanes of `mask`. Ends the launch on an
/// address out of bounds or misaligned.
void resolve(Warp &w, const Instruction &i, std::uint32_t mask,
             const std::uint64_t *base, std::int64_t offset, Space space,
             unsigned bytes, Access &access);

/// Tells the checkers and counters of a plain read or write. Call before the
/// bytes move.
void noteRead(Warp &w, const Instruction &i, const Access &access);
void noteWrite(Warp &w, const Instruction &i, const Access &access);
/// The same for one lane's read or write of any length in global memory;
/// returns the host address.
std::uint8_t *globalRange(Warp &w, const Instruction &i, unsigned lane,
                          std::uint64_t address, std::size_t bytes,
                          bool writes);
/// The same for an asynchronous atomic update.
std::uint8_t *globalAtomicRange(Warp &w, const Instruction &i, unsigned lane,
                                std::uint64_t address, std::size_t bytes);
/// Bounds of a range of shared memory of block `owner`.
std::uint8_t *sharedRange(Warp &w, const Instruction &i, unsigned lane,
                          Block &owner, std::uint64_t offset, std::size_t bytes,
                          unsigned align);
/// The block and offset of a shared::cluster address.
Block &ownerOf(Warp &w, const Instruction &i, unsigned lane,
               std::uint64_t address);

/// Host loads and stores that other host threads may race with.
template <typename T> T loadAtomic(const std::uint8_t *from) {
  return __atomic_load_n(reinterpret_cast<const T *>(from), __ATOMIC_RELAXED);
}
template <typename T> void storeAtomic(std::uint8_t *to, T value) {
  __atomic_store_n(reinterpret_cast<T *>(to), value, __ATOMIC_RELAXED);
}
inline std::uint64_t loadElement(const std::uint8_t *from, unsigned bytes) {
  switch (bytes) {
  case 1:
    return loadAtomic<std::uint8_t>(from);
  case 2:
    return loadAtomic<std::uint16_t>(from);
  case 4:
    return loadAtomic<std::uint32_t>(from);
  default:
    return loadAtomic<std::uint64_t>(from);
  }
}
inline void storeElement(std::uint8_t *to, std::uint64_t value,
                         unsigned bytes) {
  switch (bytes) {
  case 1:
    return storeAtomic(to, static_cast<std::uint8_t>(value));
  case 2:
    return storeAtomic(to, static_cast<std::uint16_t>(value));
  case 4:
    return storeAtomic(to, static_cast<std::uint32_t>(value));
  default:
    return storeAtomic(to, value);
  }
}

} // namespace lath::emulator
