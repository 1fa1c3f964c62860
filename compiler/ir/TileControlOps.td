// Operations by which control flow and the host see into tiles: the bounds of a
// K loop, the element that an index or a condition is made of, and prints and
// assertions for whoever looks for a fault.
#ifndef LATH_TILE_CONTROL_OPS
#define LATH_TILE_CONTROL_OPS

def Tile_KRangeOp : Tile_Op<"k_range", [Pure]> {
  let summary = "the steps of the K loop that this block takes";
  let description = [{
    `lower, upper, step` of a loop over `[0, extent)` in steps of `step`: all
    of it, until the split-k pass replaces it by this block's share. The extent
    is a number or an operand; a loop to less than 1 has no steps.

    ```mlir
    %lo, %hi, %st = tile.k_range extent 4096 step 128
    %lower, %upper, %stride = tile.k_range extent %n step 128
    ```
  }];
  let arguments = (ins Optional<I32>:$dynamic_extent, OptionalAttr<I32Attr>:$extent,
                       I32Attr:$step);
  let results = (outs I32:$lower, I32:$upper, I32:$stride);
  let assemblyFormat = "`extent` ($dynamic_extent^) : ($extent)? `step` $step attr-dict";
  let hasVerifier = 1;
  let hasCanonicalizeMethod = 1;
}

def Tile_ExtractOp : Tile_Op<"extract", [Pure]> {
  let summary = "the element of a tile of one";
  let description = [{
    `result = source[0, ...]`, the same in all threads: every layout of one
    element has it in each of them.

    ```mlir
    %i = tile.extract %t : tensor<1xi32> -> i32
    ```
  }];
  let arguments = (ins Tile_Tensor:$source);
  let results = (outs AnyTypeOf<[AnySignlessInteger, AnyFloat]>:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_PrintOp : Tile_Op<"print", [MemoryEffects<[MemWrite]>]> {
  let summary = "print every element of a tile, from the device";
  let description = [{
    A line "kernel(x, y, z) text [i, j]: value" for each element, once, in no
    order, by the block at (x, y, z) of the grid.

    ```mlir
    tile.print "sum" %t : tensor<16x64xf32>
    tile.print "bits" %u unsigned : tensor<64xi32>
    ```
  }];
  let arguments = (ins StrAttr:$text, Tile_Tensor:$value, UnitAttr:$is_unsigned);
  let assemblyFormat = "$text $value (`unsigned` $is_unsigned^)? attr-dict `:` type($value)";
  let hasVerifier = 1;
}

def Tile_AssertOp : Tile_Op<"assert", [MemoryEffects<[MemWrite]>]> {
  let summary = "end the launch unless every element holds";
  let description = [{
    Where an element does not hold, the block prints
    "kernel(x, y, z): assertion failed: text" and traps.

    ```mlir
    tile.assert %in, "an id of the table" : tensor<64xi1>
    ```
  }];
  let arguments = (ins StaticShapeTensorOf<[I1]>:$condition, StrAttr:$text);
  let assemblyFormat = "$condition `,` $text attr-dict `:` type($condition)";
}

#endif
