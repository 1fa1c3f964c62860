// Protects what a launch makes by itself: tensor maps of its arguments, and the
// grid of a persistent kernel.
#include "runtime/TensorMap.h"
#include "runtime/CudaDevice.h"
#include "runtime/CudaKernel.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/runtime/FakeDriver.h"

#include <catch2/catch.hpp>

using namespace lath;
using namespace lath::cuda;
using namespace lath::test;

namespace {

/// m rows of 4096 halves, in boxes of 128 rows of 64.
Ptx tensorPtx() {
  Ptx ptx;
  ptx.entry = "copy";
  ptx.target = "sm_90a";
  ptx.threads = 128;
  ptx.params = {{KernelParam::Kind::scalar, "m"},
                {KernelParam::Kind::view, "x", Dtype::f16},
                {KernelParam::Kind::tensorMap, "x", Dtype::f16}};
  ptx.tensorMaps = {{.param = 1,
                     .elementBytes = 2,
                     .extents = {{0, 0}, {4096, -1}},
                     .box = {128, 64},
                     .swizzleBits = 3}};
  return ptx;
}

std::shared_ptr<Device> openFake(const Driver &driver) {
  return openCuda(driver, [](const Ptx &) { return std::nullopt; });
}

const std::vector<char> machineCode{'E', 'L', 'F'};

} // namespace

TEST_CASE("a tensor map follows from a launch's arguments", "[runtime]") {
  const Ptx ptx = tensorPtx();
  const std::uint64_t arguments[] = {300, 0x10000};
  const TensorMap map = tensorMap(ptx, ptx.tensorMaps[0], arguments);
  CHECK(map.address == 0x10000);
  CHECK(map.rank == 2);
  CHECK(map.elementBytes == 2);
  // The first dimension is the contiguous one.
  CHECK(map.extents[0] == 4096);
  CHECK(map.extents[1] == 300);
  CHECK(map.strides[0] == 8192);
  CHECK(map.box[0] == 64);
  CHECK(map.box[1] == 128);
  CHECK(map.swizzle == TensorSwizzle::bytes128);
}

TEST_CASE("arrays that tensor copies cannot read are refused by their name",
          "[runtime]") {
  Ptx ptx = tensorPtx();
  auto message = [&](std::uint64_t m, std::uint64_t x) {
    const std::uint64_t arguments[] = {m, x};
    return errorOf([&] { tensorMap(ptx, ptx.tensorMaps[0], arguments); })
        .message();
  };
  CHECK(message(3, 0x10008) ==
        "launch of copy: x is at 65544; tensor copies take multiples of 16");
  CHECK(message(3, 0) ==
        "launch of copy: x is at 0; tensor copies take multiples of 16");
  CHECK(message(0, 0x10000) ==
        "launch of copy: x has no elements along dimension 0");
  ptx.tensorMaps[0].extents = {{4096, -1}, {0, 0}};
  CHECK(message(12, 0x10000) == "launch of copy: x has rows of 24 bytes; "
                                "tensor copies take multiples of 16");
}

TEST_CASE("a launch makes its tensor maps and calls nothing else",
          "[runtime]") {
  std::shared_ptr<Device> device = openFake(fakeDriver());
  auto kernel = device->loadAssembled(tensorPtx(), machineCode);
  record().current = primaryContext();
  record().calls.clear();
  record().paramCount = 3;
  const std::uint64_t arguments[] = {300, 0x10000};
  kernel->launch(nullptr, {.grid = {4, 3, 1}}, arguments);
  CHECK(record().calls == std::vector<std::string>{"ctxGetCurrent",
                                                   "tensorMapEncodeTiled",
                                                   "launchKernelEx"});
  CHECK(record().tensorMap ==
        std::vector<std::uint64_t>{CU_TENSOR_MAP_DATA_TYPE_UINT16, 2,
                                   CU_TENSOR_MAP_SWIZZLE_128B, 0x10000, 4096,
                                   300, 8192, 64, 128});
  REQUIRE(record().launches.size() == 1);
  CHECK(record().launches[0].wide[1] == 0x10000);
  CHECK(record().launches[0].wide[2] == 0x10000); // the map's first word
  CHECK(record().launches[0].config.gridDimX == 4);
  CHECK(record().launches[0].config.gridDimY == 3);
}

TEST_CASE("a map that the driver refuses is said to be of its array",
          "[runtime]") {
  std::shared_ptr<Device> device = openFake(fakeDriver());
  auto kernel = device->loadAssembled(tensorPtx(), machineCode);
  record().failing["tensorMapEncodeTiled"] = CUDA_ERROR_INVALID_VALUE;
  const std::uint64_t arguments[] = {300, 0x10000};
  CHECK_THROWS_WITH(kernel->launch(nullptr, {}, arguments),
                    Catch::Contains("cuTensorMapEncodeTiled") &&
                        Catch::Contains("of x for") &&
                        Catch::Contains("'copy'"));
  CHECK(record().launches.empty());
}

TEST_CASE("kernels that take tensor maps are refused where none are made",
          "[runtime]") {
  Driver old = fakeDriver();
  old.tensorMapEncodeTiled = nullptr;
  std::shared_ptr<Device> device = openFake(old);
  CHECK(errorOf([&] {
          device->loadAssembled(tensorPtx(), machineCode);
        }).message() == "kernel 'copy' takes tensor maps: it needs the driver "
                        "of CUDA 12.0 or later");
  Ptx many = tensorPtx();
  many.tensorMaps.resize(maxTensorMaps + 1, many.tensorMaps[0]);
  CHECK(errorOf([&] {
          openFake(fakeDriver())->loadAssembled(many, machineCode);
        }).message() ==
        "kernel 'copy' has 9 tensor maps, a launch takes at most 8");
}

TEST_CASE("a persistent kernel gets the grid that it walks over", "[runtime]") {
  std::shared_ptr<Device> device = openFake(fakeDriver());
  Ptx ptx = tensorPtx();
  ptx.tensorMaps.clear();
  ptx.params = {{KernelParam::Kind::scalar, "m"},
                {KernelParam::Kind::gridX, "grid_x"},
                {KernelParam::Kind::gridY, "grid_y"}};
  ptx.persistent = true;
  auto kernel = device->loadAssembled(ptx, machineCode);
  record().paramCount = 1; // values of four bytes
  const std::uint64_t arguments[] = {300};
  kernel->launch(nullptr, {.grid = {400, 30, 1}}, arguments);
  kernel->launch(nullptr, {.grid = {4, 3, 1}}, arguments);
  REQUIRE(record().launches.size() == 2);
  // As many blocks as run at once, or as there are tiles.
  CHECK(record().launches[0].config.gridDimX == 132 * kernel->blocksPerSm());
  CHECK(record().launches[1].config.gridDimX == 12);
  CHECK(record().launches[1].config.gridDimY == 1);
  CHECK_THROWS_WITH(kernel->launch(nullptr, {}, {}),
                    "kernel 'copy' takes 1 arguments, got 0");
}
