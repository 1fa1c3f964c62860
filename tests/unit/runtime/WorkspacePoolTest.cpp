// Arenas by stream, on a device that only counts.
#include "runtime/WorkspacePool.h"

#include <catch2/catch.hpp>

#include <map>
#include <set>
#include <thread>

using namespace lath;

namespace {

class CountingDevice final : public Device {
public:
  const DeviceInfo &info() const override { return info_; }
  DevicePtr allocate(std::size_t bytes) override {
    std::lock_guard lock(mutex_);
    DevicePtr at = next_;
    next_ += bytes + 4096;
    held_[at] = bytes;
    return at;
  }
  void free(DevicePtr memory) noexcept override {
    std::lock_guard lock(mutex_);
    held_.erase(memory);
  }
  void upload(DevicePtr, const void *, std::size_t) override {}
  void download(void *, DevicePtr, std::size_t) override {}
  void fill(DevicePtr memory, unsigned char value, std::size_t bytes,
            Stream) override {
    std::lock_guard lock(mutex_);
    if (value == 0 && held_.at(memory) == bytes)
      zeroed_.insert(memory);
  }
  void synchronize() override { ++waits; }
  std::shared_ptr<const LoadedKernel> load(const Ptx &) override {
    return nullptr;
  }
  std::vector<double> timeGraph(const std::function<void(Stream)> &, int,
                                int) override {
    return {};
  }

  std::size_t held() {
    std::lock_guard lock(mutex_);
    return held_.size();
  }
  bool zeroed(DevicePtr memory) {
    std::lock_guard lock(mutex_);
    return zeroed_.contains(memory);
  }
  std::atomic<int> waits = 0;

private:
  DeviceInfo info_;
  std::mutex mutex_;
  DevicePtr next_ = 4096;
  std::map<DevicePtr, std::size_t> held_;
  std::set<DevicePtr> zeroed_;
};

Stream stream(std::uintptr_t number) {
  return reinterpret_cast<Stream>(number);
}

} // namespace

TEST_CASE("an arena grows, keeps its parts apart and is zero where it must be",
          "[runtime]") {
  auto device = std::make_shared<CountingDevice>();
  {
    WorkspacePool pool(device);
    pool.prepare(stream(16)); // nothing is required yet
    CHECK(device->held() == 0);
    const WorkspaceArena &small = pool.at(stream(16), {16, 0, 100});
    CHECK(small.bytes.tickets >= 16);
    CHECK(small.bytes.dirty >= 100);
    CHECK(small.zeroed == 0);
    CHECK(device->zeroed(small.tickets));
    CHECK(!device->zeroed(small.dirty));
    CHECK(&pool.at(stream(16), {8, 0, 50}) == &small);
    const WorkspaceArena &large = pool.at(stream(16), {16, 5000, 0});
    CHECK(&large != &small);
    CHECK(
        large.bytes.covers({16, 5000, 100})); // what was needed before as well
    CHECK(device->zeroed(large.zeroed));
    // The old one stays: a graph may hold it.
    CHECK(device->held() == 5);
    CHECK(device->waits == 0);
    pool.require({0, 0, 1 << 20});
    pool.prepare(stream(32));
    const WorkspaceArena &other = pool.at(stream(32), {16, 5000, 1 << 20});
    CHECK(other.tickets != large.tickets);
    CHECK(device->held() == 8);
  }
  CHECK(device->held() == 0);
}

TEST_CASE("threads that launch on streams get one arena a stream",
          "[runtime][threads]") {
  auto device = std::make_shared<CountingDevice>();
  WorkspacePool pool(device);
  constexpr int streams = 6;
  std::atomic<int> wrong = 0;
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 8; ++t)
      threads.emplace_back([&, t] {
        for (int i = 0; i < 500; ++i) {
          WorkspaceNeeds needs{64, std::size_t(i % 3) * 5000, 1000};
          const WorkspaceArena &arena =
              pool.at(stream(16 * (1 + (i + t) % streams)), needs);
          wrong += !arena.bytes.covers(needs);
        }
      });
  }
  CHECK(wrong == 0);
  std::set<DevicePtr> tickets;
  for (int s = 0; s < streams; ++s)
    tickets.insert(pool.at(stream(16 * (1 + s)), {64, 10000, 1000}).tickets);
  CHECK(tickets.size() == streams);
}
