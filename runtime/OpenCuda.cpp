// A GPU that assembles with what is installed. Apart from CudaDevice.cpp, which
// serves programs that bring their machine code and have no assembler.

#include "runtime/CudaDevice.h"

namespace lath {

std::shared_ptr<Device> openCuda(int ordinal) {
  // The tool chain is looked for at the first load, not here: a program that
  // brings its own machine code needs none.
  return openCuda(
      cuda::systemDriver(),
      [](const Ptx &ptx) { return assembleIfPossible(ptx, toolchain()); },
      ordinal, [] { return toolchain().identity(); });
}

} // namespace lath
