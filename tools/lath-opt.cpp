// Runs any of Lath's passes on MLIR text, for lit tests and for reading.
#include "compiler/Context.h"
#include "compiler/transforms/Passes.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  lath::registerDialects(registry);
  lath::registerPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "Lath's passes on tile programs\n", registry));
}
