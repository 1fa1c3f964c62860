// Protects that the assemblers take what the compiler makes, on every target,
// and keep all of it in registers.
#include "kernels/choose/ScheduleChoice.h"
#include "kernels/gemm/DequantGemm.h"
#include "tests/unit/compiler/Assembled.h"
#include "tests/unit/compiler/CompileHelpers.h"

using namespace lath;
using namespace lath::test;

namespace {

/// Specs of the model's schedules: M from one row to several tiles, each
/// group size, each kind of zero point, ragged N, both types, each reduction.
void checkDefaults(const std::string &targetName) {
  if (!haveAssembler())
    return;
  const Target &on = target(targetName);
  for (std::string text : {"m1n4096k4096g128",
                           "m8n4096k11008g32,w=u4z1",
                           "m16n11008k4096g64,w=u4z",
                           "m16n4096k4096g4096",
                           "m32n4096k4096g128,x=bf16",
                           "m64n4096k4096g128,w=u4z1",
                           "m200n4104k4096g64,x=bf16,w=u4z",
                           "m16n4096k4096g128s1",
                           "m16n4096k4096g128s4,reduce=atomic",
                           "m16n4096k4096g128s4,reduce=atomic-out",
                           "m16n72k96g32",
                           "m1n4096k4096g128,layout=packed",
                           "m16n11008k4096g64,w=u4z,layout=packed",
                           "m32n4096k4096g128,x=bf16,layout=packed",
                           "m64n28672k4096g128,w=u4z1,layout=packed",
                           "m1n4096k4096g128,w=s8",
                           "m16n11008k4096g64,w=s8",
                           "m32n4096k4096g128,x=bf16,w=s8",
                           "m64n4096k4096g4096,w=s8",
                           "m200n4104k4096g64,x=bf16,w=s8"}) {
    INFO(text << " on " << targetName);
    checkRegistersOnly(compileChosen(parseGemmSpec(text), on).ptx);
  }
  const char *registers = "bm16bn64bk256w4kw2st3s1,scales=sums,"
                          "weights=registers";
  INFO(registers << " on " << targetName);
  checkRegistersOnly(
      compileGemm(parseGemmSpec("m16n4096k4096g128,layout=packed"),
                  parseSchedule(registers), on)
          .ptx);
}

} // namespace

TEST_CASE("default kernels assemble for sm_80 without spills") {
  checkDefaults("sm_80");
}
TEST_CASE("default kernels assemble for sm_86 without spills") {
  checkDefaults("sm_86");
}
TEST_CASE("default kernels assemble for sm_89 without spills") {
  checkDefaults("sm_89");
}
TEST_CASE("default kernels assemble for sm_90a without spills") {
  checkDefaults("sm_90a");
}
TEST_CASE("default kernels assemble for sm_100a without spills") {
  checkDefaults("sm_100a");
}
TEST_CASE("default kernels assemble for sm_103a without spills") {
  checkDefaults("sm_103a");
}
TEST_CASE("default kernels assemble for sm_120a without spills") {
  checkDefaults("sm_120a");
}

TEST_CASE("kernels by wgmma assemble without spills or serialised products") {
  // Serialisation is a warning, and such warnings are errors of assemble().
  if (!haveAssembler())
    return;
  for (auto [spec, schedule] :
       {std::pair{"m16n4096k4096g128", "bm16bn64bk128w4st4,scales=sums"},
        {"m32n4096k4096g32,w=u4z", "bm32bn128bk128w4st3,scales=sums"},
        {"m32n4096k4096g128,x=bf16",
         "bm32bn128bk256w8st2s2,reduce=cluster,scales=sums,weights=registers"},
        {"m64n4096k4096g128", "bm64bn128bk128w8st4,scales=weights"},
        {"m64n4096k4096g128", "bm64bn128bk64w4st4,scales=sums"},
        {"m128n4096k4096g64", "bm128bn128bk64w8st4,weights=registers"},
        {"m256n4096k4096g128", "bm256bn64bk64w4st3,scales=weights"}}) {
    INFO(spec << " " << schedule);
    checkRegistersOnly(
        compileGemm(parseGemmSpec(std::string(spec) + ",layout=packed"),
                    parseSchedule(std::string(schedule) + ",mma=warpgroup"),
                    target("sm_90a"))
            .ptx);
  }
}

TEST_CASE("dense products by wgmma assemble without spills") {
  if (!haveAssembler())
    return;
  for (MatrixB order : {MatrixB::nk, MatrixB::kn})
    for (Dtype dtype : {Dtype::f16, Dtype::bf16})
      for (const char *text :
           {"bm128bn256bk64w8st4,mma=warpgroup",
            "bm128bn256bk64w8st4,mma=warpgroup,copies=tensor",
            "bm128bn256bk64w8st4,mma=warpgroup,copies=tensor,producers=1",
            "bm256bn128bk64w8st4,mma=warpgroup,copies=tensor,producers=1,"
            "persistent=1",
            "bm64bn32bk32w4st3,mma=warpgroup,copies=tensor,producers=1"}) {
        INFO(text);
        checkRegistersOnly(
            compileMatmul(4096, 4096, order, dtype, text, "sm_90a"));
      }
}

