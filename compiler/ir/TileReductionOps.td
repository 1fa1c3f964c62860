// What the elements along one dimension come to.
#ifndef LATH_TILE_REDUCTION_OPS
#define LATH_TILE_REDUCTION_OPS

/// Conditions, integers and sums of floats.
def Tile_Combinable : StaticShapeTensorOf<[F32, I1, I32, I64]>;

def Tile_ReduceOp : Tile_Op<"reduce", [Pure, AllElementTypesMatch<["source", "result"]>,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["resultLayout"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface>,
    DeclareOpInterfaceMethods<Tile_ScratchInterface, ["waitsForThreads"]>]> {
  let summary = "combine along one dimension";
  let description = [{
    `result[i, 0] = combine over j of source[i, j]` for `dim = 1`. The result
    keeps the dimension with extent 1. The order is fixed: equal inputs give
    equal bits.

    ```mlir
    %b = tile.reduce max %t dim 1 : tensor<16x64xf32> -> tensor<16x1xf32>
    %c = tile.reduce umin %u dim 0 : tensor<16x64xi32> -> tensor<1x64xi32>
    %d = tile.reduce and %v dim 1 : tensor<16x64xi1> -> tensor<16x1xi1>
    ```
  }];
  let arguments = (ins Tile_Combine:$combine, Tile_Combinable:$source, I32Attr:$dim);
  let results = (outs Tile_Combinable:$result);
  let assemblyFormat = "$combine $source `dim` $dim attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_ScanOp : Tile_Op<"scan", [Pure, AllTypesMatch<["source", "result"]>,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["resultLayout"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface>,
    DeclareOpInterfaceMethods<Tile_ScratchInterface, ["waitsForThreads"]>]> {
  let summary = "combine each element with those ahead of it";
  let description = [{
    `result[i, j] = combine over l <= j of source[i, l]` for `dim = 1`. The order
    is fixed: equal inputs give equal bits.

    ```mlir
    %b = tile.scan add %t dim 1 : tensor<16x64xf32> -> tensor<16x64xf32>
    ```
  }];
  let arguments = (ins Tile_Combine:$combine, Tile_Combinable:$source, I32Attr:$dim);
  let results = (outs Tile_Combinable:$result);
  let assemblyFormat = "$combine $source `dim` $dim attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

#endif
