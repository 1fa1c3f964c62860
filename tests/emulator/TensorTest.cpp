// Protects: TMA tensor copies put each element of a box where the ISA says,
// fill what lies outside with zeros, and land when their mbarrier says so.
#include "tests/emulator/Ptx.h"
#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>
#include <fmt/format.h>

using namespace lath;
using namespace lath::test;

namespace {

using Halves = std::vector<std::uint16_t>;

/// A tensor of 16-bit elements and one box of it.
struct Box {
  unsigned rank;
  std::array<std::uint64_t, 3> extents;
  std::array<std::uint32_t, 3> box;
  std::array<int, 3> at;
  TensorSwizzle swizzle = TensorSwizzle::none;

  /// Elements from one row, one plane to the next: 16-byte rows, with a gap.
  std::uint64_t pitch() const { return (extents[0] + 7) / 8 * 8 + 8; }
  std::uint64_t plane() const { return pitch() * (rank > 1 ? extents[1] : 1); }
  std::size_t elements() const { return plane() * (rank > 2 ? extents[2] : 1); }
  unsigned bytes() const {
    return 2 * box[0] * (rank > 1 ? box[1] : 1) * (rank > 2 ? box[2] : 1);
  }
  TensorMap map(DevicePtr address) const {
    TensorMap m;
    m.address = address;
    m.rank = rank;
    m.elementBytes = 2;
    for (unsigned d = 0; d < rank; ++d) {
      m.extents[d] = extents[d];
      m.box[d] = box[d];
    }
    m.strides = {2 * pitch(), 2 * plane()};
    m.swizzle = swizzle;
    return m;
  }
  std::string coordinates() const {
    std::string text = std::to_string(at[0]);
    for (unsigned d = 1; d < rank; ++d)
      text += ", " + std::to_string(at[d]);
    return text;
  }
  /// body(element of the tensor or -1, byte in shared memory) for the box.
  template <typename Body> void each(const Body &body) const {
    unsigned row = 0;
    for (unsigned z = 0; z < (rank > 2 ? box[2] : 1); ++z)
      for (unsigned y = 0; y < (rank > 1 ? box[1] : 1); ++y, ++row)
        for (unsigned x = 0; x < box[0]; ++x) {
          std::array<std::int64_t, 3> i{at[0] + std::int64_t{x},
                                        rank > 1 ? at[1] + std::int64_t{y} : 0,
                                        rank > 2 ? at[2] + std::int64_t{z} : 0};
          bool inside = true;
          for (unsigned d = 0; d < rank; ++d)
            inside &= i[d] >= 0 && i[d] < std::int64_t(extents[d]);
          unsigned byte = 2 * (row * box[0] + x);
          unsigned bits = (1u << static_cast<unsigned>(swizzle)) - 1;
          body(inside ? i[0] + i[1] * std::int64_t(pitch()) +
                            i[2] * std::int64_t(plane())
                      : -1,
               byte ^ (byte >> 7 & bits) << 4);
        }
  }
};

// A box starts at a multiple of eight elements, 16 bytes, of a row; extents
// need not be such multiples.
const Box boxes[] = {
    {1, {200}, {64}, {24}},
    {1, {197}, {64}, {168}},
    {1, {200}, {64}, {-16}},
    {2, {40, 12}, {32, 8}, {8, 2}},
    {2, {37, 12}, {32, 8}, {24, 7}},
    {2, {40, 12}, {32, 8}, {-8, -2}},
    {2, {40, 12}, {16, 8}, {8, 0}, TensorSwizzle::bytes32},
    {2, {39, 12}, {32, 8}, {16, 5}, TensorSwizzle::bytes64},
    {2, {100, 20}, {64, 16}, {-8, 3}, TensorSwizzle::bytes128},
    {2, {64, 40}, {64, 33}, {0, 0}, TensorSwizzle::bytes128},
    {3, {24, 6, 5}, {16, 4, 3}, {8, 1, 1}},
    {3, {70, 6, 5}, {64, 4, 3}, {16, 3, 4}, TensorSwizzle::bytes128},
    {3, {24, 6, 5}, {24, 2, 2}, {0, 5, -1}},
};

/// Parameters: tensor, map, out. The box lands at the start of shared memory,
/// the mbarrier behind it.
std::string loadBody(const Box &b) {
  std::string text = fmt::format(R"(
  setp.eq.b32 %p1, %r1, 0;
  add.s32 %r2, %r0, {0};
  @%p1 mbarrier.init.shared::cta.b64 [%r2], 1;
  fence.mbarrier_init.release.cluster;
  bar.sync 0;
  @!%p1 bra WAIT;
  fence.proxy.tensormap::generic.acquire.gpu [%rd2], 128;
  mbarrier.arrive.expect_tx.shared::cta.b64 %rd10, [%r2], {0};
  cp.async.bulk.tensor.{1}d.shared::cluster.global.mbarrier::complete_tx::bytes [%r0], [%rd2, {{{2}}}], [%r2];
WAIT:
  mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r2], 0;
  @!%p2 bra WAIT;
  shl.b32 %r3, %r1, 2;
  add.s32 %r4, %r0, %r3;
  cvt.u64.u32 %rd11, %r3;
  add.s64 %rd12, %rd3, %rd11;
)",
                                 b.bytes(), b.rank, b.coordinates());
  for (unsigned at = 0; at < b.bytes(); at += 128)
    text += fmt::format("setp.lt.u32 %p3, %r3, {1};\n"
                        "@%p3 ld.shared.b32 %r5, [%r4+{0}];\n"
                        "@%p3 st.global.b32 [%rd12+{0}], %r5;\n",
                        at, b.bytes() - at);
  return text;
}

