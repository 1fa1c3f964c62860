// Rotation, rounding and statistics, on a device that only counts.

#include <catch2/catch.hpp>

#include "runtime/ColdTimer.h"

#include <map>

using namespace lath;
using Catch::Matchers::Contains;

namespace {

/// A device that runs no kernel; the time of a replay is the number of
/// launches, plus the replay's number for the first candidate.
class CountingDevice final : public Device {
public:
  CountingDevice() { info_.l2Bytes = 1000; }
  const DeviceInfo &info() const override { return info_; }
  DevicePtr allocate(std::size_t) override { return 1; }
  void free(DevicePtr) noexcept override {}
  void upload(DevicePtr, const void *, std::size_t) override {}
  void download(void *, DevicePtr, std::size_t) override {}
  void fill(DevicePtr, unsigned char, std::size_t, Stream) override {}
  void synchronize() override {}
  std::shared_ptr<const LoadedKernel> load(const Ptx &) override {
    return nullptr;
  }
  std::vector<double> timeGraph(const std::function<void(Stream)> &work,
                                int warmups, int replays) override {
    launches = 0;
    work(nullptr);
    warmupsSeen.push_back(warmups);
    std::vector<double> micros;
    for (int i = 0; i < replays; ++i)
      micros.push_back(launches * double(++replay));
    return micros;
  }

  int launches = 0;
  int replay = 0;
  std::vector<int> warmupsSeen;

private:
  DeviceInfo info_;
};

} // namespace

TEST_CASE("a rotation set exceeds four times the L2", "[runtime]") {
  DeviceInfo info;
  info.l2Bytes = 1000;
  CHECK(coldCopies(info, 100) == 41);
  CHECK(coldCopies(info, 99) == 41);
  CHECK(coldCopies(info, 4001) == 2);
  info.l2Bytes = 60u << 20;
  CHECK(coldCopies(info, 8u << 20) == 31);
}

TEST_CASE("launches rotate over all copies, each as often", "[runtime]") {
  CountingDevice device;
  std::map<unsigned, int> seen;
  std::vector<unsigned> first;
  ColdCandidate candidate{"k", 41, 100, [&](Stream, unsigned copy) {
                            ++device.launches;
                            ++seen[copy];
                            if (first.size() < 43)
                              first.push_back(copy);
                          }};
  ColdTiming timing = timeCold(device, candidate);
  CHECK(timing.launches == 82); // 50, rounded up to two rotations
  CHECK(seen.size() == 41);
  for (auto [copy, times] : seen)
    CHECK(times == seen[0]);
  CHECK(first[0] == 0);
  CHECK(first[40] == 40);
  CHECK(first[41] == 0);
}

TEST_CASE("timings are per launch, with quantiles", "[runtime]") {
  CountingDevice device;
  ColdCandidate candidate{"k", 41, 100,
                          [&](Stream, unsigned) { ++device.launches; }};
  ColdTiming timing = timeCold(device, candidate, {.replays = 21});
  REQUIRE(timing.samples.size() == 21);
  CHECK(timing.min == Approx(1));
  CHECK(timing.p10 == Approx(3));
  CHECK(timing.median == Approx(11));
  CHECK(timing.p90 == Approx(19));
  CHECK(timing.max == Approx(21));
  CHECK(device.warmupsSeen.front() == 3);
}

TEST_CASE("candidates take turns", "[runtime]") {
  CountingDevice device;
  std::string order;
  auto named = [&](char name) {
    return ColdCandidate{{name}, 50, 100, [&, name](Stream, unsigned copy) {
                           ++device.launches;
                           if (copy == 0)
                             order += name;
                         }};
  };
  std::vector<ColdCandidate> candidates{named('a'), named('b'), named('c')};
  std::vector<ColdTiming> timings = timeCold(device, candidates);
  REQUIRE(timings.size() == 3);
  CHECK(order.substr(0, 12) == "abccbaabccba");
  for (const ColdTiming &timing : timings)
    CHECK(timing.samples.size() == 20);
  CHECK(timings[0].samples[0] == Approx(1));
  CHECK(timings[0].samples[1] == Approx(6));
}

TEST_CASE("a set that fits the cache is refused, with the numbers",
          "[runtime]") {
  CountingDevice device;
  ColdCandidate candidate{"warm", 40, 100, [](Stream, unsigned) {}};
  try {
    timeCold(device, candidate);
    FAIL("timed a set of exactly four times the L2");
  } catch (const Error &error) {
    CHECK(error.kind() == ErrorKind::invalidInput);
    CHECK_THAT(error.message(), Contains("'warm'") && Contains("4000"));
    CHECK(error.notes().front() == "take 41 copies");
  }
}

TEST_CASE("too few launches or replays are refused", "[runtime]") {
  CountingDevice device;
  ColdCandidate candidate{"k", 41, 100,
                          [&](Stream, unsigned) { ++device.launches; }};
  CHECK_THROWS_WITH(timeCold(device, candidate, {.launches = 49}),
                    Contains("50 launches, got 49"));
  CHECK_THROWS_WITH(timeCold(device, candidate, {.replays = 19}),
                    Contains("20 replays, got 19"));
  CHECK_THROWS_WITH(timeCold(device, candidate, {.warmups = 0}),
                    Contains("1 warm-ups, got 0"));
}
