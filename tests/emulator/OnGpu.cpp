#include "tests/emulator/OnGpu.h"

#include "runtime/CudaContext.h"
#include "runtime/CudaDevice.h"

#include <catch2/catch.hpp>
#include <dlfcn.h>
#include <fmt/format.h>

namespace lath::test {

std::shared_ptr<Device> gpuForAgreement() {
  static const std::shared_ptr<Device> gpu = [] {
    std::shared_ptr<Device> none;
    if (cudaDeviceCount() == 0)
      return none;
    std::shared_ptr<Device> device = openCuda(0);
    return device->info().target == "sm_90a" ? device : none;
  }();
  return gpu;
}

EncodedTensorMap encodeOnGpu(const TensorMap &map) {
  // cuTensorMapEncodeTiled of cuda.h; enumerators as there.
  using Encode =
      int (*)(void *, int type, std::uint32_t rank, void *address,
              const std::uint64_t *extents, const std::uint64_t *strides,
              const std::uint32_t *box, const std::uint32_t *elementStrides,
              int interleave, int swizzle, int promotion, int fill);
  void *library = dlopen("libcuda.so.1", RTLD_NOW);
  auto function =
      reinterpret_cast<Encode>(dlsym(library, "cuTensorMapEncodeTiled"));
  REQUIRE(function);
  const std::uint32_t ones[5] = {1, 1, 1, 1, 1};
  int type = map.elementBytes == 1   ? 0
             : map.elementBytes == 2 ? 1
             : map.elementBytes == 4 ? 2
                                     : 4;
  alignas(64) EncodedTensorMap bytes{};
  // The encoder asks the current context which device it encodes for, and a
  // device leaves the thread without one between its calls.
  CudaContext context(cuda::systemDriver(), 0);
  ContextScope scope(context);
  REQUIRE(function(bytes.data(), type, map.rank,
                   reinterpret_cast<void *>(map.address), map.extents.data(),
                   map.strides.data(), map.box.data(), ones, 0,
                   static_cast<int>(map.swizzle), 0, 0) == 0);
  return bytes;
}

std::vector<Bytes> contents(Device &device,
                            const std::vector<const DeviceBuffer *> &buffers) {
  std::vector<Bytes> all;
  for (const DeviceBuffer *buffer : buffers) {
    all.emplace_back(buffer->bytes());
    device.download(all.back().data(), buffer->get(), buffer->bytes());
  }
  return all;
}

std::vector<Bytes> launched(const std::shared_ptr<Device> &device,
                            const Ptx &ptx, const std::vector<Bytes> &before,
                            std::array<unsigned, 3> grid) {
  std::vector<DeviceBuffer> buffers;
  std::vector<const DeviceBuffer *> all;
  std::vector<std::uint64_t> arguments;
  for (const Bytes &bytes : before) {
    buffers.emplace_back(device, bytes.size());
    device->upload(buffers.back().get(), bytes.data(), bytes.size());
    arguments.push_back(buffers.back().get());
  }
  for (const DeviceBuffer &buffer : buffers)
    all.push_back(&buffer);
  LaunchConfig config;
  config.grid = grid;
  device->load(ptx)->launch(nullptr, config, arguments);
  device->synchronize();
  return contents(*device, all);
}

void checkGpuLeaves(
    const Ptx &ptx, const std::vector<Bytes> &before,
    const std::vector<Bytes> &after, std::array<unsigned, 3> grid,
    const std::function<std::string(std::size_t, std::size_t)> &describe) {
  std::shared_ptr<Device> gpu = gpuForAgreement();
  if (!gpu)
    return;
  std::vector<Bytes> there = launched(gpu, ptx, before, grid);
  for (std::size_t n = 0; n < after.size(); ++n) {
    std::size_t wrong = 0, first = 0;
    for (std::size_t byte = after[n].size(); byte-- > 0;)
      if (there[n][byte] != after[n][byte]) {
        ++wrong;
        first = byte;
      }
    if (!wrong) {
      CHECK(there[n] == after[n]);
      continue;
    }
    std::size_t word = first / 4 * 4;
    auto wordOf = [&](const Bytes &bytes) {
      std::uint32_t value = 0;
      for (std::size_t b = word; b < std::min(word + 4, bytes.size()); ++b)
        value |= std::uint32_t{bytes[b]} << 8 * (b - word);
      return value;
    };
    FAIL_CHECK(fmt::format(
        "{} bytes of buffer {} differ, the first at byte {}: the GPU has "
        "{:#010x} there, the emulator {:#010x}{}",
        wrong, n, first, wordOf(there[n]), wordOf(after[n]),
        describe ? "\n" + describe(n, first) : ""));
  }
}

} // namespace lath::test