/// Shared memory holds the byte's number, halved; the box goes out.
std::string storeBody(const Box &b) {
  std::string text = "shl.b32 %r3, %r1, 2;\nadd.s32 %r4, %r0, %r3;\n"
                     "shl.b32 %r5, %r1, 1;\nshl.b32 %r6, %r5, 16;\n"
                     "or.b32 %r5, %r5, %r6;\nadd.s32 %r5, %r5, 0x10000;\n";
  for (unsigned at = 0; at < b.bytes(); at += 128)
    text += fmt::format("setp.lt.u32 %p3, %r3, {1};\n"
                        "add.s32 %r7, %r5, {2};\n"
                        "@%p3 st.shared.b32 [%r4+{0}], %r7;\n",
                        at, b.bytes() - at, at / 2 * 0x10001);
  return text + fmt::format(R"(
  fence.proxy.async.shared::cta;
  bar.sync 0;
  setp.ne.b32 %p1, %r1, 0;
  @%p1 bra END;
  fence.proxy.tensormap::generic.acquire.gpu [%rd2], 128;
  cp.async.bulk.tensor.{}d.global.shared::cta.bulk_group [%rd2, {{{}}}], [%r0];
  cp.async.bulk.commit_group;
  cp.async.bulk.wait_group 0;
END:
)",
                            b.rank, b.coordinates());
}

struct Result {
  Halves tensor, out;
};

/// Runs on any device; `encode` is its encoder.
template <typename Encode>
Result runBox(const std::shared_ptr<Device> &device, const Encode &encode,
              const Box &b, const std::string &body) {
  Result r;
  for (std::size_t n = 0; n < b.elements(); ++n)
    r.tensor.push_back(static_cast<std::uint16_t>(n * 7 + 1));
  r.out.assign(b.bytes() / 2, 0xffff);
  DeviceBuffer tensor(device, 2 * r.tensor.size()), map(device, 128),
      out(device, b.bytes());
  device->upload(tensor.get(), r.tensor.data(), tensor.bytes());
  device->upload(out.get(), r.out.data(), out.bytes());
  EncodedTensorMap encoded = encode(b.map(tensor.get()));
  device->upload(map.get(), encoded.data(), encoded.size());
  std::array<std::uint64_t, 3> arguments{tensor.get(), map.get(), out.get()};
  device->load(makePtx({body, 32, b.bytes() + 72}, 3))
      ->launch(nullptr, {}, arguments);
  device->synchronize();
  device->download(r.tensor.data(), tensor.get(), tensor.bytes());
  device->download(r.out.data(), out.get(), out.bytes());
  return r;
}

