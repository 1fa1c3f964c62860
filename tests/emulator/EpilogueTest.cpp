// Protects: what an epilogue adds to the sums, once for all splits of a tile,
// whatever brings them together, before the output is rounded.
#include "kernels/gemm/EpilogueSteps.h"
#include "kernels/gemm/KernelKey.h"
#include "tests/emulator/Gemm.h"
#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>

using namespace lath;
using namespace lath::test;

TEST_CASE("a bias is added once, whatever reduces and by whatever schedule") {
  struct Case {
    const char *spec, *schedule;
  };
  for (const Case &c :
       {Case{"m8n64k256", "bm8bn32bk64w2st3s1"},
        {"m1n64k256", "bm8bn32bk128w2kw2st2s1,scales=sums"},
        {"m16n40k256", "bm16bn32bk64w1st2s1"}, // columns beyond the last
        {"m5n64k512s4,reduce=ordered", "bm8bn32bk64w1st2s4"},
        {"m5n64k512s4,reduce=ordered", "bm8bn32bk64w1st2s4,reduce=cluster"},
        {"m16n64k512s3,reduce=ordered",
         "bm16bn32bk64w2st2s3,order=contiguous,reduce=cluster"},
        {"m5n64k512s4,reduce=atomic", "bm8bn32bk64w1st2s4,reduce=atomic"},
        {"m33n64k256g64s2,w=u4z1", "bm32bn32bk64w2st2s2"},
        {"m16n64k512,layout=packed,w=u4z",
         "bm16bn64bk128w4st3s1,weights=registers,scales=sums"},
        {"m16n64k512,layout=packed",
         "bm16bn64bk128w4st3s1,weights=bulk,producers=1"},
        {"m8n64k512,layout=packed",
         "bm8bn64bk128w4st3s1,mma=warpgroup,weights=registers"},
        {"m8n64k512,launch=chained", "bm8bn32bk64w2st3s1,dep=early"}})
    for (const char *x : {"f16", "bf16"}) {
      std::string text = std::string(c.spec) + ",x=" + x + ",bias=yes";
      CAPTURE(text, c.schedule);
      GemmSpec spec = parseGemmSpec(text);
      auto device = openEmulator();
      Engine engine(device, {.disk = false});
      Kernel kernel = engine.gemm(spec, parseSchedule(c.schedule));
      CHECK(kernel.spec().epilogue.bias);
      EmulatedGemm gemm(device, spec);
      Comparison biased = gemm.run(kernel);
      CHECK(biased.nonFinite == 0);
      CHECK(biased.relativeFrobenius <=
            bound(spec.x, kernel.schedule().reduce));
      // The same sums without their bias are far off.
      GemmSpec plain = spec;
      plain.epilogue = {};
      Kernel without = engine.gemm(plain, kernel.schedule());
      CHECK(without.ptx().params.size() + 1 == kernel.ptx().params.size());
      CHECK(gemm.run(without).relativeFrobenius > 0.1);
    }
}

TEST_CASE("a spec with a bias chooses a schedule, and is its own kernel") {
  auto device = openEmulator();
  Engine engine(device, {.disk = false});
  GemmSpec spec = parseGemmSpec("m7n64k256,bias=yes");
  CHECK(print(spec) == "m7n64k256g128,bias=yes");
  Kernel kernel = engine.gemm(spec);
  EmulatedGemm gemm(device, spec);
  CHECK(gemm.run(kernel).relativeFrobenius < 1e-3);

  GemmSpec plain = spec;
  plain.epilogue = {};
  CHECK(!engine.nearest(plain));
  CHECK(engine.nearest(spec));
  CHECK(!serves(spec, kernel.schedule(), plain));
  CHECK(!serves(plain, kernel.schedule(), spec));
  CHECK(codeKey(spec, kernel.schedule()) != codeKey(plain, kernel.schedule()));
  CHECK(!(KernelKey(spec, std::nullopt) == KernelKey(plain, std::nullopt)));

  // The bias has to be there, and only where the spec has one.
  GemmArguments arguments = gemm.arguments();
  arguments.bias = 0;
  Error error = errorOf([&] { kernel.launch(nullptr, arguments); });
  CHECK(error.message() ==
        "launch of m8n64k256g128,bias=yes: bias is 0x0; expected a device "
        "pointer aligned to 16 bytes");
  EmulatedGemm without(device, plain);
  CHECK(without.run(engine.gemm(plain)).relativeFrobenius < 1e-3);
}

TEST_CASE("the reference of a bias adds to each column its own value") {
  GemmSpec spec{.m = 2, .n = 8, .k = 32};
  spec.epilogue.bias = true;
  std::vector<double> sums(16, 0.5);
  applyEpilogue(
      spec,
      [](std::string_view operand, std::int64_t index) {
        return operand == "bias" ? double(index) : -100;
      },
      sums);
  for (std::size_t i = 0; i < sums.size(); ++i)
    CHECK(sums[i] == 0.5 + double(i % 8));
}

TEST_CASE("an epilogue that cannot be computed is refused") {
  GemmSpec spec{.m = 8, .n = 64, .k = 256};
  spec.epilogue.bias = true;
  spec.split = 2;
  spec.reduce = Reduce::atomicOut;
  Error error = errorOf([&] { validate(spec); });
  CHECK(error.kind() == ErrorKind::invalidSpec);
  CHECK(error.message() ==
        "reduce = atomic-out adds the shares of a split into the output, each "
        "by itself, but bias=yes needs the whole sum; use ordered or atomic");
  spec.split = 0;
  CHECK(errorOf([&] { validate(spec); }).kind() == ErrorKind::invalidSpec);
  CHECK(errorOf([&] {
          parseGemmSpec("m8n64k256s2,reduce=atomic-out,bias=yes");
        }).kind() == ErrorKind::invalidSpec);
  // Nor does a schedule that does so compute it.
  spec.reduce = Reduce::atomic;
  validate(spec);
  Engine engine(openEmulator(), {.disk = false});
  CHECK(errorOf([&] {
          engine.gemm(spec,
                      parseSchedule("bm8bn32bk64w1st2s2,reduce=atomic-out"));
        }).kind() == ErrorKind::invalidSpec);
  CHECK(errorOf([&] { parseGemmSpec("m8n64k256,bias=1"); })
            .message()
            .ends_with("and all are no, yes"));
}

TEST_CASE("the text of an epilogue is read as it is printed") {
  for (const char *text : {"", "bias=yes"})
    CHECK(print(parseEpilogue(text)) == text);
  CHECK(parseEpilogue("bias=no") == Epilogue{});
  CHECK(errorOf([] { parseEpilogue("bias"); }).kind() ==
        ErrorKind::invalidSpec);
  for (const char *text :
       {"m8n64k256g128,bias=yes", "m8n64k256g128s2,x=bf16,w=u4z,layout=packed,"
                                  "launch=chained,reduce=atomic,bias=yes"})
    CHECK(print(parseGemmSpec(text)) == text);
}
