// Small kernels as PTX text.
#pragma once

#include "compiler/base/Ptx.h"

namespace lath::test {

/// out[i] = factor * in[i] in u32, for i < n; 512 bytes of static shared
/// memory.
inline Ptx scalePtx(const std::string &target = "sm_90a") {
  Ptx ptx;
  ptx.entry = "scale";
  ptx.target = target;
  ptx.threads = 128;
  ptx.params = {{KernelParam::Kind::view, "in"},
                {KernelParam::Kind::view, "out"},
                {KernelParam::Kind::scalar, "factor"},
                {KernelParam::Kind::scalar, "n"}};
  ptx.text = ".version 8.0\n.target " + target + R"(
.address_size 64
.visible .entry scale(.param .u64 in, .param .u64 out, .param .u32 factor,
                      .param .u32 n) .maxntid 128, 1, 1
{
  .reg .b32 %r<12>;
  .reg .b64 %rd<6>;
  .reg .pred %p;
  .shared .align 16 .b8 staged[512];
  ld.param.u64 %rd1, [in];
  ld.param.u64 %rd2, [out];
  ld.param.u32 %r1, [factor];
  ld.param.u32 %r2, [n];
  mov.u32 %r3, %tid.x;
  mov.u32 %r4, %ctaid.x;
  mad.lo.u32 %r5, %r4, 128, %r3;
  setp.ge.u32 %p, %r5, %r2;
  @%p bra done;
  mul.wide.u32 %rd3, %r5, 4;
  add.s64 %rd4, %rd1, %rd3;
  add.s64 %rd5, %rd2, %rd3;
  ld.global.u32 %r6, [%rd4];
  mov.u32 %r7, staged;
  shl.b32 %r8, %r3, 2;
  add.u32 %r9, %r7, %r8;
  st.shared.u32 [%r9], %r6;
  ld.shared.u32 %r10, [%r9];
  mul.lo.u32 %r11, %r10, %r1;
  st.global.u32 [%rd5], %r11;
done:
  ret;
}
)";
  return ptx;
}

/// The same with one instruction that does not exist.
inline Ptx brokenPtx() {
  Ptx ptx = scalePtx();
  std::size_t at = ptx.text.find("mul.lo.u32");
  ptx.text.replace(at, 10, "mul.bogus.u32");
  return ptx;
}

/// The line of `what` in a text, from 1.
inline unsigned lineNumber(const std::string &text, const std::string &what) {
  unsigned line = 1;
  for (std::size_t i = 0; i < text.find(what); ++i)
    line += text[i] == '\n';
  return line;
}

/// Takes registers from one warp group and gives them to two. `cap` bounds the
/// registers at entry; without it an assembler ignores setmaxnreg, says so and
/// goes on.
inline Ptx registerPtx(const std::string &cap) {
  Ptx ptx;
  ptx.entry = "registers";
  ptx.target = "sm_90a";
  ptx.threads = 384;
  ptx.params = {{KernelParam::Kind::view, "out"}};
  ptx.text = R"(.version 8.0
.target sm_90a
.address_size 64
.visible .entry registers(.param .u64 out) .reqntid 384, 1, 1 )" +
             cap + R"(
{
  .reg .b32 %r<2>;
  .reg .b64 %rd<2>;
  .reg .pred %p;
  ld.param.u64 %rd1, [out];
  mov.u32 %r1, %tid.x;
  setp.lt.u32 %p, %r1, 128;
  @%p bra producer;
  setmaxnreg.inc.sync.aligned.u32 240;
  st.global.u32 [%rd1], %r1;
  bra.uni done;
producer:
  setmaxnreg.dec.sync.aligned.u32 24;
done:
  ret;
}
)";
  return ptx;
}

inline Ptx cappedPtx() { return registerPtx(".minnctapersm 1"); }
inline Ptx uncappedPtx() { return registerPtx(""); }

} // namespace lath::test