TEST_CASE("tensor copies assemble for every target that has them") {
  if (!haveAssembler())
    return;
  for (const std::string name : {"sm_90a", "sm_100a", "sm_103a", "sm_120a"})
    for (MatrixB order : {MatrixB::nk, MatrixB::kn})
      for (const char *text : {"bm64bn64bk64w4st3,copies=tensor",
                               "bm64bn64bk64w4st3,copies=tensor,producers=1,"
                               "persistent=1"}) {
        INFO(text << " on " << name);
        const Ptx ptx =
            compileMatmul(4096, 4096, order, Dtype::f16, text, name);
        // For sm_120a ptxas 13.0 allows kernels with tensor copies 80
        // registers, and keeps a few words of this one on the stack.
        if (name == "sm_120a")
          CHECK(assemble(ptx).resources.localBytes <= 32);
        else
          checkRegistersOnly(ptx);
      }
}

TEST_CASE("bulk copies and producer warps assemble without spills") {
  if (!haveAssembler())
    return;
  for (std::string targetName : {"sm_90a", "sm_100a", "sm_120a"})
    for (auto [spec, schedule] :
         {std::pair{"m1n4096k4096g128",
                    "bm8bn64bk256w4kw4st3s1,scales=sums,weights=bulk"},
          std::pair{"m16n4104k4128g32,x=bf16,w=u4z1",
                    "bm16bn64bk256w4kw4st3s1,weights=bulk"},
          std::pair{"m16n28672k8192g64,w=u4z",
                    "bm16bn128bk256w8kw4st2s2,reduce=cluster,scales=sums,"
                    "weights=bulk,dep=end"},
          std::pair{"m32n8192k8192g128",
                    "bm32bn128bk128w8kw2st2s4,scales=sums,weights=bulk"}})
      for (std::string producers : {"", ",producers=1"}) {
        INFO(spec << " by " << schedule << producers << " on " << targetName);
        checkRegistersOnly(
            compileGemm(parseGemmSpec(std::string(spec) + ",layout=packed"),
                        parseSchedule(schedule + producers), target(targetName))
                .ptx);
      }
}

TEST_CASE("every elementwise operation assembles in every type") {
  if (!haveAssembler())
    return;
  for (std::string targetName : {"sm_80", "sm_90a"})
    for (Dtype dtype : {Dtype::f16, Dtype::bf16, Dtype::f32}) {
      INFO(name(dtype) << " on " << targetName);
      Program p("elementwise");
      View x = p.view("x", dtype, {4096});
      Range r = p.range(p.programId(0), 1024);
      Tile t = x.load({r});
      Tile u = maximum(t / t, minimum(t * t - t, t + t));
      Tile f = cast(u, Dtype::f32);
      f = tanh(sqrt(rsqrt(exp2(exp(f)))));
      x.store({r}, cast(f, dtype));
      checkRegistersOnly(compile(p, options(targetName)).ptx);
    }
}

TEST_CASE("integer tiles assemble") {
  if (!haveAssembler())
    return;
  Program p("integers");
  View x = p.view("x", Dtype::i32, {16, 64});
  Range r = p.range(p.constant(0), 16), c = p.range(p.constant(0), 64);
  Tile t = x.load({r, c});
  x.store({r, c},
          maximum(minimum(t * t, t + t), p.splat(7, Dtype::i32, {16, 64}) - t));
  checkRegistersOnly(compile(p, options()).ptx);
}

TEST_CASE("attention with two dots in a loop assembles") {
  if (!haveAssembler())
    return;
  Program p("attention");
  const Shape square{64, 64};
  View q = p.view("q", Dtype::f16, {64, 64}),
       k = p.view("k", Dtype::f16, {1024, 64}),
       v = p.view("v", Dtype::f16, {1024, 64}),
       out = p.view("out", Dtype::f32, {64, 64});
  Range rows = p.range(p.constant(0), 64), width = p.range(p.constant(0), 64);
  Tile zero = p.splat(0, Dtype::f32, square);
  Tile query = q.load({rows, width});
  Tile sum = p.loop(p.kRange(1024, 64), zero, [&](Range kk, Tile acc) {
    Tile s = dot(query, transpose(k.load({kk, width})), zero);
    Tile e = exp(s - broadcast(max(s, 1), square));
    return dot(cast(e, Dtype::f16), v.load({kk, width}), acc);
  });
  out.store({rows, width}, sum);
  checkRegistersOnly(compile(p, options("sm_80", 4, 2)).ptx);
}

TEST_CASE("ranks one to three, odd extents and small tiles assemble") {
  if (!haveAssembler())
    return;
  {
    Program p("three");
    Index n = p.scalar("n");
    View x = p.view("x", Dtype::f16, {n, 6, 41}),
         y = p.view("y", Dtype::f16, {n, 6, 41});
    Range a = p.range(p.programId(0), 2), b = p.range(p.constant(0), 8),
          c = p.range(p.constant(0), 64);
    y.store({a, b, c}, x.load({a, b, c}));
    checkRegistersOnly(compile(p, options()).ptx);
  }
  {
    Program p("single");
    View x = p.view("x", Dtype::f32, {1});
    Range one = p.range(p.constant(0), 1);
    x.store({one}, x.load({one}));
    checkRegistersOnly(compile(p, options()).ptx);
  }
  {
    Program p("middle");
    View x = p.view("x", Dtype::f32, {4, 8, 64}),
         y = p.view("y", Dtype::f32, {4, 1, 64});
    Range a = p.range(p.constant(0), 4), b = p.range(p.constant(0), 8),
          c = p.range(p.constant(0), 64), one = p.range(p.constant(0), 1);
    y.store({a, one, c}, sum(x.load({a, b, c}), 1));
    checkRegistersOnly(compile(p, options()).ptx);
  }
}
