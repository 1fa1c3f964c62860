// Protects: a workbench tells a right result from a wrong one, a missing one
// and one that goes too far, on a device that notices nothing itself.
#include "kernels/weights/Workbench.h"
#include "compiler/base/Half.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <limits>

using namespace lath;

namespace {

/// Host memory, and no kernels.
class HostDevice : public Device {
public:
  const DeviceInfo &info() const override { return info_; }
  DevicePtr allocate(std::size_t bytes) override {
    return bytes ? reinterpret_cast<DevicePtr>(new char[bytes]) : 0;
  }
  void free(DevicePtr memory) noexcept override { delete[] at(memory); }
  void upload(DevicePtr to, const void *from, std::size_t bytes) override {
    if (bytes)
      std::memcpy(at(to), from, bytes);
  }
  void download(void *to, DevicePtr from, std::size_t bytes) override {
    std::memcpy(to, at(from), bytes);
  }
  void fill(DevicePtr to, unsigned char value, std::size_t bytes,
            Stream) override {
    std::memset(at(to), value, bytes);
  }
  void synchronize() override {}
  std::shared_ptr<const LoadedKernel> load(const Ptx &) override {
    return nullptr;
  }
  std::vector<double> timeGraph(const std::function<void(Stream)> &, int,
                                int) override {
    return {};
  }

private:
  static char *at(DevicePtr memory) { return reinterpret_cast<char *>(memory); }
  DeviceInfo info_;
};

const GemmSpec spec{.m = 5, .n = 16, .k = 64, .group = 32};

/// Writes what a right kernel would, of m rows.
void compute(Workbench &bench, Device &device, std::int64_t m) {
  std::vector<std::uint16_t> out;
  for (std::int64_t i = 0; i < m * spec.n; ++i)
    out.push_back(toHalf(bench.reference()[i]));
  device.upload(bench.out.get(), out.data(), 2 * out.size());
}

} // namespace

TEST_CASE("a workbench knows right results, of all rows and of fewer") {
  auto device = std::make_shared<HostDevice>();
  Workbench bench(device, spec, 3);
  for (std::int64_t m : {5, 2}) {
    bench.poisonOutput(m);
    compute(bench, *device, m);
    GemmCheck check = bench.check(bench.result(), Reduce::ordered, m);
    CHECK(check.ok());
    CHECK(check.comparison.unwritten == 0);
    CHECK(check.strayWrites == 0);
    CHECK(check.bound == bound(Dtype::f16, Reduce::ordered));
  }
  // What a launch of two rows left is no result of five.
  GemmCheck check = bench.check(bench.result(), Reduce::ordered);
  CHECK_FALSE(check.ok());
  CHECK(check.comparison.unwritten == 3 * spec.n);
}

TEST_CASE("a workbench finds wrong elements and writes behind the last row") {
  auto device = std::make_shared<HostDevice>();
  Workbench bench(device, spec, 3);
  bench.poisonOutput();
  compute(bench, *device, spec.m);
  std::vector<std::uint16_t> result = bench.result();
  REQUIRE(result.size() == static_cast<std::size_t>((spec.m + 1) * spec.n));

  std::vector<std::uint16_t> stray = result;
  stray[spec.m * spec.n + 7] = 0;
  GemmCheck check = bench.check(stray, Reduce::ordered);
  CHECK_FALSE(check.ok());
  CHECK(check.strayWrites == 1);
  CHECK(check.comparison.relativeFrobenius <= check.bound);

  std::vector<std::uint16_t> wrong = result;
  wrong[2 * spec.n + 3] ^= 0x8000;
  check = bench.check(wrong, Reduce::ordered);
  CHECK_FALSE(check.ok());
  CHECK(check.comparison.worstRow == 2);
  CHECK(check.comparison.worstColumn == 3);
}

TEST_CASE("copies of a workbench's weights hold the same") {
  auto device = std::make_shared<HostDevice>();
  GemmSpec zeros = spec;
  zeros.zeros = Zeros::v2;
  Workbench bench(device, zeros, 3);
  bench.makeCopies(3);
  bench.makeCopies(2);
  REQUIRE(bench.copies().size() == 3);
  CHECK(bench.weights().bytes() == 4 * bench.layer.qweight.size() +
                                       2 * bench.layer.scales.size() +
                                       4 * bench.layer.qzeros.size());
  for (unsigned copy : {0u, 2u}) {
    GemmArguments a = bench.arguments(4, copy);
    CHECK(a.m == 4);
    CHECK(a.x != 0);
    CHECK(a.out == bench.out.get());
    CHECK(a.qweight == bench.copies()[copy]["qweight"].get());
    std::vector<std::uint32_t> words(bench.words.size()),
        points(bench.layer.qzeros.size());
    device->download(words.data(), a.qweight, 4 * words.size());
    device->download(points.data(), a.qzeros, 4 * points.size());
    CHECK(words == bench.words);
    CHECK(points == bench.layer.qzeros);
  }
}
