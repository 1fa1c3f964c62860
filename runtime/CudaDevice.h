// NVIDIA GPUs behind the Device interface.
#pragma once

#include "compiler/base/Api.h"
#include "runtime/Assemble.h"
#include "runtime/Device.h"
#include "runtime/Driver.h"

#include <functional>
#include <memory>
#include <optional>

namespace lath {

/// The GPUs of this process (as CUDA_VISIBLE_DEVICES has them). 0 where there
/// is no driver or it does not start: openCuda says why. Never throws.
LATH_API int cudaDeviceCount();

/// The GPU called `ordinal`, in its primary context, which is shared with the
/// CUDA runtime and PyTorch. Thread safe, and so is the device: any thread may
/// call, and each keeps the current context it had.
///
/// Device::load assembles with nvJitLink or ptxas; where neither is installed,
/// the driver assembles the text. See assemble for its errors.
///
/// Throws Error{driver}: no driver, no such device, or a call failed.
LATH_API std::shared_ptr<Device> openCuda(int ordinal = 0);

/// How a device turns PTX into machine code; nothing, or no function: leave it
/// to the driver.
using Assembler = std::function<std::optional<Cubin>(const Ptx &)>;

/// The same on a driver and an assembler of the caller's. `driver` is copied.
/// `identity` is called to say what the assembler is (Device::assembler).
LATH_API std::shared_ptr<Device>
openCuda(const cuda::Driver &driver, Assembler assembler, int ordinal = 0,
         std::function<std::string()> identity = {});

} // namespace lath
