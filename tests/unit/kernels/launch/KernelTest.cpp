// A kernel whose description cannot be one of this version's.
#include "kernels/launch/KernelState.h"
#include "runtime/EmulatedDevice.h"
#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>

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

TEST_CASE("a kernel of more parameters than a GEMM has is refused") {
  Ptx ptx;
  ptx.entry = "strange";
  for (int i = 0; i < 13; ++i)
    ptx.params.push_back({KernelParam::Kind::scalar, "m"});
  auto device = openEmulator();
  Error error = test::errorOf([&] {
    KernelState(device, {.m = 8, .n = 64, .k = 256}, {},
                std::make_shared<Described>(ptx),
                std::make_shared<WorkspacePool>(device));
  });
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message() == "strange has 13 parameters; a GEMM has at most 12");
}
