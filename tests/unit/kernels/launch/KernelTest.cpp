// Parameters and what a launch binds them to; kernels whose description cannot
// be one of this version's.
#include "compiler/ir/DotLayouts.h"
#include "kernels/engine/Engine.h"
#include "kernels/launch/KernelState.h"
#include "kernels/weights/PackedWeights.h"
#include "runtime/EmulatedDevice.h"
#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>

#include <algorithm>

using namespace lath;

namespace {
class Described final : public LoadedKernel {
public:
  explicit Described(Ptx ptx) : ptx_(std::move(ptx)) {}
  const Ptx &ptx() const override { return ptx_; }
  KernelResources resources() const override { return {}; }
  unsigned blocksPerSm() const override { return 1; }
  void launch(Stream, const LaunchConfig &,
              std::span<const std::uint64_t>) const override {}

private:
  Ptx ptx_;
};
} // namespace

namespace {
/// A kernel of an f16 GEMM with symmetric weights, and the parameters given.
Error refusal(std::vector<KernelParam> params,
              const GemmSpec &spec = {.m = 8, .n = 64, .k = 256}) {
  Ptx ptx;
  ptx.entry = "strange";
  ptx.params = std::move(params);
  auto device = openEmulator();
  return test::errorOf([&] {
    KernelState(device, spec, {}, std::make_shared<Described>(ptx),
                std::make_shared<WorkspacePool>(device));
  });
}

std::vector<KernelParam> gemmParams() {
  using Kind = KernelParam::Kind;
  return {{Kind::scalar, "m", Dtype::i32},
          {Kind::view, "x", Dtype::f16},
          {Kind::view, "qweight", Dtype::u4},
          {Kind::view, "scales", Dtype::f16},
          {Kind::view, "out", Dtype::f16}};
}
} // namespace

TEST_CASE("a kernel of more parameters than a GEMM has is refused") {
  Error error = refusal(std::vector<KernelParam>(
      13, {KernelParam::Kind::scalar, "m", Dtype::i32}));
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message() ==
        "strange has 13 parameters; a GEMM has at most " +
            std::to_string(gemmOperands.size() + gemmScalars.size() + 2));
}

TEST_CASE(
    "a parameter that no argument is bound to is an error, not some other "
    "argument") {
  using Kind = KernelParam::Kind;
  struct Case {
    KernelParam param;
    const char *why;
  };
  for (const Case &c :
       {Case{{Kind::view, "mask", Dtype::f32},
             "no argument is its array 'mask' of f32; there are x, qweight, "
             "scales, out"},
        // This spec's weights are symmetric.
        Case{{Kind::view, "qzeros", Dtype::u4},
             "no argument is its array 'qzeros' of u4; there are x, qweight, "
             "scales, out"},
        Case{{Kind::scalar, "alpha", Dtype::f32},
             "no argument is its scalar 'alpha' of f32; there is m of i32"},
        Case{{Kind::scalar, "m", Dtype::f32},
             "no argument is its scalar 'm' of f32; there is m of i32"}}) {
    auto params = gemmParams();
    params.push_back(c.param);
    Error error = refusal(params);
    CHECK(error.kind() == ErrorKind::unsupported);
    CHECK(error.message() ==
          std::string("kernel strange of m8n64k256g128: ") + c.why);
  }
}

TEST_CASE("a kernel for arrays of another type, or with too few parameters, is "
          "refused") {
  auto params = gemmParams();
  params[1].type = Dtype::bf16;
  CHECK(refusal(params).message() == "kernel strange of m8n64k256g128: its "
                                     "array 'x' is of bf16; expected f16");
  params = gemmParams();
  params.pop_back();
  CHECK(refusal(params).message() ==
        "kernel strange of m8n64k256g128: it has no array 'out'; expected x, "
        "qweight, scales, out");
  // Without its rows it would write all of a tile, whatever a launch says.
  params = gemmParams();
  params.erase(params.begin());
  CHECK(refusal(params).message() ==
        "kernel strange of m8n64k256g128: it has no scalar 'm'; expected m of "
        "i32");
  GemmSpec spec{.m = 8, .n = 64, .k = 256};
  spec.zeros = Zeros::v2;
  CHECK(refusal(gemmParams(), spec).message() ==
        "kernel strange of m8n64k256g128,w=u4z: it has no array 'qzeros'; "
        "expected x, qweight, scales, qzeros, out");
}

TEST_CASE("the records of operands agree with the tensors") {
  for (GemmSpec spec :
       {parseGemmSpec("m5n40k96g32"), parseGemmSpec("m3n24k128,x=bf16,w=u4z"),
        parseGemmSpec("m3n40k96g96,w=u4z1,layout=packed")}) {
    GptqLayer layer = randomLayer(spec, 1);
    for (const GemmOperand &operand : gemmOperands) {
      if (!operand.has(spec))
        continue;
      INFO(operand.name);
      std::size_t expected =
          operand.name == "x"         ? 2 * spec.m * spec.k
          : operand.name == "out"     ? 2 * spec.m * spec.n
          : operand.name == "qweight" ? 4 * storedWeights(spec, layer).size()
          : operand.name == "scales"  ? 2 * layer.scales.size()
                                      : 4 * layer.qzeros.size();
      CHECK(operandBytes(operand, spec) == expected);
    }
  }
  CHECK(weightAtom().shape() == Shape{atomK, atomN});
}

TEST_CASE("a program of several scalars is launched with all of them") {
  auto device = openEmulator();
  Engine engine(device);
  Program p("two_scalars");
  Index n = p.scalar("n"), last = p.scalar("last");
  View from = p.view("from", Dtype::f32, {n}),
       to = p.view("to", Dtype::f32, {last});
  Range at = p.range(p.constant(0), 32);
  to.store({at}, from.load({at}));
  auto kernel = engine.load(p);
  REQUIRE(kernel->ptx().params.size() == 4);
  CHECK(kernel->ptx().params[1].name == "last");
  CHECK(kernel->ptx().params[1].type == Dtype::i32);
  CHECK(kernel->ptx().params[2].type == Dtype::f32);
  std::vector<float> values(32, 1), result(32, -1);
  DeviceBuffer a(device, 128), b(device, 128);
  device->upload(a.get(), values.data(), 128);
  device->upload(b.get(), result.data(), 128);
  LaunchConfig config;
  config.grid = {1, 1, 1};
  const std::uint64_t arguments[] = {3, 5, a.get(), b.get()};
  kernel->launch(nullptr, config, arguments);
  device->download(result.data(), b.get(), 128);
  // Of five that are stored the first three were there.
  std::vector<float> expected(32, -1);
  std::fill_n(expected.begin(), 5, 0.0f);
  std::fill_n(expected.begin(), 3, 1.0f);
  CHECK(result == expected);
}
