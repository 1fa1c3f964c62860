// Protects: on a GPU the same PTX and inputs give what the emulator gives:
// data movement and integers bit for bit, matrix results to within the order
// of their sums. Without a GPU these tests pass over themselves.
#include "compiler/base/Half.h"
#include "compiler/base/Target.h"
#include "kernels/examples/Examples.h"
#include "kernels/programs/ProgramBench.h"
#include "runtime/CudaDevice.h"
#include "tests/emulator/ExampleSizes.h"
#include "tests/emulator/Gemm.h"
#include "tests/emulator/OnGpu.h"

#include <catch2/catch.hpp>

#include <cmath>

using namespace lath;
using namespace lath::test;

namespace {

/// `schedule`: the engine's choice where empty.
std::vector<std::uint16_t> run(const std::shared_ptr<Device> &device,
                               const GemmSpec &spec,
                               const std::string &schedule = "") {
  Workbench bench(device, spec, 3);
  Engine engine(device);
  Kernel kernel = schedule.empty() ? engine.gemm(spec)
                                   : engine.gemm(spec, parseSchedule(schedule));
  bench.poisonOutput();
  kernel.launch(nullptr, bench.arguments());
  std::vector<std::uint16_t> result = bench.result();
  result.resize(static_cast<std::size_t>(spec.m * spec.n));
  return result;
}

} // namespace

namespace {

/// A GPU and an emulator of its kind; nothing where there is no GPU.
struct Pair {
  std::shared_ptr<Device> gpu;
  std::shared_ptr<EmulatedDevice> emulator;

  Pair() {
    if (cudaDeviceCount() == 0) {
      WARN("no device");
      return;
    }
    gpu = openCuda(0);
    emulator = openEmulator(gpu->info().target);
  }
  explicit operator bool() const { return gpu != nullptr; }
};

std::unique_ptr<ProgramBench> launched(const std::shared_ptr<Device> &device,
                                       const Example &example,
                                       std::string_view sizes, Dtype dtype) {
  auto bench = std::make_unique<ProgramBench>(
      device, example.problem(parseSizes(sizes, example.sizes), dtype), 5);
  bench->launch();
  return bench;
}

std::vector<double> wide(const std::vector<unsigned char> &bytes, Dtype dtype) {
  std::vector<double> values;
  for (std::size_t at = 0; at < bytes.size(); at += 2)
    values.push_back(toFloat(
        static_cast<std::uint16_t>(bytes[at] | bytes[at + 1] << 8), dtype));
  return values;
}

} // namespace

TEST_CASE("GPU and emulator agree bit for bit on vector sums", "[gpu]") {
  Pair both;
  if (!both)
    return;
  for (Dtype dtype : {Dtype::i32, Dtype::f32, Dtype::f16, Dtype::bf16})
    for (const char *sizes : {"n=1", "n=1000", "n=4096", "n=100003"}) {
      INFO(name(dtype) << " " << sizes);
      CHECK(
          (launched(both.gpu, vectorAddExample, sizes, dtype)->outputs() ==
           launched(both.emulator, vectorAddExample, sizes, dtype)->outputs()));
    }
}

TEST_CASE("GPU and emulator agree on softmax and matmul", "[gpu]") {
  Pair both;
  if (!both)
    return;
  const std::vector<const char *> products = {
      "m=64,n=64,k=64", "m=33,n=72,k=200", "m=65,n=67,k=71"};
  for (auto &[example, sizes] :
       {std::pair{&softmaxExample,
                  std::vector{"rows=5,columns=7", "rows=33,columns=100",
                              "rows=9,columns=3001"}},
        std::pair{&matmulKnExample, products},
        std::pair{&matmulNkExample, products}})
    for (Dtype dtype : {Dtype::f16, Dtype::bf16})
      for (const char *size : sizes) {
        INFO(example->name << " " << name(dtype) << " " << size);
        std::vector<double>
            there = wide(launched(both.gpu, *example, size, dtype)->outputs(),
                         dtype),
            here =
                wide(launched(both.emulator, *example, size, dtype)->outputs(),
                     dtype);
        double difference = 0, norm = 0;
        for (std::size_t n = 0; n < here.size(); ++n) {
          difference += (there[n] - here[n]) * (there[n] - here[n]);
          norm += here[n] * here[n];
        }
        CHECK(std::sqrt(difference / norm) <= bound(dtype, Reduce::none));
      }
}

TEST_CASE("every example is right on a GPU", "[gpu]") {
  Pair both;
  if (!both)
    return;
  for (auto &[name, sizes] : exampleSizes)
    for (std::string_view size : sizes)
      for (Dtype dtype : {Dtype::f16, Dtype::bf16}) {
        INFO(name << " " << size << " " << lath::name(dtype));
        auto bench = launched(both.gpu, example(name), size, dtype);
        for (const OutputCheck &output : bench->check()) {
          INFO(output.name << ": error " << output.error << ", bound "
                           << output.bound << ", strays " << output.strays);
          CHECK(output.ok());
        }
      }
}

