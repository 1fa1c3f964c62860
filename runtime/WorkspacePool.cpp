// Making arenas.

#include "runtime/WorkspacePool.h"

#include <algorithm>
#include <bit>

namespace lath {

/// The driver's handles for the default streams. The legacy one has two names;
/// the per-thread one is another stream in each thread.
static Stream legacyStream() { return reinterpret_cast<Stream>(1); }
static Stream perThreadStream() { return reinterpret_cast<Stream>(2); }

static WorkspaceNeeds larger(const WorkspaceNeeds &a, const WorkspaceNeeds &b) {
  return {std::max(a.tickets, b.tickets), std::max(a.zeroed, b.zeroed),
          std::max(a.dirty, b.dirty)};
}

WorkspacePool::~WorkspacePool() {
  for (DevicePtr memory : memory_)
    device_->free(memory);
}

void WorkspacePool::require(const WorkspaceNeeds &needs) {
  std::lock_guard lock(mutex_);
  required_ = larger(required_, needs);
}

void WorkspacePool::prepare(Stream stream) {
  WorkspaceNeeds needs;
  {
    std::lock_guard lock(mutex_);
    needs = required_;
  }
  if (!needs.none())
    at(stream, needs);
}

DevicePtr WorkspacePool::take(Stream stream, std::size_t bytes, bool zero) {
  if (!bytes)
    return 0;
  DevicePtr memory = device_->allocateOn(stream, bytes);
  memory_.push_back(memory);
  if (zero)
    device_->fill(memory, 0, bytes, stream);
  return memory;
}

const WorkspaceArena &WorkspacePool::grow(Stream stream,
                                          const WorkspaceNeeds &needs) {
  if (stream == perThreadStream())
    throw Error(ErrorKind::invalidInput,
                "the per-thread default stream is another stream in each "
                "thread and has no workspace of its own",
                {"launch on a stream of your own, or give a workspace"});
  if (stream == legacyStream())
    return at(nullptr, needs);
  std::lock_guard lock(mutex_);
  Slot *slot = slots_.load(std::memory_order_relaxed);
  while (slot && slot->stream != stream)
    slot = slot->next;
  const WorkspaceArena *old = slot ? slot->arena.load() : nullptr;
  if (old && old->bytes.covers(needs))
    return *old; // another thread was faster
  if (device_->capturing(stream))
    throw Error(ErrorKind::notPrepared,
                "a stream that is being captured has no workspace for this "
                "kernel",
                {"call Engine::prepareStream before the capture, after the "
                 "kernels are prepared, or give a workspace"});
  required_ = larger(required_, needs);
  // Rounded up, so that a sequence of kernels, each larger than the last, makes
  // few arenas.
  auto rounded = [](std::size_t bytes) {
    return bytes ? std::bit_ceil(std::max<std::size_t>(bytes, 4096)) : 0;
  };
  auto arena = std::make_unique<WorkspaceArena>();
  arena->bytes = {rounded(required_.tickets), rounded(required_.zeroed),
                  rounded(required_.dirty)};
  memory_.reserve(memory_.size() + 3);
  arena->tickets = take(stream, arena->bytes.tickets, true);
  arena->zeroed = take(stream, arena->bytes.zeroed, true);
  arena->dirty = take(stream, arena->bytes.dirty, false);
  const WorkspaceArena *made = arena.get();
  arenas_.push_back(std::move(arena));
  if (!slot) {
    slot = ownedSlots_.emplace_back(std::make_unique<Slot>()).get();
    slot->stream = stream;
    slot->next = slots_.load(std::memory_order_relaxed);
    slot->arena.store(made, std::memory_order_relaxed);
    slots_.store(slot, std::memory_order_release);
  } else {
    slot->arena.store(made, std::memory_order_release);
  }
  return *made;
}

} // namespace lath
