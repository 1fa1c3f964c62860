// The `tile` dialect: what a block of threads does with tiles.
#ifndef LATH_TILE_DIALECT
#define LATH_TILE_DIALECT

include "mlir/IR/OpBase.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::lath::tile";
  let summary = "Tiles in registers and shared memory of one thread block";
  let description = [{
    A function is a kernel; a block of threads executes it once. Register
    tiles are builtin tensors. Before layout assignment they have no encoding;
    after it every one has a `#tile.layout`, which says which register of
    which lane of which warp holds each element. `arith`, `math` and `scf` are
    used as they are.
  }];
  let useDefaultAttributePrinterParser = 1;
  let useDefaultTypePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerTypes();
  }];
  let hasOperationAttrVerify = 1; // tile.schedule
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::scf::SCFDialect"];
}

#endif
