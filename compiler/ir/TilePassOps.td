// Operations that passes write between the language and the lowering: layouts,
// stages in shared memory and their copies, sums over warps and blocks, and
// the order of launches.
#ifndef LATH_TILE_PASS_OPS
#define LATH_TILE_PASS_OPS

def Tile_UnpackOp : Tile_Op<"unpack", [Pure,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["operandLayout", "resultLayout"]>]> {
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

def Tile_GuardedLoadOp : Tile_Op<"guarded_load",
    [AttrSizedOperandSegments]> {
  let summary = "read a tile of packed weights, or keep another";
  let description = [{
    `result = condition ? view[start...] : old`, zeros where there is no `old`.
    Inside a tile that is read, elements outside the view are those of `old`.
    Reads are marked as used once (no allocation in L1).

    ```mlir
    %t = tile.guarded_load %q[%k, %n] if %c else %old : !tile.view<4096x4096xi4, packed = 0>, i1, tensor<128x64xi4> -> tensor<128x64xi4>
    ```
  }];
  let arguments = (ins Arg<Tile_ViewType, "", [Tile_ReadsGlobal]>:$view,
                       Variadic<I32>:$start, I1:$condition,
                       Optional<Tile_Tensor>:$old);
  let results = (outs Tile_Tensor:$result);
  let assemblyFormat = [{
    $view `[` $start `]` `if` $condition (`else` $old^)? attr-dict
    `:` type($view) `,` type($condition) (`,` type($old)^)? `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_ConvertLayoutOp : Tile_Op<"convert_layout", [Pure, DeclareOpInterfaceMethods<Tile_RowsInterface>]> {
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

def Tile_StageOp : Tile_Op<"stage", [
    MemoryEffects<[Tile_ReadsShared]>,
    DeclareOpInterfaceMethods<Tile_StageInterface, ["bufferAlignment"]>]> {
  let summary = "one stage of a buffer, as a buffer";
  let description = [{
    For an operation that takes its operand from shared memory. Whoever reads
    the result reads that stage.

    ```mlir
    %x = tile.stage %b[%slot] : !tile.buffer<4 of 16x128xf16, #l> -> !tile.buffer<1 of 16x128xf16, #l>
    ```
  }];
  let arguments = (ins Tile_BufferType:$buffer, I32:$slot);
  let results = (outs Tile_BufferType:$result);
  let assemblyFormat = "$buffer `[` $slot `]` attr-dict `:` type($buffer) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_WarpgroupDotOp : Tile_Op<"warpgroup_dot", [
    MemoryEffects<[Tile_ReadsShared]>, AllTypesMatch<["acc", "result"]>]> {
  let summary = "matrix multiply and accumulate by groups of four warps";
  let description = [{
    `result = acc + a * b` as `dot` has it, `swapped` and with `scales` likewise,
    by wgmma. Of a [M, K] and b [K, N] the one that is wgmma's A operand (b where
    it is swapped) is a tile in registers or a buffer of one stage, the other a
    buffer; acc: [M, N]. `transposed` buffers hold [K, M] or [N, K]. Buffers of
    bytes have k as their last dimension, which wgmma cannot transpose.

    Buffers are in the order of `Panels`, or, beside registers whose k are not
    in the order of the instruction, of `warpgroupOperand`. What they hold must
    be there for the async proxy: bulk copies that an mbarrier ended, or others
    that an `async_wait ... for_matrix_operands` and a barrier ended.

    ```mlir
    %c = tile.warpgroup_dot %a, %b transposed, %acc : !tile.buffer<1 of 128x64xf16, #rows>, !tile.buffer<1 of 256x64xf16, #columns>, tensor<128x256xf32>
    ```
  }];
  let arguments = (ins AnyTypeOf<[Tile_BufferType, Tile_FactorTensor]>:$a,
                       AnyTypeOf<[Tile_BufferType, Tile_FactorTensor]>:$b,
                       Tile_SumTensor:$acc,
                       Optional<StaticShapeTensorOf<[F16, BF16]>>:$scales,
                       UnitAttr:$a_transposed, UnitAttr:$b_transposed, UnitAttr:$swapped);
  let results = (outs Tile_SumTensor:$result);
  let assemblyFormat = [{
    $a (`transposed` $a_transposed^)? `,` $b (`transposed` $b_transposed^)? `,` $acc
    (`scales` $scales^)? (`swapped` $swapped^)? attr-dict
    `:` type($a) `,` type($b) `,` type($acc) (`,` type($scales)^)?
  }];
  let extraClassDeclaration = [{
    /// wgmma's A and B operand, and whether k is the last dimension of what
    /// holds them.
    ::mlir::Value left() { return getSwapped() ? getB() : getA(); }
    ::mlir::Value right() { return getSwapped() ? getA() : getB(); }
    bool leftIsAlongK() { return getSwapped() ? getBTransposed() : !getATransposed(); }
    bool rightIsAlongK() { return getSwapped() ? !getATransposed() : getBTransposed(); }
  }];
  let hasVerifier = 1;
}

def Tile_SumWarpsOp : Tile_Op<"sum_warps", [Pure, AllElementTypesMatch<["partial", "result"]>,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["resultLayout"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface>,
    DeclareOpInterfaceMethods<Tile_ScratchInterface>]> {
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
  let arguments = (ins Tile_SumTensor:$partial, I32Attr:$k_warps);
  let results = (outs Tile_SumTensor:$result);
  let assemblyFormat = "$partial attr-dict `:` type($partial) `->` type($result)";
}

def Tile_AllocOp : Tile_Op<"alloc", [MemoryEffects<[MemAlloc<Tile_Shared>]>, Tile_AnyWarp]> {
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

def Tile_LocalLoadOp : Tile_Op<"local_load", [
    MemoryEffects<[Tile_ReadsShared]>, Tile_StageInterface]> {
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

def Tile_LocalStoreOp : Tile_Op<"local_store", [
    MemoryEffects<[Tile_WritesShared]>, Tile_StageInterface]> {
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

def Tile_AsyncCopyOp : Tile_Op<"async_copy", [
    MemoryEffects<[Tile_WritesShared]>,
    DeclareOpInterfaceMethods<Tile_StageInterface, ["startsCopy"]>]> {
  let summary = "start a copy of a tile from global to shared memory";
  let description = [{
    `buffer[slot] = view[start...]`, zero outside the view, by cp.async; starts
    are as in `load`. Those of a gather lie where the pieces do that lanes copy
    (Access::copied). The data is there for the issuing thread after
    `async_wait`, for the block after a barrier.

    ```mlir
    tile.async_copy %x[%row, %k], %b[%slot] : !tile.view<?x4096xf16>, !tile.buffer<4 of 16x128xf16, #l>
    ```
  }];
  let arguments = (ins Arg<Tile_ViewType, "", [Tile_ReadsGlobal]>:$view, Variadic<Tile_Start>:$start,
                       Tile_BufferType:$buffer, I32:$slot, Tile_Dims:$dims);
  let assemblyFormat = "$view `` custom<Starts>($start, type($start), $dims) `,` $buffer `[` $slot `]` attr-dict `:` type($view) `,` type($buffer)";
  let hasVerifier = 1;
}

def Tile_AsyncCommitOp : Tile_Op<"async_commit", [
    MemoryEffects<[Tile_ReadsShared, Tile_WritesShared]>, Tile_StageSync]> {
  let summary = "close the group of copies started since the last one";
  let description = [{
    ```mlir
    tile.async_commit
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_AsyncWaitOp : Tile_Op<"async_wait", [
    MemoryEffects<[Tile_ReadsShared, Tile_WritesShared]>, Tile_StageSync]> {
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

def Tile_BarrierOp : Tile_Op<"barrier", [
    MemoryEffects<[Tile_ReadsShared, Tile_WritesShared]>, Tile_StageSync]> {
  let summary = "all threads of the block";
  let description = [{
    ```mlir
    tile.barrier
    ```
  }];
  let assemblyFormat = "attr-dict";
}

def Tile_PartialStoreOp : Tile_Op<"partial_store", [
    MemoryEffects<[Tile_WritesGlobal]>,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["tiedTiles", "operandLayout"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface, ["madeFrom"]>]> {
  let summary = "put this block's partial sums into the workspace";
  let description = [{
    `workspace[slot] = value`, each thread's registers side by side in the
    order it holds them: no coordinates, fully coalesced. `atomic` adds
    instead, by `red`.

    ```mlir
    tile.partial_store %acc, %ws[%slot] : tensor<16x64xf32, #c>, !llvm.ptr<1>
    ```
  }];
  let arguments = (ins Tile_SumTensor:$value, Tile_Pointer:$workspace, I32:$slot, UnitAttr:$atomic);
  let assemblyFormat = "$value `,` $workspace `[` $slot `]` (`atomic` $atomic^)? attr-dict `:` type($value) `,` type($workspace)";
}

def Tile_PartialLoadOp : Tile_Op<"partial_load", [
    MemoryEffects<[Tile_ReadsGlobal, Tile_WritesGlobal]>]> {
  let summary = "read partial sums back";
  let description = [{
    The inverse of `partial_store`. `clear` leaves zeros behind.

    ```mlir
    %acc = tile.partial_load %ws[%slot] : !llvm.ptr<1> -> tensor<16x64xf32, #c>
    ```
  }];
  let arguments = (ins Tile_Pointer:$workspace, I32:$slot, UnitAttr:$clear);
  let results = (outs Tile_SumTensor:$result);
  let assemblyFormat = "$workspace `[` $slot `]` (`clear` $clear^)? attr-dict `:` type($workspace) `->` type($result)";
}

def Tile_ArriveOp : Tile_Op<"arrive", [MemoryEffects<[MemRead, MemWrite]>,
    DeclareOpInterfaceMethods<Tile_ScratchInterface>]> {
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

def Tile_ClusterArriveOp : Tile_Op<"cluster_arrive", [
    MemoryEffects<[Tile_ReadsShared, Tile_WritesShared]>, Tile_AnyWarp]> {
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

def Tile_ClusterWaitOp : Tile_Op<"cluster_wait", [
    MemoryEffects<[Tile_ReadsShared, Tile_WritesShared]>]> {
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

def Tile_SumClusterOp : Tile_Op<"sum_cluster", [
    AllElementTypesMatch<["partial", "result"]>,
    MemoryEffects<[Tile_ReadsShared, Tile_WritesShared]>,
    DeclareOpInterfaceMethods<Tile_LayoutInterface, ["resultLayout"]>,
    DeclareOpInterfaceMethods<Tile_RowsInterface>,
    DeclareOpInterfaceMethods<Tile_ScratchInterface>]> {
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
  let arguments = (ins Tile_SumTensor:$partial, Tile_MbarriersType:$mbarrier,
                       I32Attr:$blocks, DefaultValuedAttr<I32Attr, "1">:$k_warps);
  let results = (outs Tile_SumTensor:$result);
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

#endif
