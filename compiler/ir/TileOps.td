// Operations of the `tile` dialect. Shapes: [M, K] etc. are power-of-two tile
// extents. The first group is what the language writes; the second is written
// by passes only.
#ifndef LATH_TILE_OPS
#define LATH_TILE_OPS

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "compiler/ir/TileDialect.td"
include "compiler/ir/TileAttrs.td"
include "compiler/ir/TileTypes.td"

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

def Tile_Pointer : Type<And<[
    CPred<"::mlir::isa<::mlir::LLVM::LLVMPointerType>($_self)">,
    CPred<"::mlir::cast<::mlir::LLVM::LLVMPointerType>($_self).getAddressSpace() == 1">]>,
    "pointer to global memory">;
def Tile_Tensor : StaticShapeTensorOf<[AnyType]>;
def Tile_FloatTensor : StaticShapeTensorOf<[F16, BF16, F32]>;
def Tile_HalfTensor : StaticShapeTensorOf<[F16, BF16]>;
/// Codes of weights, several to a word.
def Tile_CodeTensor : StaticShapeTensorOf<[I<4>, I<8>]>;

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

def Tile_ViewOp : Tile_Op<"view", [Pure]> {
  let summary = "a global array of a known shape at a pointer";
  let description = [{
    `extent` gives the first extent where the type leaves it dynamic. The
    pointer is aligned to 16 bytes.

    ```mlir
    %x = tile.view %p extent %m : !llvm.ptr<1> -> !tile.view<?x4096xf16>
    %w = tile.view %q : !llvm.ptr<1> -> !tile.view<4096x4096xi4, packed = 0>
    ```
  }];
  let arguments = (ins Tile_Pointer:$pointer, Optional<I32>:$extent);
  let results = (outs Tile_ViewType:$result);
  let assemblyFormat = "$pointer (`extent` $extent^)? attr-dict `:` type($pointer) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_KRangeOp : Tile_Op<"k_range", [Pure]> {
  let summary = "the steps of the K loop that this block takes";
  let description = [{
    `lower, upper, step` of a loop over `[0, extent)` in steps of `step`: all
    of it, until the split-k pass replaces it by this block's share.

    ```mlir
    %lo, %hi, %st = tile.k_range extent 4096 step 128
    ```
  }];
  let arguments = (ins I32Attr:$extent, I32Attr:$step);
  let results = (outs I32:$lower, I32:$upper, I32:$stride);
  let assemblyFormat = "`extent` $extent `step` $step attr-dict";
  let hasVerifier = 1;
}

