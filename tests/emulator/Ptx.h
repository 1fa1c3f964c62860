// Small kernels written by hand, launched on the emulator.
#pragma once

#include "runtime/EmulatedDevice.h"
#include "tests/emulator/OnGpu.h"

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace lath::test {

/// An emulator that keeps its findings for the test to look at. On one host
/// thread, since which block arrives last decides how some bugs show.
inline std::shared_ptr<EmulatedDevice> quietEmulator(unsigned threads = 1) {
  EmulatorOptions options;
  options.throwOnReport = false;
  options.threads = threads;
  options.maxInstructions = 1u << 20;
  return openEmulator("sm_90a", options);
}

struct KernelText {
  std::string body; ///< instructions; pointers are in %rd1, %rd2, ...
  unsigned threads = 32;
  unsigned shared = 0;         ///< dynamic; its address is in %r0
  std::string directives = {}; ///< after .reqntid: ".reqnctapercluster 2, 1, 1"
};

/// The PTX of a kernel `k` with `pointers` parameters p0, p1, ... Registers:
/// %p<32> .pred, %h<64> .b16, %r<512> .b32, %f<512> .f32, %rd<64> .b64,
/// %d<16> .f64; %tid.x is in %r1.
inline Ptx makePtx(const KernelText &k, unsigned pointers) {
  Ptx ptx;
  ptx.entry = "k";
  ptx.target = "sm_90a";
  ptx.threads = k.threads;
  ptx.sharedBytes = k.shared;
  ptx.text = ".version 8.6\n.target sm_90a\n.address_size 64\n"
             ".extern .shared .align 1024 .b8 memory[];\n.visible .entry k(\n";
  for (unsigned n = 0; n < pointers; ++n) {
    ptx.text += "  .param .u64 .ptr .global .align 16 k_param_" +
                std::to_string(n) + (n + 1 < pointers ? ",\n" : "\n");
    ptx.params.push_back({KernelParam::Kind::view, "p" + std::to_string(n)});
  }
  ptx.text += ")\n.reqntid " + std::to_string(k.threads) + "\n" + k.directives +
              "\n{\n.reg .pred %p<32>;\n.reg .b16 %h<64>;\n.reg .b32 %r<512>;\n"
              ".reg .f32 %f<512>;\n.reg .b64 %rd<64>;\n.reg .f64 %d<16>;\n";
  for (unsigned n = 0; n < pointers; ++n)
    ptx.text += "ld.param.b64 %rd" + std::to_string(n + 1) + ", [k_param_" +
                std::to_string(n) + "];\n";
  ptx.text +=
      "mov.b32 %r0, memory;\nmov.u32 %r1, %tid.x;\n" + k.body + "\nret;\n}\n";
  return ptx;
}

/// Launches `ptx` with one buffer for each parameter.
inline void launchPtx(EmulatedDevice &device, const Ptx &ptx,
                      const std::vector<DevicePtr> &buffers,
                      std::array<unsigned, 3> grid = {1, 1, 1},
                      bool dependent = false) {
  LaunchConfig config;
  config.grid = grid;
  config.dependent = dependent;
  device.load(ptx)->launch(nullptr, config, buffers);
}

/// The same on a GPU too, if there is one: it must leave the same bytes.
inline void launchOnBoth(EmulatedDevice &device, const Ptx &ptx,
                         const std::vector<const DeviceBuffer *> &buffers,
                         std::array<unsigned, 3> grid = {1, 1, 1}) {
  std::vector<Bytes> before = contents(device, buffers);
  std::vector<DevicePtr> pointers;
  for (const DeviceBuffer *buffer : buffers)
    pointers.push_back(buffer->get());
  launchPtx(device, ptx, pointers, grid);
  checkGpuLeaves(ptx, before, contents(device, buffers), grid);
}

template <typename T>
std::vector<T> downloaded(EmulatedDevice &device, const DeviceBuffer &buffer) {
  std::vector<T> data(buffer.bytes() / sizeof(T));
  device.download(data.data(), buffer.get(), buffer.bytes());
  return data;
}

/// What a block of one warp stores as 32 words: `body` computes %r2 from
/// %r1 = lane and %r10 = inputs[lane] (and %r11, %r12 from further inputs).
inline std::vector<std::uint32_t>
evaluate(const std::string &body,
         const std::vector<std::vector<std::uint32_t>> &inputs = {},
         const std::string &result = "%r2") {
  auto device = quietEmulator();
  std::vector<std::uint32_t> flat;
  std::string text =
      "mul.wide.u32 %rd10, %r1, 4;\nadd.s64 %rd11, %rd1, %rd10;\n";
  for (std::size_t n = 0; n < inputs.size(); ++n) {
    flat.insert(flat.end(), inputs[n].begin(), inputs[n].end());
    flat.resize((n + 1) * 32, 0);
    text += "ld.global.b32 %r" + std::to_string(10 + n) + ", [%rd11+" +
            std::to_string(128 * n) + "];\n";
  }
  if (flat.empty())
    flat.resize(32);
  text += body + "\nadd.s64 %rd12, %rd2, %rd10;\nst.global.b32 [%rd12], " +
          result + ";\n";
  DeviceBuffer in = uploaded(device, flat);
  DeviceBuffer out(device, 128);
  launchOnBoth(*device, makePtx({text}, 2), {&in, &out});
  std::string problems;
  for (const Report &report : device->takeReports())
    problems += print(report) + "\n";
  if (!problems.empty())
    throw Error(ErrorKind::internal, problems);
  return downloaded<std::uint32_t>(*device, out);
}

} // namespace lath::test
