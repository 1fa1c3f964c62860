// Single accesses of one warp, written in PTX, for a profiler: what a sector
// and a wavefront is can be read off them.
#include "tools/verify/Verify.h"

#include <array>
#include <fmt/format.h>

namespace lath::verify {

namespace {

constexpr std::size_t bytes = 16384; ///< of shared memory, of each array

/// A place for each lane, in bytes.
using Pattern = std::uint32_t (*)(std::uint32_t lane);

struct Access {
  const char *name;
  const char *body; ///< shared address %r4, global address %rd4
  Pattern shared, global;
  bool fills = false; ///< shared memory first, since the body reads it
};

template <std::uint32_t stride> std::uint32_t by(std::uint32_t lane) {
  return stride * lane;
}
/// Neighbours of `lanes` share a place, places `size` apart.
template <std::uint32_t lanes, std::uint32_t size>
std::uint32_t shares(std::uint32_t lane) {
  return lane / lanes * size;
}
/// Lanes that are equal modulo `lanes` share a place.
template <std::uint32_t lanes, std::uint32_t size>
std::uint32_t repeats(std::uint32_t lane) {
  return lane % lanes * size;
}

constexpr const char *ld32 = "ld.shared.b32 %r10, [%r4];";
constexpr const char *ld64 = "ld.shared.v2.b32 {%r10, %r11}, [%r4];";
constexpr const char *ld128 =
    "ld.shared.v4.b32 {%r10, %r11, %r12, %r13}, [%r4];";
constexpr const char *st32 = "st.shared.b32 [%r4], %r5;";
constexpr const char *st64 = "st.shared.v2.b32 [%r4], {%r5, %r5};";
constexpr const char *st128 = "st.shared.v4.b32 [%r4], {%r5, %r5, %r5, %r5};";
#define LATH_COPY(kind, operands)                                              \
  "cp.async." kind ".shared.global [%r4], [%rd4], " operands                   \
  "; cp.async.wait_all;"
#define LATH_MATRIX(what, registers)                                           \
  "ldmatrix.sync.aligned.m8n8." what ".shared.b16 " registers ", [%r4];"
constexpr const char *copy4 = LATH_COPY("ca", "4");
constexpr const char *copy8 = LATH_COPY("ca", "8");
constexpr const char *copy16 = LATH_COPY("cg", "16");
constexpr const char *copy16ca = LATH_COPY("ca", "16");
constexpr const char *copy16some = LATH_COPY("cg", "16, %r6");
constexpr const char *copy16half =
    "setp.lt.u32 %p1, %r1, 16; @%p1 " LATH_COPY("cg", "16");
constexpr const char *matrix1 = LATH_MATRIX("x1", "{%r10}");
constexpr const char *matrix2 = LATH_MATRIX("x2", "{%r10, %r11}");
constexpr const char *matrix4 = LATH_MATRIX("x4", "{%r10, %r11, %r12, %r13}");
constexpr const char *matrix4t =
    LATH_MATRIX("x4.trans", "{%r10, %r11, %r12, %r13}");
constexpr const char *storeMatrix4 =
    "stmatrix.sync.aligned.m8n8.x4.shared.b16 [%r4], {%r5, %r5, %r5, %r5};";
#undef LATH_COPY
#undef LATH_MATRIX
constexpr const char *redF32 = "red.relaxed.gpu.global.add.f32 [%rd4], %f1;";
constexpr const char *redV4 =
    "red.relaxed.gpu.global.add.v4.f32 [%rd4], {%f1, %f1, %f1, %f1};";
constexpr const char *redHalves =
    "red.relaxed.gpu.global.add.noftz.f16x2 [%rd4], %r5;";
constexpr const char *inc =
    "setp.eq.b32 %p1, %r1, 0; mov.b32 %r10, 0; "
    "@%p1 atom.relaxed.gpu.global.inc.u32 %r10, [%rd4], %r5;";
constexpr const char *ldg32 = "ld.global.b32 %r10, [%rd4];";
constexpr const char *ldg128 =
    "ld.global.v4.b32 {%r10, %r11, %r12, %r13}, [%rd4];";
constexpr const char *stg16 =
    "cvt.u16.u32 %h1, %r5; st.global.b16 [%rd4], %h1;";
constexpr const char *stg128 = "st.global.v4.b32 [%rd4], {%r5, %r5, %r5, %r5};";

const Access accesses[] = {
    {"LDS.32, consecutive", ld32, by<4>, by<4>, true},
    {"LDS.32, all one word", ld32, by<0>, by<4>, true},
    {"LDS.32, every second word", ld32, by<8>, by<4>, true},
    {"LDS.64, consecutive", ld64, by<8>, by<4>, true},
    {"LDS.64, pairs of lanes share", ld64, shares<2, 8>, by<4>, true},
    {"LDS.64, four lanes share", ld64, shares<4, 8>, by<4>, true},
    {"LDS.64, lanes 8 apart share", ld64, repeats<8, 8>, by<4>, true},
    {"LDS.64, lanes 16 apart share", ld64, repeats<16, 8>, by<4>, true},
    {"LDS.64, all one place", ld64, by<0>, by<4>, true},
    {"LDS.64, every second place", ld64, by<16>, by<4>, true},
    {"LDS.128, consecutive", ld128, by<16>, by<4>, true},
    {"LDS.128, pairs of lanes share", ld128, shares<2, 16>, by<4>, true},
    {"LDS.128, four lanes share", ld128, shares<4, 16>, by<4>, true},
    {"LDS.128, lanes 4 apart share", ld128, repeats<4, 16>, by<4>, true},
    {"LDS.128, lanes 8 apart share", ld128, repeats<8, 16>, by<4>, true},
    {"LDS.128, all one place", ld128, by<0>, by<4>, true},
    {"LDS.128, every second place", ld128, by<32>, by<4>, true},
    {"STS.32, consecutive", st32, by<4>, by<4>},
    {"STS.32, every second word", st32, by<8>, by<4>},
    {"STS.32, four lanes share", st32, shares<4, 4>, by<4>},
    {"STS.64, consecutive", st64, by<8>, by<4>},
    {"STS.64, four lanes share", st64, shares<4, 8>, by<4>},
    {"STS.128, consecutive", st128, by<16>, by<4>},
    {"STS.128, every second place", st128, by<32>, by<4>},
    {"LDGSTS.32, consecutive", copy4, by<4>, by<4>},
    {"LDGSTS.64, consecutive", copy8, by<8>, by<8>},
    {"LDGSTS.128 past L1, consecutive", copy16, by<16>, by<16>},
    {"LDGSTS.128 through L1, consecutive", copy16ca, by<16>, by<16>},
    {"LDGSTS.128, 256 bytes apart", copy16, by<16>, by<256>},
    {"LDGSTS.128, to every second place", copy16, by<32>, by<16>},
    {"LDGSTS.128, to every eighth place", copy16, by<128>, by<16>},
    {"LDGSTS.128, with a size", copy16some, by<16>, by<16>},
    {"LDGSTS.128, half the lanes", copy16half, by<16>, by<16>},
    {"LDSM.1", matrix1, by<16>, by<4>, true},
    {"LDSM.2", matrix2, by<16>, by<4>, true},
    {"LDSM.4", matrix4, by<16>, by<4>, true},
    {"LDSM.4, every second row", matrix4, by<32>, by<4>, true},
    {"LDSM.4 transposed", matrix4t, by<16>, by<4>, true},
    {"STSM.4", storeMatrix4, by<16>, by<4>},
    {"LDG.32, consecutive", ldg32, by<4>, by<4>},
    {"LDG.32, every eighth word", ldg32, by<4>, by<32>},
    {"LDG.128, consecutive", ldg128, by<4>, by<16>},
    {"LDG.128, every second place", ldg128, by<4>, by<32>},
    {"STG.16, consecutive", stg16, by<4>, by<2>},
    {"STG.128, consecutive", stg128, by<4>, by<16>},
    {"RED.F32, consecutive", redF32, by<4>, by<4>},
    {"RED.F32, all one word", redF32, by<4>, by<0>},
    {"RED.F32, every eighth word", redF32, by<4>, by<32>},
    {"RED.F32x4, consecutive", redV4, by<4>, by<16>},
    {"RED.F16x2, consecutive", redHalves, by<4>, by<4>},
    {"ATOM.INC, one lane", inc, by<4>, by<4>},
};

Ptx textOf(const Access &a, const std::string &target) {
  Ptx ptx;
  ptx.entry = "access";
  ptx.target = target;
  ptx.threads = 32;
  ptx.sharedBytes = bytes;
  for (const char *name : {"places", "memory", "out"})
    ptx.params.push_back({KernelParam::Kind::view, name});
  std::string fill;
  for (std::size_t at = 0; a.fills && at < bytes; at += 512)
    fill +=
        fmt::format("st.shared.v4.b32 [%r7+{}], {{%r1, %r1, %r1, %r1}};\n", at);
  ptx.text = fmt::format(R"(.version 8.1
.target {}
.address_size 64
.extern .shared .align 16 .b8 shared_memory[];
.visible .entry access(.param .u64 access_param_0, .param .u64 access_param_1,
  .param .u64 access_param_2)
.reqntid 32
{{
.reg .pred %p<2>; .reg .b16 %h<2>; .reg .b32 %r<16>; .reg .b64 %rd<8>;
.reg .f32 %f<2>;
ld.param.b64 %rd1, [access_param_0];
ld.param.b64 %rd2, [access_param_1];
ld.param.b64 %rd3, [access_param_2];
mov.u32 %r1, %tid.x;
mov.b32 %r0, shared_memory;
mul.wide.u32 %rd5, %r1, 4;
add.s64 %rd6, %rd1, %rd5;
ld.global.b32 %r2, [%rd6];
ld.global.b32 %r3, [%rd6+128];
ld.global.b32 %r6, [%rd6+256];
add.s32 %r4, %r0, %r2;
cvt.u64.u32 %rd4, %r3;
add.s64 %rd4, %rd2, %rd4;
mov.b32 %r5, 0;
mov.b32 %f1, 0f3F800000;
mov.b32 %r10, 0;
mov.b32 %r11, 0;
mov.b32 %r12, 0;
mov.b32 %r13, 0;
shl.b32 %r7, %r1, 4;
add.s32 %r7, %r7, %r0;
{}bar.warp.sync -1;
{}
xor.b32 %r10, %r10, %r11;
xor.b32 %r12, %r12, %r13;
xor.b32 %r10, %r10, %r12;
xor.b32 %r10, %r10, %r2;
xor.b32 %r10, %r10, %r3;
xor.b32 %r10, %r10, %r6;
add.s64 %rd7, %rd3, %rd5;
st.global.b32 [%rd7], %r10;
ret;
}}
)",
                         target, fill, a.body);
  return ptx;
}

} // namespace

void profileAccesses(const std::shared_ptr<Device> &device,
                     const std::function<void(const std::string &)> &launched) {
  for (const Access &a : accesses) {
    std::array<std::uint32_t, 96> places;
    for (std::uint32_t lane = 0; lane < 32; ++lane) {
      places[lane] = a.shared(lane);
      places[32 + lane] = a.global(lane);
      places[64 + lane] = 16;
    }
    std::vector<std::uint32_t> data(bytes / 4, 0);
    DeviceBuffer table(device, sizeof places), memory(device, bytes),
        out(device, 128);
    device->upload(table.get(), places.data(), sizeof places);
    device->upload(memory.get(), data.data(), bytes);
    std::array<std::uint64_t, 3> arguments{table.get(), memory.get(),
                                           out.get()};
    device->load(textOf(a, device->info().target))
        ->launch(nullptr, {}, arguments);
    device->synchronize();
    launched(a.name);
  }
}

} // namespace lath::verify
