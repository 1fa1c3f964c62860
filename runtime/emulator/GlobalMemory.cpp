#include "runtime/emulator/GlobalMemory.h"

namespace lath::emulator {

std::uint64_t GlobalMemory::allocate(std::size_t bytes) {
  auto buffer = std::make_shared<Buffer>();
  buffer->bytes = bytes;
  buffer->data = std::make_unique<std::uint8_t[]>(bytes);
  buffer->written = std::make_unique<std::uint8_t[]>(bytes);
  std::lock_guard lock(mutex_);
  buffer->base = next_;
  constexpr std::uint64_t apart = 1ull << 32;
  next_ += (bytes + apart - 1) / apart * apart + apart;
  std::uint64_t base = buffer->base;
  buffers_.emplace(base, std::move(buffer));
  return base;
}

void GlobalMemory::free(std::uint64_t base) noexcept {
  std::lock_guard lock(mutex_);
  buffers_.erase(base);
}

std::vector<std::shared_ptr<Buffer>> GlobalMemory::table() const {
  std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<Buffer>> result;
  for (const auto &[base, buffer] : buffers_)
    result.push_back(buffer);
  return result;
}

std::shared_ptr<Buffer> GlobalMemory::find(std::uint64_t address,
                                           std::size_t bytes) const {
  std::lock_guard lock(mutex_);
  auto after = buffers_.upper_bound(address);
  if (after == buffers_.begin())
    return nullptr;
  const auto &buffer = std::prev(after)->second;
  return buffer->contains(address, bytes) ? buffer : nullptr;
}

} // namespace lath::emulator