TEST_CASE("GPU and emulator agree on GEMMs", "[gpu]") {
  Pair both;
  if (!both)
    return;
  for (const char *text :
       {"m16n512k1024g128s4", "m16n512k512g64s1,w=u4z1",
        "m8n256k1024g128s4,reduce=atomic", "m16n256k512g32s2,x=bf16",
        "m64n256k512g128s2", "m16n4096k4096g128s8"}) {
    INFO(text);
    GemmSpec spec = parseGemmSpec(text);
    std::vector<std::uint16_t> there = run(both.gpu, spec),
                               here = run(both.emulator, spec);
    std::vector<double> reference;
    for (std::uint16_t bits : here)
      reference.push_back(toFloat(bits, spec.x));
    Comparison c =
        compare(there.data(), spec.x, reference.data(), spec.m, spec.n);
    CHECK(c.relativeFrobenius <=
          bound(spec.x, spec.split == 1 ? Reduce::none : spec.reduce));
  }
}

/// Many launches on the GPU: what it orders by luck comes out wrong at times.
static void checkAgreement(const Pair &both, const std::string &text,
                           const std::string &schedule) {
  GemmSpec spec = parseGemmSpec(text + ",layout=packed");
  INFO(text << " by " << schedule);
  std::vector<double> reference;
  for (std::uint16_t bits : run(both.emulator, spec, schedule))
    reference.push_back(toFloat(bits, spec.x));
  for (int n = 0; n < 20; ++n) {
    std::vector<std::uint16_t> there = run(both.gpu, spec, schedule);
    Comparison c =
        compare(there.data(), spec.x, reference.data(), spec.m, spec.n);
    CHECK(c.nonFinite == 0);
    CHECK(c.relativeFrobenius <= bound(spec.x, Reduce::none));
  }
}

TEST_CASE("GPU and emulator agree on GEMMs by bulk copies", "[gpu]") {
  Pair both;
  if (!both)
    return;
  if (!target(both.gpu->info().target).hasBulkCopies()) {
    WARN("no bulk copies on " << both.gpu->info().name);
    return;
  }
  // Whole tiles; ragged ones with a tail of K; splits; a dependent launch.
  for (auto [text, schedule] : {
           std::pair{"m16n4096k4096g128",
                     "bm16bn64bk512w8kw8st3s1,scales=sums"},
           std::pair{"m13n200k2144g32,w=u4z1", "bm16bn64bk128w4kw2st4s1"},
           std::pair{"m16n520k1088g64,x=bf16",
                     "bm16bn64bk128w4kw2st3s2,reduce=cluster"},
           std::pair{"m32n1544k2112g64", "bm32bn64bk128w4kw2st2s4"},
           std::pair{"m16n4096k4096g128", "bm16bn64bk256w4kw4st3s1,dep=end"},
       })
    for (const char *producers : {"", ",producers=1"})
      checkAgreement(both, text,
                     std::string(schedule) + ",weights=bulk" + producers);
}

TEST_CASE("GPU and emulator agree on GEMMs by wgmma", "[gpu]") {
  Pair both;
  if (!both)
    return;
  if (!target(both.gpu->info().target).hasWarpgroupMma()) {
    WARN("no wgmma on " << both.gpu->info().name);
    return;
  }
  // One warpgroup and more, all types, widths, ways of the weights and sums.
  for (auto [text, schedule] : {
           std::pair{"m32n4096k4096g128", "bm32bn64bk128w4st4s1,scales=sums"},
           std::pair{"m64n4096k4096g128", "bm64bn128bk128w8st3s1"},
           std::pair{"m13n200k2144g32,w=u4z1",
                     "bm16bn64bk64w4st4s1,scales=sums"},
           std::pair{"m17n520k1088g64,x=bf16",
                     "bm32bn128bk128w4st2s2,reduce=cluster,weights=registers"},
           std::pair{"m128n1544k2112g64", "bm128bn256bk64w16st2s1"},
           std::pair{"m32n4096k4096g128",
                     "bm32bn128bk128w8st3s1,scales=sums,weights=bulk"},
           std::pair{
               "m8n1024k4096g128",
               "bm8bn64bk256w4st2s4,scales=sums,weights=registers,dep=end"},
       })
    checkAgreement(both, text, std::string(schedule) + ",mma=warpgroup");
}

TEST_CASE("GPU and emulator agree on clusters of any size and few rows",
          "[gpu]") {
  Pair both;
  if (!both)
    return;
  if (!target(both.gpu->info().target).hasClusters()) {
    WARN("no clusters on " << both.gpu->info().name);
    return;
  }
  for (auto [text, schedule] : {
           std::pair{"m1n3584k3584g128",
                     "bm8bn64bk128w4kw2st4s7,order=contiguous,"
                     "reduce=cluster,scales=sums"},
           std::pair{"m16n4608k3584g128",
                     "bm16bn64bk256w2st2s5,order=contiguous,reduce=cluster,"
                     "scales=sums,weights=registers"},
           std::pair{"m4n520k2112g64,w=u4z",
                     "bm8bn32bk64w2st3s3,reduce=cluster"},
           std::pair{"m2n1024k1024g128,x=bf16",
                     "bm8bn32bk256w4kw4st3s6,reduce=cluster"},
           std::pair{"m1n4096k4096g128", "bm8bn32bk1024w8kw8st3s1,scales=sums"},
       })
    checkAgreement(both, text, schedule);
}
