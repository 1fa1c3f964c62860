// Protects: on a GPU the same PTX and inputs give what the emulator gives:
// data movement and integers bit for bit, matrix results to within the order
// of their sums. Without a GPU these tests pass over themselves.
#include "compiler/base/Half.h"
#include "compiler/base/Target.h"
#include "kernels/examples/Examples.h"
#include "runtime/CudaDevice.h"
#include "tests/emulator/Gemm.h"
#include "tests/emulator/OnGpu.h"

#include <catch2/catch.hpp>

#include <bit>
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

/// The output of an example on random inputs of `dtype`.
Bytes runExample(const std::shared_ptr<Device> &device, const Example &example,
                 const ExampleSizes &s, Dtype dtype) {
  bool matmul = example.name.starts_with("matmul");
  auto input = [&](std::int64_t rows, std::int64_t columns,
                   std::uint64_t seed) {
    std::vector<std::uint16_t> halves =
        randomActivations(rows, columns, Dtype::f16, seed);
    Bytes bytes;
    for (std::uint16_t h : halves) {
      float value = toFloat(h, Dtype::f16);
      auto word = dtype == Dtype::i32 ? std::uint32_t{h} * 0x9e3779b9u
                                      : std::bit_cast<std::uint32_t>(value);
      bool narrow = dtype == Dtype::f16 || dtype == Dtype::bf16;
      std::uint32_t bits = dtype == Dtype::f16 ? h : narrow ? word >> 16 : word;
      for (unsigned b = 0; b < (narrow ? 2u : 4u); ++b)
        bytes.push_back(static_cast<std::uint8_t>(bits >> 8 * b));
    }
    return bytes;
  };
  std::vector<Bytes> inputs{input(s.m, matmul ? s.k : s.n, 5)};
  if (example.name != "softmax")
    inputs.push_back(input(matmul ? s.k : 1, s.n, 6));
  std::vector<DeviceBuffer> buffers;
  std::vector<std::uint64_t> arguments{
      static_cast<std::uint64_t>(example.scalar(s))};
  for (const Bytes &bytes : inputs) {
    buffers.emplace_back(device, bytes.size());
    device->upload(buffers.back().get(), bytes.data(), bytes.size());
    arguments.push_back(buffers.back().get());
  }
  std::size_t width = inputs[0].size() / (s.m * (matmul ? s.k : s.n));
  DeviceBuffer out(device, width * static_cast<std::size_t>(s.m * s.n));
  device->fill(out.get(), 0xff, out.bytes());
  arguments.push_back(out.get());
  LaunchConfig config;
  config.grid = example.grid(s);
  device
      ->load(compile(*example.build(s, dtype),
                     compileOptions(example, target(device->info().target)))
                 .ptx)
      ->launch(nullptr, config, arguments);
  device->synchronize();
  Bytes result(out.bytes());
  device->download(result.data(), out.get(), out.bytes());
  return result;
}

std::vector<double> wide(const Bytes &bytes, Dtype dtype) {
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
  for (const Example &example : examples()) {
    if (example.name != "vector_add")
      continue;
    for (Dtype dtype : {Dtype::i32, Dtype::f32, Dtype::f16, Dtype::bf16})
      for (std::int64_t n : {1, 1000, 4096, 100003}) {
        INFO(name(dtype) << " n = " << n);
        ExampleSizes sizes{1, n, 1};
        CHECK((runExample(both.gpu, example, sizes, dtype) ==
               runExample(both.emulator, example, sizes, dtype)));
      }
  }
}

TEST_CASE("GPU and emulator agree on softmax and matmul", "[gpu]") {
  Pair both;
  if (!both)
    return;
  for (const Example &example : examples()) {
    if (example.name == "vector_add")
      continue;
    std::vector<ExampleSizes> sizes = {
        {64, 64, 64}, {33, 72, 200}, {65, 67, 71}};
    if (example.name == "softmax")
      sizes = {{5, 7, 1}, {33, 100, 1}, {9, 3001, 1}};
    for (Dtype dtype : {Dtype::f16, Dtype::bf16})
      for (const ExampleSizes &s : sizes) {
        INFO(example.name << " " << name(dtype) << " " << s.m << " x " << s.n);
        std::vector<double> there = wide(
                                runExample(both.gpu, example, s, dtype), dtype),
                            here = wide(
                                runExample(both.emulator, example, s, dtype),
                                dtype);
        double difference = 0, size = 0;
        for (std::size_t n = 0; n < here.size(); ++n) {
          difference += (there[n] - here[n]) * (there[n] - here[n]);
          size += here[n] * here[n];
        }
        CHECK(std::sqrt(difference / size) <= bound(dtype, Reduce::none));
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