Result runEmulated(const Box &b, const std::string &body) {
  auto device = quietEmulator();
  Result here = runBox(
      device, [&](const TensorMap &m) { return device->encode(m); }, b, body);
  for (const Report &report : device->takeReports())
    FAIL_CHECK(print(report));
  return here;
}

std::string describe(const Box &b) {
  return fmt::format("{} dimensions at {}, swizzle {}", b.rank, b.coordinates(),
                     static_cast<unsigned>(b.swizzle));
}

} // namespace

TEST_CASE("tensor copies load boxes, zeros outside") {
  for (const Box &b : boxes) {
    INFO(describe(b));
    Result r = runEmulated(b, loadBody(b));
    int wrong = 0;
    b.each([&](std::int64_t element, unsigned byte) {
      int expected =
          element < 0 ? 0 : static_cast<std::uint16_t>(element * 7 + 1);
      wrong += r.out[byte / 2] != expected;
    });
    CHECK(wrong == 0);
  }
}

/// Whether a GPU stores it as the ISA says: one that begins before the tensor,
/// or ends in the middle of 16 bytes of a row, it does not.
bool storable(const Box &b) {
  for (unsigned d = 0; d < b.rank; ++d)
    if (b.at[d] < 0)
      return false;
  return b.extents[0] % 8 == 0 ||
         b.at[0] + b.box[0] <= static_cast<std::int64_t>(b.extents[0]);
}

TEST_CASE("tensor copies store boxes, nothing outside") {
  for (const Box &b : boxes) {
    if (!storable(b))
      continue;
    INFO(describe(b));
    Result r = runEmulated(b, storeBody(b));
    Halves expected;
    for (std::size_t n = 0; n < b.elements(); ++n)
      expected.push_back(static_cast<std::uint16_t>(n * 7 + 1));
    b.each([&](std::int64_t element, unsigned byte) {
      if (element >= 0)
        expected[static_cast<std::size_t>(element)] =
            static_cast<std::uint16_t>(byte / 2);
    });
    CHECK(r.tensor == expected);
  }
}

TEST_CASE("planted bugs: tensor copies") {
  struct Bug {
    const char *name, *from, *to;
    Suspicion expected;
  };
  const Box &b = boxes[3];
  auto reports = [&](const std::string &body) {
    auto device = quietEmulator();
    runBox(
        device, [&](const TensorMap &m) { return device->encode(m); }, b, body);
    return device->takeReports();
  };
  auto plant = [&](std::string body, const Bug &bug) {
    INFO(bug.name);
    std::size_t at = body.find(bug.from);
    REQUIRE(at != std::string::npos);
    body.replace(at, std::string(bug.from).size(), bug.to);
    bool found = false;
    std::string all;
    for (const Report &r : reports(body)) {
      found |= r.kind == bug.expected;
      all += print(r) + "\n";
    }
    INFO(all);
    CHECK(found);
  };
  for (const Bug &bug : {
           Bug{"does not wait", "@!%p2 bra WAIT;", "", Suspicion::inFlight},
           Bug{"expects the bytes inside only", "b64 %rd10, [%r2], 512",
               "b64 %rd10, [%r2], 496", Suspicion::deadlock},
           Bug{"a box that is not aligned", "complete_tx::bytes [%r0]",
               "complete_tx::bytes [%r0+64]", Suspicion::misaligned},
           Bug{"a box that does not fit", "complete_tx::bytes [%r0]",
               "complete_tx::bytes [%r0+128]", Suspicion::outOfBounds},
           Bug{"the tensor instead of its map", "[%rd2, {8, 2}]",
               "[%rd1, {8, 2}]", Suspicion::undefined},
           Bug{"a box that starts in the middle of 16 bytes", "{8, 2}",
               "{4, 2}", Suspicion::misaligned},
       })
    plant(loadBody(b), bug);
  std::string flat = loadBody(b);
  flat.replace(flat.find("tensor.2d"), 9, "tensor.1d");
  plant(flat,
        {"a map of more dimensions", "{8, 2}", "{8}", Suspicion::undefined});
  for (const Bug &bug : {
           Bug{"no proxy fence", "fence.proxy.async.shared::cta;", "",
               Suspicion::proxy},
           Bug{"ends without a wait", "cp.async.bulk.wait_group 0;", "",
               Suspicion::inFlight},
           Bug{"stores before the tensor", "{8, 2}", "{-8, 2}",
               Suspicion::outOfBounds},
           Bug{"overwrites the box in flight", "cp.async.bulk.wait_group 0;",
               "st.shared.b32 [%r0], %r1;\ncp.async.bulk.wait_group 0;",
               Suspicion::inFlight},
       })
    plant(storeBody(b), bug);
}

