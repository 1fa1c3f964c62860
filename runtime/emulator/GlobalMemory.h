// Device memory: allocations with bounds, names and a shadow that knows which
// bytes were ever written.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace lath::emulator {

struct Buffer {
  std::uint64_t base = 0;
  std::size_t bytes = 0;
  std::unique_ptr<std::uint8_t[]> data;
  /// One byte for each: 0 until it is written, then `filled` (by a fill, with
  /// a poison mostly) or `defined`. Kernels only ever make them defined.
  static constexpr std::uint8_t defined = 1, filled = 2;
  std::unique_ptr<std::uint8_t[]> written;
  /// Serial numbers of the last launches that wrote and read it.
  std::atomic<std::uint64_t> writtenBy{0}, readBy{0};

  std::uint8_t *at(std::uint64_t address) const {
    return data.get() + (address - base);
  }
  bool contains(std::uint64_t address, std::size_t count) const {
    return address >= base && address - base <= bytes &&
           count <= bytes - (address - base);
  }
};

/// All allocations. Allocating and freeing are thread safe; a launch works on
/// the table it took when it started.
class GlobalMemory {
public:
  std::uint64_t allocate(std::size_t bytes);
  void free(std::uint64_t base) noexcept;
  /// Buffers by address; they stay alive while the table does.
  std::vector<std::shared_ptr<Buffer>> table() const;
  /// The buffer that holds these bytes; null if none does.
  std::shared_ptr<Buffer> find(std::uint64_t address, std::size_t bytes) const;

private:
  mutable std::mutex mutex_;
  std::map<std::uint64_t, std::shared_ptr<Buffer>> buffers_;
  /// Buffers lie 4 GiB apart, so that a wild index finds nobody else's, and
  /// above 2^40, so that an address cut to 32 bits is none.
  std::uint64_t next_ = 1ull << 40;
};

} // namespace lath::emulator
