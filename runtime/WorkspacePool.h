// Scratch memory of kernels whose blocks share a sum: one arena a stream.
//
// Launches on one stream run one after the other, so they share one arena,
// whatever kernels they are of; launches on two streams never do. An arena has
// three parts, because kernels leave them in different states: tickets and the
// sums of atomic splits are zero between launches, those of ordered splits are
// not.
//
// Arenas come from the device's stream-ordered allocator, so that taking one
// waits for nothing, and stay until the pool goes: a captured graph may hold
// their addresses. One that has become too small is replaced by one of at least
// twice the size.
#pragma once

#include "runtime/Device.h"

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace lath {

/// Bytes of each part.
struct WorkspaceNeeds {
  std::size_t tickets = 0; ///< zero between launches
  std::size_t zeroed = 0;  ///< zero between launches
  std::size_t dirty = 0;   ///< anything between launches

  bool none() const { return !tickets && !zeroed && !dirty; }
  bool covers(const WorkspaceNeeds &other) const {
    return tickets >= other.tickets && zeroed >= other.zeroed &&
           dirty >= other.dirty;
  }
};

/// The scratch memory of one stream.
struct WorkspaceArena {
  DevicePtr tickets = 0, zeroed = 0, dirty = 0;
  WorkspaceNeeds bytes;
};

/// Thread safe. Keeps its device alive.
class WorkspacePool {
public:
  explicit WorkspacePool(std::shared_ptr<Device> device)
      : device_(std::move(device)) {}
  WorkspacePool(const WorkspacePool &) = delete;
  WorkspacePool &operator=(const WorkspacePool &) = delete;
  /// Waits for the device where the driver frees no other way.
  ~WorkspacePool();

  /// Arenas that are made from now on have room for this as well.
  void require(const WorkspaceNeeds &needs);

  /// The arena of a stream, with room for `needs`. Where there is one it takes
  /// no lock and calls nothing. Otherwise it is allocated and cleared in stream
  /// order: Error{notPrepared} while the stream is captured, Error{driver}.
  /// Error{invalidInput} for CU_STREAM_PER_THREAD, which is many streams.
  const WorkspaceArena &at(Stream stream, const WorkspaceNeeds &needs) {
    for (Slot *slot = slots_.load(std::memory_order_acquire); slot;
         slot = slot->next)
      if (slot->stream == stream) {
        const WorkspaceArena *arena =
            slot->arena.load(std::memory_order_acquire);
        if (arena && arena->bytes.covers(needs))
          return *arena;
        break;
      }
    return grow(stream, needs);
  }

  /// Makes the arena of a stream, with room for everything required so far.
  void prepare(Stream stream);

private:
  struct Slot {
    Stream stream;
    std::atomic<const WorkspaceArena *> arena = nullptr;
    Slot *next = nullptr;
  };

  const WorkspaceArena &grow(Stream stream, const WorkspaceNeeds &needs);
  DevicePtr take(Stream stream, std::size_t bytes, bool zero);

  std::shared_ptr<Device> device_;
  std::mutex mutex_; ///< guards what follows
  WorkspaceNeeds required_;
  std::vector<std::unique_ptr<Slot>> ownedSlots_;
  std::vector<std::unique_ptr<WorkspaceArena>> arenas_; ///< all ever made
  std::vector<DevicePtr> memory_;
  std::atomic<Slot *> slots_ = nullptr; ///< read without the mutex; only grows
};

} // namespace lath