TEST_CASE("tensor stores that a GPU does otherwise are reported") {
  int reported = 0;
  for (const Box &b : boxes) {
    if (storable(b))
      continue;
    INFO(describe(b));
    auto device = quietEmulator();
    runBox(
        device, [&](const TensorMap &m) { return device->encode(m); }, b,
        storeBody(b));
    std::vector<Report> reports = device->takeReports();
    REQUIRE(!reports.empty());
    CHECK(reports.front().kind == Suspicion::outOfBounds);
    ++reported;
  }
  CHECK(reported == 8);
}

TEST_CASE("tensor maps that a GPU refuses are refused") {
  auto device = quietEmulator();
  auto message = [&](const std::function<void(TensorMap &)> &change) {
    TensorMap map = boxes[3].map(1024);
    change(map);
    return errorOf([&] { device->encode(map); }).message();
  };
  CHECK(message([](TensorMap &m) { m.rank = 6; }) ==
        "tensor map: expected 1 to 5 dimensions, got 6");
  CHECK(message([](TensorMap &m) { m.address = 1032; }) ==
        "tensor map: the address 0x408 is no multiple of 16");
  CHECK(message([](TensorMap &m) { m.elementBytes = 3; }) ==
        "tensor map: expected elements of 1, 2, 4 or 8 bytes, got 3");
  CHECK(message([](TensorMap &m) { m.box[1] = 257; }) ==
        "tensor map: expected a box of 1 to 256 elements, got 257 in "
        "dimension 1");
  CHECK(message([](TensorMap &m) { m.extents[0] = 0; }) ==
        "tensor map: expected an extent of 1 to 2^32, got 0 in dimension 0");
  CHECK(message([](TensorMap &m) { m.strides[0] = 100; }) ==
        "tensor map: expected a stride that is a multiple of 16 below 2^40, "
        "got 100 in dimension 1");
  CHECK(message([](TensorMap &m) { m.box[0] = 20; }) ==
        "tensor map: expected rows of a multiple of 16 bytes, got 40");
  CHECK(message([](TensorMap &m) { m.swizzle = TensorSwizzle::bytes32; }) ==
        "tensor map: rows of 64 bytes are longer than the swizzle's 32");
  CHECK(message([](TensorMap &m) {
          m.swizzle = TensorSwizzle::bytes128;
        }).find("knows swizzles of 128 bytes with rows of 128, got 64") !=
        std::string::npos);
}

TEST_CASE("tensor copies agree with a GPU", "[gpu]") {
  std::shared_ptr<Device> gpu = gpuForAgreement();
  if (!gpu)
    return;
  for (const Box &b : boxes)
    for (bool stores : {false, true}) {
      // Others end the process's context, or differ: the emulator reports them.
      if (stores && !storable(b))
        continue;
      INFO((stores ? "store, " : "load, ") << describe(b));
      const std::string body = stores ? storeBody(b) : loadBody(b);
      Result here = runEmulated(b, body);
      Result there = runBox(gpu, encodeOnGpu, b, body);
      CHECK(there.tensor == here.tensor);
      CHECK(there.out == here.out);
    }
}
