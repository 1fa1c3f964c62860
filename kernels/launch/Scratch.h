// Scratch memory of one kernel, for launches on a stream that cannot have its
// own: one that somebody else makes and captures, as the timers do.
#pragma once

#include "kernels/launch/Kernel.h"

#include <memory>

namespace lath {

/// Launches that share one must be ordered. Empty for kernels that need none.
class Scratch {
public:
  Scratch() = default;
  Scratch(const std::shared_ptr<Device> &device, const Kernel &kernel)
      : Scratch(device, kernel.workspace()) {}

  /// The arguments with this memory.
  GemmArguments with(GemmArguments arguments) const {
    arguments.workspace = workspace_.get();
    arguments.workspaceBytes = workspace_.bytes();
    arguments.tickets = tickets_.get();
    arguments.ticketBytes = tickets_.bytes();
    return arguments;
  }

private:
  Scratch(const std::shared_ptr<Device> &device, const WorkspaceSize &size)
      : workspace_(device, size.workspace), tickets_(device, size.tickets) {
    for (const DeviceBuffer *buffer : {&workspace_, &tickets_})
      if (buffer->bytes())
        device->fill(buffer->get(), 0, buffer->bytes());
    device->synchronize();
  }

  DeviceBuffer workspace_, tickets_;
};

} // namespace lath
