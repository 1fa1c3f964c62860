// mbarriers, by which bulk copies and a cluster's sums are waited for; bulk
// copies; a warp that does nothing but copy. Written by passes only; sm_90 and later.
#ifndef LATH_TILE_BULK_OPS
#define LATH_TILE_BULK_OPS

def Tile_MbarrierAllocOp : Tile_Op<"mbarrier_alloc", [MemoryEffects<[MemAlloc<Tile_Shared>]>, Tile_AnyWarp]> {
  let summary = "mbarriers in shared memory, one for each stage";
  let description = [{
    `offset` is the byte offset in the block's dynamic shared memory, set by
    the allocate-shared pass.

    ```mlir
    %full = tile.mbarrier_alloc {offset = 0 : i32} : !tile.mbarriers<4>
    ```
  }];
  let arguments = (ins OptionalAttr<I32Attr>:$offset);
  let results = (outs Tile_MbarriersType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Tile_MbarrierInitOp : Tile_Op<"mbarrier_init", [
    MemoryEffects<[Tile_ReadsShared, Tile_WritesShared]>, Tile_AnyWarp]> {
  let summary = "let each mbarrier expect so many arrivals a phase";
  let description = [{
    By the block's first thread, which then shows them to the copy engine and,
    at the next barrier of the cluster, to the peers. That thread may use them
    at once, the others of its block after a barrier.

    ```mlir
    tile.mbarrier_init %full arrivals 1 : !tile.mbarriers<4>
    ```
  }];
  let arguments = (ins Tile_MbarriersType:$mbarriers, I32Attr:$arrivals);
  let assemblyFormat = "$mbarriers `arrivals` $arrivals attr-dict `:` type($mbarriers)";
  let hasVerifier = 1;
}

def Tile_MbarrierWaitOp : Tile_Op<"mbarrier_wait", [
    MemoryEffects<[Tile_ReadsShared, Tile_WritesShared]>]> {
  let summary = "wait until a phase of this parity is complete";
  let description = [{
    Phases count from 0. A fresh mbarrier is in phase 0, so parity 0 waits for
    its first completion and parity 1 returns at once. What was written or read
    before the arrivals of the phase, and what its copies brought, is ordered
    before what follows.

    ```mlir
    tile.mbarrier_wait %full[%slot] parity %p : !tile.mbarriers<4>
    ```
  }];
  let arguments = (ins Tile_MbarriersType:$mbarriers, I32:$slot, I32:$parity);
  let assemblyFormat = "$mbarriers `[` $slot `]` `parity` $parity attr-dict `:` type($mbarriers)";
}

def Tile_MbarrierArriveOp : Tile_Op<"mbarrier_arrive", [
    MemoryEffects<[Tile_ReadsShared, Tile_WritesShared]>]> {
  let summary = "one arrival for each warp";
  let description = [{
    After all accesses of all its threads before this.

    ```mlir
    tile.mbarrier_arrive %empty[%slot] : !tile.mbarriers<4>
    ```
  }];
  let arguments = (ins Tile_MbarriersType:$mbarriers, I32:$slot);
  let assemblyFormat = "$mbarriers `[` $slot `]` attr-dict `:` type($mbarriers)";
}

def Tile_AsyncArriveOp : Tile_Op<"async_arrive", [
    MemoryEffects<[Tile_ReadsShared, Tile_WritesShared]>]> {
  let summary = "one arrival for each thread, once its copies have landed";
  let description = [{
    All of `async_copy` that the thread has started. It does not wait itself.

    ```mlir
    tile.async_arrive %full[%slot] : !tile.mbarriers<4>
    ```
  }];
  let arguments = (ins Tile_MbarriersType:$mbarriers, I32:$slot);
  let assemblyFormat = "$mbarriers `[` $slot `]` attr-dict `:` type($mbarriers)";
}

def Tile_BulkCopyOp : Tile_Op<"bulk_copy", [
    MemoryEffects<[Tile_ReadsShared, Tile_WritesShared]>,
    DeclareOpInterfaceMethods<Tile_StageInterface, ["startsCopy", "signalled", "writesByAsyncProxy"]>]> {
  let summary = "start a copy of a tile by the copy engine";
  let description = [{
    `buffer[slot] = view[start...]` for the atoms inside the view; what is
    outside stays as it is. The first thread of those that execute it arrives at
    `mbarriers[slot]`, where it expects exactly the bytes that it copies, and
    starts one cp.async.bulk for each contiguous run. The data is there for
    whoever has waited at the mbarrier.

    The buffer holds atoms in the order of memory. `evict_first` asks L2 to give
    these lines up before others: data that is read once.

    ```mlir
    tile.bulk_copy %q[%k, %n], %b[%slot] signals %full evict_first
      : !tile.view<4096x4096xi4, atom = #a>, !tile.buffer<4 of 64x32xi4, atom = #a, #o>, !tile.mbarriers<4>
    ```
  }];
  let arguments = (ins Arg<Tile_ViewType, "", [Tile_ReadsGlobal]>:$view, Variadic<I32>:$start,
                       Tile_BufferType:$buffer, I32:$slot, Tile_MbarriersType:$mbarriers, UnitAttr:$evict_first);
  let assemblyFormat = [{
    $view `[` $start `]` `,` $buffer `[` $slot `]` `signals` $mbarriers
    (`evict_first` $evict_first^)? attr-dict
    `:` type($view) `,` type($buffer) `,` type($mbarriers)
  }];
  let hasVerifier = 1;
}

def Tile_TensorMapType : Type<And<[
    CPred<"::mlir::isa<::mlir::LLVM::LLVMPointerType>($_self)">,
    CPred<"::mlir::cast<::mlir::LLVM::LLVMPointerType>($_self).getAddressSpace() == 0">]>,
    "pointer to a tensor map">;

def Tile_TensorCopyOp : Tile_Op<"tensor_copy", [
    MemoryEffects<[Tile_ReadsShared, Tile_WritesShared]>,
    DeclareOpInterfaceMethods<Tile_StageInterface, ["startsCopy", "signalled", "writesByAsyncProxy", "bufferAlignment"]>]> {
  let summary = "start a copy of a tile of a tensor by the copy engine";
  let description = [{
    `buffer[slot] = view[start...]`, zero outside the view, in the order of
    `Panels`: one cp.async.bulk.tensor for each panel. Starts are as in `load`,
    but not tensors: of a dimension that the tile has not, one element is
    copied. The first thread of those
    that execute it arrives at `mbarriers[slot]`, where it expects the bytes of
    the whole tile. `map` is a parameter of the kernel that the launch makes of
    the view.

    ```mlir
    tile.tensor_copy %map of %x[%row, %k], %b[%slot] signals %full
      : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<4 of 128x64xf16, #rows>, !tile.mbarriers<4>
    ```
  }];
  let arguments = (ins Tile_TensorMapType:$map, Arg<Tile_ViewType, "", [Tile_ReadsGlobal]>:$view, Variadic<Tile_Start>:$start,
                       Tile_BufferType:$buffer, I32:$slot, Tile_MbarriersType:$mbarriers, Tile_Dims:$dims);
  let assemblyFormat = [{
    $map `of` $view `` custom<Starts>($start, type($start), $dims) `,` $buffer `[` $slot `]` `signals` $mbarriers attr-dict
    `:` type($map) `,` type($view) `,` type($buffer) `,` type($mbarriers)
  }];
  let hasVerifier = 1;
}

def Tile_ZeroOutsideOp : Tile_Op<"zero_outside", [
    MemoryEffects<[Tile_WritesShared]>, Tile_StageInterface]> {
  let summary = "zeros where a bulk copy brings nothing";
  let description = [{
    `buffer[slot][i...] = 0` for the atoms of `view[start + i...]` outside the
    view, by all threads of the block that compute.

    ```mlir
    tile.zero_outside %q[%k, %n], %b[%slot] : !tile.view<4096x4096xi4, atom = #a>, !tile.buffer<4 of 64x32xi4, atom = #a, #o>
    ```
  }];
  let arguments = (ins Tile_ViewType:$view, Variadic<I32>:$start, Tile_BufferType:$buffer, I32:$slot);
  let assemblyFormat = "$view `[` $start `]` `,` $buffer `[` $slot `]` attr-dict `:` type($view) `,` type($buffer)";
  let hasVerifier = 1;
}

def Tile_ProducerWarpOp : Tile_Op<"producer_warp", [Pure]> {
  let summary = "whether this is the warp that copies for the others";
  let description = [{
    The one behind the warps that compute. An `scf.if` on it that carries
    `tile.roles` divides the kernel: see the specialise-warps pass.

    ```mlir
    %p = tile.producer_warp
    ```
  }];
  let results = (outs I1:$result);
  let assemblyFormat = "attr-dict";
}

#endif
