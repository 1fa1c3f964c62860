// Counters of one host thread, by instruction; merged when a launch ends.
#pragma once

#include "runtime/emulator/Counters.h"
#include "runtime/emulator/Machine.h"

#include <algorithm>
#include <span>
#include <vector>

namespace lath::emulator {

class ThreadCounters {
public:
  explicit ThreadCounters(const Launch &launch);

  void execute(std::int32_t pc) {
    ++by_[static_cast<std::size_t>(pc)].executed;
  }
  void retract(std::int32_t pc) {
    --by_[static_cast<std::size_t>(pc)].executed;
  }
  /// An access to memory with an active lane; what it touches comes apart.
  void access(const Instruction &i) { ++by_[i.statement].accesses; }
  /// `bytes` of global memory for each lane of the mask; `beforeWait`: by a
  /// warp that has not executed griddepcontrol.wait.
  void global(const Instruction &i, std::uint32_t mask,
              const std::uint64_t *addresses, unsigned bytes,
              const Buffer *buffer, bool writes, bool beforeWait);
  void shared(const Instruction &i, std::uint32_t mask,
              const std::uint64_t *addresses, unsigned bytes);
  /// Beside `global`, of a copy to shared memory: it asks for a sector once for
  /// each 32-byte piece of shared memory that it fills from it.
  void copied(const Instruction &i, std::uint32_t mask,
              const std::uint64_t *from, const std::uint64_t *to,
              unsigned bytes);
  /// An atomic operation in global memory.
  void atomics(const Instruction &i, std::uint32_t mask,
               const std::uint64_t *addresses, unsigned bytes,
               const Buffer *buffer);
  /// By the copy engine; `beforeWait` as of `global`.
  void bulk(const Buffer *buffer, std::uint64_t bytes, bool writes,
            bool beforeWait);
  void barrier() { ++barriers_; }
  void inFlight(unsigned groups, std::uint64_t bytes) {
    groups_ = std::max(groups_, groups);
    bytes_ = std::max(bytes_, bytes);
  }
  void block(unsigned warps) {
    ++blocks_;
    warps_ += warps;
  }

  void mergeInto(LaunchCounters &total) const;

private:
  /// Adds them to the instruction's, and returns them.
  std::uint64_t sectors(const Instruction &i, std::uint32_t mask,
                        const std::uint64_t *addresses, unsigned bytes);

  struct ByInstruction {
    std::uint64_t executed = 0, accesses = 0, bytes = 0;
    std::uint64_t sectors = 0, idealSectors = 0;
    std::uint64_t wavefronts = 0, idealWavefronts = 0;
    const Buffer *buffer = nullptr;
    unsigned width = 0;
  };
  struct ByBuffer {
    std::uint64_t bytesRead = 0, bytesWritten = 0, sectorsRead = 0,
                  sectorsWritten = 0, atomics = 0, bytesBeforeWait = 0;
  };
  const Launch &launch_;
  std::vector<ByInstruction> by_;
  std::map<const Buffer *, ByBuffer> buffers_;
  std::uint64_t atomics_ = 0, barriers_ = 0, blocks_ = 0, warps_ = 0,
                bytes_ = 0;
  unsigned groups_ = 0;
};

} // namespace lath::emulator
