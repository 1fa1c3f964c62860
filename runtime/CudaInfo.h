// What the driver says of a GPU.
#pragma once

#include "runtime/Device.h"
#include "runtime/Driver.h"

namespace lath {

/// Starts nothing on the device and needs no context. `target` is that of its
/// own architecture, whether or not there is code for it. Throws Error{driver}.
DeviceInfo readDeviceInfo(const cuda::Driver &driver, cuda::CUdevice device);

} // namespace lath
