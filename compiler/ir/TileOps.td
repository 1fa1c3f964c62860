// Operations of the `tile` dialect. Shapes: [M, K] etc. are power-of-two tile
// extents. Here and in TileControlOps.td is what the language writes;
// TilePassOps.td and TileBulkOps.td have what only passes write.
#ifndef LATH_TILE_OPS
#define LATH_TILE_OPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "compiler/ir/TileDialect.td"
include "compiler/ir/TileAttrs.td"
include "compiler/ir/TileInterfaces.td"
include "compiler/ir/TileTypes.td"

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

def Tile_Pointer : Type<And<[
    CPred<"::mlir::isa<::mlir::LLVM::LLVMPointerType>($_self)">,
    CPred<"::mlir::cast<::mlir::LLVM::LLVMPointerType>($_self).getAddressSpace() == 1">]>,
    "pointer to global memory">;
def Tile_Tensor : StaticShapeTensorOf<[AnyType]>;
def Tile_FloatTensor : StaticShapeTensorOf<[F16, BF16, F32]>;
/// What the tensor core multiplies, and the sums that it makes.
def Tile_FactorTensor : StaticShapeTensorOf<[F16, BF16, F32, I8, F8E4M3FN, F8E5M2]>;
def Tile_SumTensor : StaticShapeTensorOf<[F32, I32]>;
def Tile_NumberTensor : StaticShapeTensorOf<[I8, I32, I64, F8E4M3FN, F8E5M2, F16, BF16, F32]>;
def Tile_HalfTensor : StaticShapeTensorOf<[F16, BF16]>;
/// What a register of a tile holds, but for codes of weights.
def Tile_Element : AnyTypeOf<[I1, I8, I32, I64, F8E4M3FN, F8E5M2, F16, BF16, F32]>;
/// Codes of weights, several to a word.
def Tile_CodeTensor : StaticShapeTensorOf<[I<4>, SI<8>]>;

/// Where a tile starts along a dimension of a view, or each element of it.
def Tile_Start : AnyTypeOf<[I32, StaticShapeTensorOf<[I32]>]>;
/// Which dimension of the tile each one of the view runs along; -1: none. Empty:
/// dimension d along d.
def Tile_Dims : DefaultValuedAttr<DenseI64ArrayAttr, "{}">;

def Tile_ProgramIdOp : Tile_Op<"program_id", [Pure]> {
  let summary = "position of this block in the grid";
  let description = [{
    `result = blockIdx[axis]`, axis 0 to 2.

    ```mlir
    %pid = tile.program_id 0
    ```
  }];
  let arguments = (ins ConfinedAttr<I32Attr, [IntMinValue<0>, IntMaxValue<2>]>:$axis);
  let results = (outs I32:$result);
  let assemblyFormat = "$axis attr-dict";
}

def Tile_NumProgramsOp : Tile_Op<"num_programs", [Pure]> {
  let summary = "extent of the grid";
  let description = [{
    `result = gridDim[axis]`, axis 0 to 2.

    ```mlir
    %n = tile.num_programs 0
    ```
  }];
  let arguments = (ins ConfinedAttr<I32Attr, [IntMinValue<0>, IntMaxValue<2>]>:$axis);
  let results = (outs I32:$result);
  let assemblyFormat = "$axis attr-dict";
}

