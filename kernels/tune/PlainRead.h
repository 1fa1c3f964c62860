// The bar for a kernel that reads its weights once: a kernel that does nothing
// else, in the tile language.
#pragma once

#include "runtime/Device.h"

#include <memory>

namespace lath {

/// Reads memory once and reduces each 32 KB to one float. Launches of one
/// object must be ordered: they share the output.
class PlainRead {
public:
  /// `bytes`: a multiple of 4. `dependent`: a launch starts, and reads, before
  /// the one ahead is done. Throws Error.
  PlainRead(const std::shared_ptr<Device> &device, std::size_t bytes,
            bool dependent = false);
  /// Reads `bytes` bytes from `memory`, aligned to 16.
  void launch(Stream stream, DevicePtr memory) const;

private:
  unsigned blocks_;
  DeviceBuffer out_;
  std::shared_ptr<const LoadedKernel> kernel_;
};

} // namespace lath
