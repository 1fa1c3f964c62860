// The same kernel on a GPU: bytes for bytes what the emulator leaves.
#pragma once

#include "runtime/TensorMap.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace lath::test {

using Bytes = std::vector<std::uint8_t>;

/// A GPU that runs sm_90a code, opened once; null where there is none. A test
/// case that asks for it is tagged [gpu], and its checks on the emulator hold
/// everywhere.
std::shared_ptr<Device> gpuForAgreement();

/// A tensor map of the GPU's, by the driver's own encoder.
EncodedTensorMap encodeOnGpu(const TensorMap &map);

/// The contents of buffers.
std::vector<Bytes> contents(Device &device,
                            const std::vector<const DeviceBuffer *> &buffers);

/// Launches `ptx` on `device` with a buffer for each of its parameters, made
/// of `before`; what they hold afterwards.
std::vector<Bytes> launched(const std::shared_ptr<Device> &device,
                            const Ptx &ptx, const std::vector<Bytes> &before,
                            std::array<unsigned, 3> grid);

/// Checks that a launch on the GPU that finds `before` leaves `after`. Does
/// nothing where there is no GPU. `describe` tells of a buffer's byte that
/// differs.
void checkGpuLeaves(
    const Ptx &ptx, const std::vector<Bytes> &before,
    const std::vector<Bytes> &after, std::array<unsigned, 3> grid = {1, 1, 1},
    const std::function<std::string(std::size_t buffer, std::size_t byte)>
        &describe = {});

} // namespace lath::test