def Tile_ViewOp : Tile_Op<"view", [Pure, AttrSizedOperandSegments]> {
  let summary = "a global array at a pointer";
  let description = [{
    `extents` and `strides` give, in order, those that the type leaves dynamic:
    extents of 1 and more, strides of 0 and more. The pointer is aligned to 16
    bytes.

    ```mlir
    %x = tile.view %p extents %m : !llvm.ptr<1> -> !tile.view<?x4096xf16>
    %y = tile.view %p extents %m, %n strides %s
       : !llvm.ptr<1> -> !tile.view<?x?xf16, strides = [?, 1]>
    %w = tile.view %q : !llvm.ptr<1> -> !tile.view<4096x4096xi4, packed = 0>
    ```
  }];
  let arguments = (ins Tile_Pointer:$pointer, Variadic<I32>:$extents, Variadic<I32>:$strides);
  let results = (outs Tile_ViewType:$result);
  let assemblyFormat = [{
    $pointer (`extents` $extents^)? (`strides` $strides^)? attr-dict
    `:` type($pointer) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_LoadOp : Tile_Op<"load", [
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["operandLayout", "movedAtOnce"]>]> {
  let summary = "read a tile; zero outside the view";
  let description = [{
    `result[i...] = view[start + i...]`, 0 where that is outside the view.
    Packed views: `start` along the packed dimension is a multiple of the
    elements of a word.

    `along n` says which dimension of the tile a coordinate of the view runs
    along, where that is not one after the other; without it the coordinate is
    the start alone, and the tile has no such dimension. A start that is a
    tensor of the tile's rank, of extents that are the tile's or 1, gives every
    element a coordinate of its own: a gather.

    ```mlir
    %t = tile.load %x[%row, %k] : !tile.view<?x4096xf16> -> tensor<16x128xf16>
    %h = tile.load %y[%head, %row along 0, %k along 1]
       : !tile.view<8x?x64xf16> -> tensor<16x64xf16>
    %e = tile.load %x[%ids : tensor<16x1xi32>, %k along 1]
       : !tile.view<?x4096xf16> -> tensor<16x128xf16>
    ```
  }];
  let arguments = (ins Arg<Tile_ViewType, "", [Tile_ReadsGlobal]>:$view, Variadic<Tile_Start>:$start,
                       Tile_Dims:$dims);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = "$view `` custom<Starts>($start, type($start), $dims) attr-dict `:` type($view) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [
    DeclareOpInterfaceMethods<Tile_LayoutInterface,
      ["seedLayouts", "operandLayout", "movedAtOnce"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface>]> {
  let summary = "write a tile; nothing outside the view";
  let description = [{
    `view[start + i...] = value[i...]` inside the view, with starts as in
    `load`. Where elements of the tile meet in one of the view, one of them is
    written.

    ```mlir
    tile.store %t, %out[%row, %col] : tensor<16x64xf16>, !tile.view<?x4096xf16>
    tile.store %t, %out[%ids : tensor<16x1xi32>, %col along 1] : tensor<16x64xf16>, !tile.view<?x4096xf16>
    ```
  }];
  let arguments = (ins Tile_Tensor:$value, Arg<Tile_ViewType, "", [Tile_WritesGlobal]>:$view,
                       Variadic<Tile_Start>:$start, Tile_Dims:$dims);
  let assemblyFormat = "$value `,` $view `` custom<Starts>($start, type($start), $dims) attr-dict `:` type($value) `,` type($view)";
  let hasVerifier = 1;
}

def Tile_AtomicOp : Tile_Op<"atomic", [
    AttrSizedOperandSegments, AllTypesMatch<["value", "result"]>,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["operandLayout", "resultLayout", "movedAtOnce"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface>,
    DeclareOpInterfaceMethods<Tile_ScratchInterface, ["waitsForThreads"]>]> {
  let summary = "change memory atomically by element; what was there before";
  let description = [{
    `result[i...] = view[start + i...]`, and by the same access
    `view[...] = combine(view[...], value[i...])`, inside the view, relaxed,
    device scope; 0 outside. Starts as in `load`. `compare_exchange` writes the
    value where `expected` stands. A result that nobody uses costs nothing.

    ```mlir
    %old = tile.atomic add %t, %out[%row, %col] : tensor<16x64xf16>, !tile.view<?x4096xf16>
    %was = tile.atomic compare_exchange %u, %lock[%i] expects %v : tensor<1xi32>, !tile.view<?xi32>, tensor<1xi32>
    ```
  }];
  let arguments = (ins Tile_AtomicKind:$kind, Tile_Tensor:$value, Optional<Tile_Tensor>:$expected,
                       Arg<Tile_ViewType, "", [Tile_ReadsGlobal, Tile_WritesGlobal]>:$view,
                       Variadic<Tile_Start>:$start, Tile_Dims:$dims);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = [{
    $kind $value `,` $view `` custom<Starts>($start, type($start), $dims)
    (`expects` $expected^)? attr-dict `:` type($value) `,` type($view) (`,` type($expected)^)?
  }];
  let hasVerifier = 1;
}

def Tile_SplatOp : Tile_Op<"splat", [Pure, Tile_AnyWarp, Tile_AnyPlace]> {
  let summary = "a tile of one value";
  let description = [{
    `result[i...] = value`.

    ```mlir
    %t = tile.splat %zero : f32 -> tensor<16x64xf32>
    ```
  }];
  let arguments = (ins Tile_Element:$value);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_BroadcastOp : Tile_Op<"broadcast", [Pure,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["operandLayout"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface>]> {
  let summary = "repeat along extents of 1";
  let description = [{
    `result[i, j] = source[i, 0]` where `source` has extent 1.

    ```mlir
    %b = tile.broadcast %t : tensor<16x1xf32> -> tensor<16x64xf32>
    ```
  }];
  let arguments = (ins Tile_Tensor:$source);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_ReshapeOp : Tile_Op<"reshape", [Pure,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["operandLayout", "resultLayout"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface>]> {
  let summary = "same elements in row-major order under another shape";
  let description = [{
    ```mlir
    %b = tile.reshape %t : tensor<16x64xf32> -> tensor<1024xf32>
    ```
  }];
  let arguments = (ins Tile_Tensor:$source);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_TransposeOp : Tile_Op<"transpose", [Pure,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["operandLayout", "resultLayout"]>]> {
  let summary = "dimensions in another order";
  let description = [{
    Dimension d of the result is dimension `order[d]` of the source:
    `result[i[order[0]], i[order[1]], ...] = source[i[0], i[1], ...]`. Without an
    order the two of a matrix are swapped. Free: the layout is renamed.

    ```mlir
    %b = tile.transpose %t : tensor<16x64xf32> -> tensor<64x16xf32>
    %c = tile.transpose %u order [2, 0, 1] : tensor<4x16x64xf32> -> tensor<64x4x16xf32>
    ```
  }];
  let arguments = (ins Tile_Tensor:$source, OptionalAttr<DenseI32ArrayAttr>:$order);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = "$source (`order` $order^)? attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Which dimension of the source each one of the result is.
    ::llvm::SmallVector<unsigned> permutation();
  }];
}

def Tile_JoinOp : Tile_Op<"join", [Pure, AllTypesMatch<["a", "b"]>,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["operandLayout", "resultLayout"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface>]> {
  let summary = "two tiles side by side in a new last dimension";
  let description = [{
    `result[i..., 0] = a[i...]` and `result[i..., 1] = b[i...]`. A lane that has
    an element of the result has that of both operands, and chooses.

    ```mlir
    %j = tile.join %a, %b : tensor<16x64xf32>, tensor<16x64xf32> -> tensor<16x64x2xf32>
    ```
  }];
  let arguments = (ins Tile_Tensor:$a, Tile_Tensor:$b);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = "$a `,` $b attr-dict `:` type($a) `,` type($b) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_SliceOp : Tile_Op<"slice", [Pure,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["operandLayout", "resultLayout"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface>]> {
  let summary = "a part of one dimension";
  let description = [{
    `result[i, j] = source[i, start + j]` for `dim = 1`. The extents say how long
    the part is, and `start` is a multiple of that. A lane that has an element of
    the result has it in all parts of the source, and picks: free, where the
    source's lanes have all parts already.

    ```mlir
    %b = tile.slice %t dim 1 start 48 : tensor<16x64xf32> -> tensor<16x16xf32>
    ```
  }];
  let arguments = (ins Tile_Tensor:$source, I32Attr:$dim, I32Attr:$start);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = "$source `dim` $dim `start` $start attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_IotaOp : Tile_Op<"iota", [Pure, Tile_AnyWarp, Tile_AnyPlace]> {
  let summary = "the coordinates of a tile";
  let description = [{
    `result[i] = i`.

    ```mlir
    %i = tile.iota : tensor<1024xi32>
    ```
  }];
  let results = (outs 1DTensorOf<[I32]>:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Tile_InsideOp : Tile_Op<"inside", [Pure, Tile_AnyPlace,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["operandLayout"]>]> {
  let summary = "which elements of a tile lie inside a view";
  let description = [{
    `result[i...]` is whether `start + i...` lies inside the view: for
    reductions whose identity is not zero. Starts as in `load`.

    ```mlir
    %in = tile.inside %x[%row, %k] : !tile.view<?x1000xf32> -> tensor<1x1024xi1>
    ```
  }];
  let arguments = (ins Tile_ViewType:$view, Variadic<Tile_Start>:$start, Tile_Dims:$dims);
  let results = (outs StaticShapeTensorOf<[I1]>:$result);
  let assemblyFormat = "$view `` custom<Starts>($start, type($start), $dims) attr-dict `:` type($view) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_CastOp : Tile_Op<"cast", [Pure,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["operandLayout", "resultLayout"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface>]> {
  let summary = "change the element type, from or to floats";
  let description = [{
    To floats it rounds once, to nearest even; 8-bit ones have no infinities
    then, but the largest number of the sign. To integers it truncates towards
    zero and saturates, and NaN is 0. `unsigned` says that the integers are.

    ```mlir
    %h = tile.cast %t : tensor<16x64xf32> -> tensor<16x64xf16>
    %i = tile.cast %u unsigned : tensor<16x64xf32> -> tensor<16x64xi8>
    ```
  }];
  let arguments = (ins Tile_NumberTensor:$source, UnitAttr:$is_unsigned);
  let results = (outs Tile_NumberTensor:$result);
  let assemblyFormat = "$source (`unsigned` $is_unsigned^)? attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_DequantOp : Tile_Op<"dequant", [Pure,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["operandLayout", "resultLayout"]>]> {
  let summary = "4-bit or 8-bit weights to floats";
  let description = [{
    `result[k, n] = (q[k, n] - z) * scales[k / g, n]` with
    `z = (zeros[k / g, n] + zero_offset) mod 16`, or 8 without zeros, and
    `g = K / G`. q: i4 [K, N], unsigned, scales: [G, N], zeros: i4 [G, N]. Or
    q: si8 [K, N], with `z = 0`. The difference is exact; the product
    rounds once, to the type of the scales.

    ```mlir
    %w = tile.dequant %q, %s zeros %z {zero_offset = 1 : i32}
       : tensor<128x64xi4>, tensor<1x64xf16>, tensor<1x64xi4> -> tensor<128x64xf16>
    ```
  }];
  let arguments = (ins Tile_CodeTensor:$q, Tile_HalfTensor:$scales,
                       Optional<StaticShapeTensorOf<[I<4>]>>:$zeros,
                       DefaultValuedAttr<I32Attr, "0">:$zero_offset);
  let results = (outs Tile_HalfTensor:$result);
  let assemblyFormat = [{ $q `,` $scales (`zeros` $zeros^)? attr-dict `:` type($q) `,`
      type($scales) (`,` type($zeros)^)? `->` type($result) }];
  let hasVerifier = 1;
}

def Tile_DotOp : Tile_Op<"dot", [Pure, AllTypesMatch<["acc", "result"]>,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["seedLayouts", "operandLayout"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface>]> {
  let summary = "matrix multiply and accumulate";
  let description = [{
    `result = acc + a * b`. a: [M, K], b: [K, N] of one type, or each of either
    8-bit float; acc: [M, N] of f32, of i32 where a and b are i8: those are
    signed, and their sums wrap around. Elements of f32 are rounded to tf32 (ten
    bits behind the point, to nearest). `swapped` makes b the A operand of the
    tensor core (it computes the transpose), so that a narrow M falls on the
    n8 side; see the orient-dots pass.

    With `scales` [G, N] the product is `sum over groups g of scales[g, n] *
    (a * b over the k of g)`: each group is accumulated on its own and scaled
    once, in fp32 (see the place-scales pass).

    With `k_warps` above 1 that many warps take a share of k each and the
    result is partial: `sum_warps` adds the shares.

    Once layouts are assigned they must be congruent: lanes agree on rows,
    columns and k as the fragments of mma.m16n8 do, under any one
    permutation of rows, of columns and of k that all three share.

    ```mlir
    %c = tile.dot %a, %b, %acc swapped
       : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
    %s = tile.dot %p, %q, %sums
       : tensor<16x128xi8>, tensor<128x64xi8>, tensor<16x64xi32>
    ```
  }];
  let arguments = (ins Tile_FactorTensor:$a, Tile_FactorTensor:$b, Tile_SumTensor:$acc,
                       Optional<StaticShapeTensorOf<[F16, BF16]>>:$scales, UnitAttr:$swapped, DefaultValuedAttr<I32Attr, "1">:$k_warps);
  let results = (outs Tile_SumTensor:$result);
  let assemblyFormat = "$a `,` $b `,` $acc (`scales` $scales^)? (`swapped` $swapped^)? attr-dict `:` type($a) `,` type($b) `,` type($acc) (`,` type($scales)^)?";
  let hasVerifier = 1;
}

def Tile_ReduceSplitsOp : Tile_Op<"reduce_splits", [SameOperandsAndResultType]> {
  let summary = "the sum over all blocks that share a K range";
  let description = [{
    Everything that uses the result runs once for all of them. The split-k
    pass replaces it according to the schedule.

    ```mlir
    %sum = tile.reduce_splits %acc : tensor<16x64xf32>
    ```
  }];
  let arguments = (ins Tile_SumTensor:$partial);
  let results = (outs Tile_SumTensor:$result);
  let assemblyFormat = "$partial attr-dict `:` type($partial)";
}

include "compiler/ir/TileReductionOps.td"
include "compiler/ir/TileControlOps.td"
include "compiler/ir/TilePassOps.td"
include "compiler/ir/TileBulkOps.td"

#endif
