// The command `lath` in the library of the Python package: one compiler serves
// both.
#include "kernels/c/lath_c.h"
#include "tools/lath/Entry.h"

extern "C" LATH_C_API int lath_main(int argc, char **argv) {
  return lath::cli::commandLine(argc, argv);
}