def Tile_LoadOp : Tile_Op<"load", [MemoryEffects<[MemRead]>]> {
  let summary = "read a tile; zero outside the view";
  let description = [{
    `result[i...] = view[start + i...]`, 0 where that is outside the view.
    Packed views: `start` along the packed dimension is a multiple of the
    elements of a word.

    ```mlir
    %t = tile.load %x[%row, %k] : !tile.view<?x4096xf16> -> tensor<16x128xf16>
    ```
  }];
  let arguments = (ins Tile_ViewType:$view, Variadic<I32>:$start);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = "$view `[` $start `]` attr-dict `:` type($view) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_GuardedLoadOp : Tile_Op<"guarded_load",
    [MemoryEffects<[MemRead]>, AttrSizedOperandSegments]> {
  let summary = "read a tile of 4-bit weights, or keep another";
  let description = [{
    `result = condition ? view[start...] : old`, zeros where there is no `old`.
    Inside a tile that is read, elements outside the view are those of `old`.
    Reads are marked as used once (no allocation in L1).

    ```mlir
    %t = tile.guarded_load %q[%k, %n] if %c else %old : !tile.view<4096x4096xi4, packed = 0>, i1, tensor<128x64xi4> -> tensor<128x64xi4>
    ```
  }];
  let arguments = (ins Tile_ViewType:$view, Variadic<I32>:$start, I1:$condition,
                       Optional<Tile_Tensor>:$old);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = [{
    $view `[` $start `]` `if` $condition (`else` $old^)? attr-dict
    `:` type($view) `,` type($condition) (`,` type($old)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "write a tile; nothing outside the view";
  let description = [{
    `view[start + i...] = value[i...]` inside the view.

    ```mlir
    tile.store %t, %out[%row, %col] : tensor<16x64xf16>, !tile.view<?x4096xf16>
    ```
  }];
  let arguments = (ins Tile_Tensor:$value, Tile_ViewType:$view, Variadic<I32>:$start);
  let assemblyFormat = "$value `,` $view `[` $start `]` attr-dict `:` type($value) `,` type($view)";
  let hasVerifier = 1;
}

def Tile_AtomicAddOp : Tile_Op<"atomic_add", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "add a tile into global memory, atomically by element";
  let description = [{
    `view[start + i...] += value[i...]` inside the view, relaxed, device scope.

    ```mlir
    tile.atomic_add %t, %out[%row, %col] : tensor<16x64xf16>, !tile.view<?x4096xf16>
    ```
  }];
  let arguments = (ins Tile_FloatTensor:$value, Tile_ViewType:$view, Variadic<I32>:$start);
  let assemblyFormat = "$value `,` $view `[` $start `]` attr-dict `:` type($value) `,` type($view)";
  let hasVerifier = 1;
}

def Tile_SplatOp : Tile_Op<"splat", [Pure]> {
  let summary = "a tile of one value";
  let description = [{
    `result[i...] = value`.

    ```mlir
    %t = tile.splat %zero : f32 -> tensor<16x64xf32>
    ```
  }];
  let arguments = (ins AnyTypeOf<[F16, BF16, F32, I32]>:$value);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_BroadcastOp : Tile_Op<"broadcast", [Pure]> {
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

def Tile_ReshapeOp : Tile_Op<"reshape", [Pure]> {
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

def Tile_TransposeOp : Tile_Op<"transpose", [Pure]> {
  let summary = "swap the dimensions of a matrix";
  let description = [{
    `result[j, i] = source[i, j]`. Free: the layout is renamed.

    ```mlir
    %b = tile.transpose %t : tensor<16x64xf32> -> tensor<64x16xf32>
    ```
  }];
  let arguments = (ins Tile_Tensor:$source);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_MaskOp : Tile_Op<"mask", [Pure]> {
  let summary = "replace what lies outside a view";
  let description = [{
    `result[i...] = value[i...]` where `start + i...` lies inside the view,
    else `outside`: for reductions whose identity is not zero.

    ```mlir
    %b = tile.mask %t, %x[%row, %k] else 0xFF800000 : tensor<1x1024xf32>, !tile.view<?x1000xf32> -> tensor<1x1024xf32>
    ```
  }];
  let arguments = (ins Tile_FloatTensor:$value, Tile_ViewType:$view, Variadic<I32>:$start, F32Attr:$outside);
  let results = (outs Tile_FloatTensor:$result);
  let assemblyFormat = "$value `,` $view `[` $start `]` `else` $outside attr-dict `:` type($value) `,` type($view) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_ReduceOp : Tile_Op<"reduce", [Pure]> {
  let summary = "combine along one dimension";
  let description = [{
    `result[i, 0] = combine over j of source[i, j]` for `dim = 1`. The result
    keeps the dimension with extent 1.

    ```mlir
    %b = tile.reduce max %t dim 1 : tensor<16x64xf32> -> tensor<16x1xf32>
    ```
  }];
  let arguments = (ins Tile_Combine:$combine, StaticShapeTensorOf<[F32]>:$source, I32Attr:$dim);
  let results = (outs StaticShapeTensorOf<[F32]>:$result);
  let assemblyFormat = "$combine $source `dim` $dim attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_CastOp : Tile_Op<"cast", [Pure]> {
  let summary = "change the float type";
  let description = [{
    Rounds to nearest even when narrowing, exact when widening.

    ```mlir
    %h = tile.cast %t : tensor<16x64xf32> -> tensor<16x64xf16>
    ```
  }];
  let arguments = (ins Tile_FloatTensor:$source);
  let results = (outs Tile_FloatTensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_DequantOp : Tile_Op<"dequant", [Pure]> {
  let summary = "4-bit or 8-bit weights to floats";
  let description = [{
    `result[k, n] = (q[k, n] - z) * scales[k / g, n]` with
    `z = (zeros[k / g, n] + zero_offset) mod 16`, or 8 without zeros, and
    `g = K / G`. q: i4 [K, N], unsigned, scales: [G, N], zeros: i4 [G, N]. Or
    q: i8 [K, N], signed, with `z = 0`. The difference is exact; the product
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

def Tile_DotOp : Tile_Op<"dot", [Pure, AllTypesMatch<["acc", "result"]>]> {
  let summary = "matrix multiply and accumulate";
  let description = [{
    `result = acc + a * b` with fp32 accumulation. a: [M, K], b: [K, N] of one
    16-bit type, acc: f32 [M, N]. `swapped` makes b the A operand of the
    tensor core (it computes the transpose), so that a narrow M falls on the
    n8 side; see the orient-dots pass.

    With `scales` [G, N] the product is `sum over groups g of scales[g, n] *
    (a * b over the k of g)`: each group is accumulated on its own and scaled
    once, in fp32 (see the place-scales pass).

    With `k_warps` above 1 that many warps take a share of k each and the
    result is partial: `sum_warps` adds the shares.

    Once layouts are assigned they must be congruent: lanes agree on rows,
    columns and k as the fragments of mma.m16n8k16 do, under any one
    permutation of rows, of columns and of k that all three share.

    ```mlir
    %c = tile.dot %a, %b, %acc swapped
       : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
    ```
  }];
  let arguments = (ins Tile_HalfTensor:$a, Tile_HalfTensor:$b, StaticShapeTensorOf<[F32]>:$acc,
                       Optional<StaticShapeTensorOf<[F16, BF16]>>:$scales, UnitAttr:$swapped, DefaultValuedAttr<I32Attr, "1">:$k_warps);
  let results = (outs StaticShapeTensorOf<[F32]>:$result);
  let assemblyFormat = "$a `,` $b `,` $acc (`scales` $scales^)? (`swapped` $swapped^)? attr-dict `:` type($a) `,` type($b) `,` type($acc) (`,` type($scales)^)?";
  let hasVerifier = 1;
}

def Tile_WarpgroupDotOp : Tile_Op<"warpgroup_dot", [MemoryEffects<[MemRead]>, AllTypesMatch<["acc", "result"]>]> {
  let summary = "matrix multiply and accumulate by groups of four warps";
  let description = [{
    `result = acc + x * w` as `dot` has it, with `scales` likewise, by wgmma: the
    weights w [K, N] are its A operand, in registers; x [M, K] is a stage of a
    buffer in the order of `warpgroupOperand`; acc: f32 [M, N]. What x reads must
    have been written by copies that an `async_wait ... for_matrix_operands` and
    a barrier ended.

    ```mlir
    %c = tile.warpgroup_dot %b[%slot], %w, %acc
       : !tile.buffer<4 of 16x128xf16, #l>, tensor<128x64xf16>, tensor<16x64xf32>
    ```
  }];
  let arguments = (ins Tile_BufferType:$x, I32:$slot, Tile_HalfTensor:$w,
                       StaticShapeTensorOf<[F32]>:$acc,
                       Optional<StaticShapeTensorOf<[F16, BF16]>>:$scales);
  let results = (outs StaticShapeTensorOf<[F32]>:$result);
  let assemblyFormat = "$x `[` $slot `]` `,` $w `,` $acc (`scales` $scales^)? attr-dict `:` type($x) `,` type($w) `,` type($acc) (`,` type($scales)^)?";
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
  let arguments = (ins StaticShapeTensorOf<[F32]>:$partial);
  let results = (outs StaticShapeTensorOf<[F32]>:$result);
  let assemblyFormat = "$partial attr-dict `:` type($partial)";
}

def Tile_UnpackOp : Tile_Op<"unpack", [Pure]> {
  let summary = "weights to whole numbers in a float type";
  let description = [{
    `result[k, n] = q[k, n] - z`, exact; `z` as in `dequant`.

    ```mlir
    %w = tile.unpack %q zeros %z : tensor<128x64xi4>, tensor<1x64xi4> -> tensor<128x64xf16>
    ```
  }];
  let arguments = (ins Tile_CodeTensor:$q,
                       Optional<StaticShapeTensorOf<[I<4>]>>:$zeros,
                       DefaultValuedAttr<I32Attr, "0">:$zero_offset);
  let results = (outs Tile_HalfTensor:$result);
  let assemblyFormat = [{ $q (`zeros` $zeros^)? attr-dict `:` type($q)
      (`,` type($zeros)^)? `->` type($result) }];
  let hasVerifier = 1;
}

def Tile_SumWarpsOp : Tile_Op<"sum_warps", [Pure]> {
  let summary = "add the shares of warps that split k";
  let description = [{
    `result = sum over the k_warps warps of their partial sums`, through
    shared memory. In the source's layout those warps (the lowest warp bits)
    repeat each other; in the result's they hold different elements, so each
    adds and stores a part.

    ```mlir
    %sum = tile.sum_warps %acc {k_warps = 4 : i32} : tensor<16x64xf32> -> tensor<16x64xf32>
    ```
  }];
  let arguments = (ins StaticShapeTensorOf<[F32]>:$partial, I32Attr:$k_warps);
  let results = (outs StaticShapeTensorOf<[F32]>:$result);
  let assemblyFormat = "$partial attr-dict `:` type($partial) `->` type($result)";
}

def Tile_ClusterArriveOp : Tile_Op<"cluster_arrive", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "say that this block of the cluster has started";
  let description = [{
    At the start of a kernel that will write its peers' shared memory. Of
    memory it orders only what `mbarrier_init` did, so it costs nothing.

    ```mlir
    tile.cluster_arrive
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_ClusterWaitOp : Tile_Op<"cluster_wait", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "until all blocks of the cluster have started";
  let description = [{
    After it peers' shared memory may be written; late in the kernel, when
    they have long arrived.

    ```mlir
    tile.cluster_wait
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_SumClusterOp : Tile_Op<"sum_cluster", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "add the shares of a cluster's blocks, and of warps that split k";
  let description = [{
    `result = sum over the blocks of the cluster and their k_warps warps of
    their partial sums`, in the order of the blocks and, within one, of the
    warps. Each warp sends its registers into the shared memory of the blocks
    that add them (one exchange for both sums), where the mbarrier counts the
    bytes; it is a fresh one, of one arrival, initialised before the block's
    `cluster_arrive`. In the result's layout blocks and those warps hold
    different elements, so each adds and stores a part.

    ```mlir
    %sum = tile.sum_cluster %acc signals %sent {blocks = 2 : i32, k_warps = 4 : i32}
      : tensor<16x64xf32>, !tile.mbarriers<1> -> tensor<16x64xf32>
    ```
  }];
  let arguments = (ins StaticShapeTensorOf<[F32]>:$partial, Tile_MbarriersType:$mbarrier,
                       I32Attr:$blocks, DefaultValuedAttr<I32Attr, "1">:$k_warps);
  let results = (outs StaticShapeTensorOf<[F32]>:$result);
  let assemblyFormat = [{
    $partial `signals` $mbarrier attr-dict
    `:` type($partial) `,` type($mbarrier) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_LaunchDependentsOp : Tile_Op<"launch_dependents", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "let the next launch on the stream begin";
  let description = [{
    Once every block of this launch has said so, or ended. It says nothing of
    memory: the next launch sees what this one writes after its own
    `wait_dependency`.

    ```mlir
    tile.launch_dependents
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_WaitDependencyOp : Tile_Op<"wait_dependency", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "until the launch before is done and its writes are visible";
  let description = [{
    Returns at once where the launch is not a dependent one.

    ```mlir
    tile.wait_dependency
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_ConvertLayoutOp : Tile_Op<"convert_layout", [Pure]> {
  let summary = "the same tile in other places";
  let description = [{
    Goes through shared memory unless the registers of each lane suffice.

    ```mlir
    %b = tile.convert_layout %a : tensor<16x64xf32, #l0> -> tensor<16x64xf32, #l1>
    ```
  }];
  let arguments = (ins Tile_Tensor:$source);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = "$source attr-dict `:` type($source) `->` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Tile_AllocOp : Tile_Op<"alloc", [MemoryEffects<[MemAlloc]>]> {
  let summary = "a buffer in shared memory";
  let description = [{
    `offset` is its byte offset in the block's dynamic shared memory, set by
    the allocate-shared pass.

    ```mlir
    %b = tile.alloc {offset = 0 : i32} : !tile.buffer<4 of 16x128xf16, #l>
    ```
  }];
  let arguments = (ins OptionalAttr<I32Attr>:$offset);
  let results = (outs Tile_BufferType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Tile_AsyncCopyOp : Tile_Op<"async_copy", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "start a copy of a tile from global to shared memory";
  let description = [{
    `buffer[slot] = view[start...]`, zero outside the view, by cp.async. The
    data is there for the issuing thread after `async_wait`, for the block
    after a barrier.

    ```mlir
    tile.async_copy %x[%row, %k], %b[%slot] : !tile.view<?x4096xf16>, !tile.buffer<4 of 16x128xf16, #l>
    ```
  }];
  let arguments = (ins Tile_ViewType:$view, Variadic<I32>:$start, Tile_BufferType:$buffer, I32:$slot);
  let assemblyFormat = "$view `[` $start `]` `,` $buffer `[` $slot `]` attr-dict `:` type($view) `,` type($buffer)";
  let hasVerifier = 1;
}

def Tile_AsyncCommitOp : Tile_Op<"async_commit", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "close the group of copies started since the last one";
  let description = [{
    ```mlir
    tile.async_commit
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_AsyncWaitOp : Tile_Op<"async_wait", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "wait until at most `pending` groups of copies are in flight";
  let description = [{
    ```mlir
    tile.async_wait 2
    ```

    With `matrix_operands` the copies are then visible to wgmma too, which reads
    shared memory by another path (the async proxy).
  }];
  let arguments = (ins I32Attr:$pending, UnitAttr:$matrix_operands);
  let assemblyFormat = "$pending (`for_matrix_operands` $matrix_operands^)? attr-dict";
}

def Tile_BarrierOp : Tile_Op<"barrier", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "all threads of the block";
  let description = [{
    ```mlir
    tile.barrier
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_LocalLoadOp : Tile_Op<"local_load", [MemoryEffects<[MemRead]>]> {
  let summary = "read a tile from shared memory";
  let description = [{
    A buffer may have fewer rows (first extent) than the tile: row i of the tile
    then is row i modulo the buffer's.

    ```mlir
    %t = tile.local_load %b[%slot] : !tile.buffer<4 of 16x128xf16, #l> -> tensor<16x128xf16, #r>
    ```
  }];
  let arguments = (ins Tile_BufferType:$buffer, I32:$slot);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = "$buffer `[` $slot `]` attr-dict `:` type($buffer) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_LocalStoreOp : Tile_Op<"local_store", [MemoryEffects<[MemWrite]>]> {
  let summary = "write a tile to shared memory";
  let description = [{
    ```mlir
    tile.local_store %t, %b[%slot] : tensor<16x128xf16, #r>, !tile.buffer<1 of 16x128xf16, #l>
    ```
  }];
  let arguments = (ins Tile_Tensor:$value, Tile_BufferType:$buffer, I32:$slot);
  let assemblyFormat = "$value `,` $buffer `[` $slot `]` attr-dict `:` type($value) `,` type($buffer)";
  let hasVerifier = 1;
}

def Tile_PartialStoreOp : Tile_Op<"partial_store", [MemoryEffects<[MemWrite]>]> {
  let summary = "put this block's partial sums into the workspace";
  let description = [{
    `workspace[slot] = value`, each thread's registers side by side in the
    order it holds them: no coordinates, fully coalesced. `atomic` adds
    instead (fp32 `red`).

    ```mlir
    tile.partial_store %acc, %ws[%slot] : tensor<16x64xf32, #c>, !llvm.ptr<1>
    ```
  }];
  let arguments = (ins StaticShapeTensorOf<[F32]>:$value, Tile_Pointer:$workspace, I32:$slot, UnitAttr:$atomic);
  let assemblyFormat = "$value `,` $workspace `[` $slot `]` (`atomic` $atomic^)? attr-dict `:` type($value) `,` type($workspace)";
}

def Tile_PartialLoadOp : Tile_Op<"partial_load", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "read partial sums back";
  let description = [{
    The inverse of `partial_store`. `clear` leaves zeros behind.

    ```mlir
    %acc = tile.partial_load %ws[%slot] : !llvm.ptr<1> -> tensor<16x64xf32, #c>
    ```
  }];
  let arguments = (ins Tile_Pointer:$workspace, I32:$slot, UnitAttr:$clear);
  let results = (outs StaticShapeTensorOf<[F32]>:$result);
  let assemblyFormat = "$workspace `[` $slot `]` (`clear` $clear^)? attr-dict `:` type($workspace) `->` type($result)";
}

def Tile_ArriveOp : Tile_Op<"arrive", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "take a ticket; true for the last of `count` blocks";
  let description = [{
    What the other blocks wrote before they arrived is visible to the last
    one. The ticket wraps to zero, so that the next launch finds it reset.

    ```mlir
    %last = tile.arrive %tickets[%tile] of 8 : !llvm.ptr<1>
    ```
  }];
  let arguments = (ins Tile_Pointer:$tickets, I32:$tile, I32Attr:$count);
  let results = (outs I1:$last);
  let assemblyFormat = "$tickets `[` $tile `]` `of` $count attr-dict `:` type($tickets)";
}

include "compiler/ir/TileBulkOps.td"

#endif
