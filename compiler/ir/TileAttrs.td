#ifndef LATH_TILE_ATTRS
#define LATH_TILE_ATTRS

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/TensorEncoding.td"
include "compiler/ir/TileDialect.td"

class Tile_Attr<string name, string attrMnemonic, list<Trait> traits = []>
    : AttrDef<Tile_Dialect, name, traits> {
  let mnemonic = attrMnemonic;
}

def Tile_LayoutAttr : Tile_Attr<"Layout", "layout",
    [DeclareAttrInterfaceMethods<VerifiableTensorEncoding>]> {
  let summary = "where the elements of a tile live (an F2-linear map)";
  let description = [{
    The bases of a `lath::Layout` (compiler/ir/Layout.h) as coordinate tuples:

    ```mlir
    #tile.layout<[16, 8], register = [[0, 1], [8, 0]],
                 lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = []>
    ```
    A buffer in shared memory has `offset` bases alone. `block` bases stand for
    bits of the block's rank in its cluster, where blocks hold parts of a tile.
  }];
  let parameters = (ins
    ArrayRefParameter<"int64_t">:$shape,
    ArrayRefParameter<"uint32_t">:$registers,
    ArrayRefParameter<"uint32_t">:$lanes,
    ArrayRefParameter<"uint32_t">:$warps,
    ArrayRefParameter<"uint32_t">:$blocks,
    ArrayRefParameter<"uint32_t">:$offsets);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    static LayoutAttr get(::mlir::MLIRContext *context, const ::lath::Layout &layout);
    ::lath::Layout layout() const;
  }];
}

def Tile_SplitReduce : I32EnumAttr<"SplitReduce", "how partial sums of a split meet", [
    I32EnumAttrCase<"none", 0>,
    I32EnumAttrCase<"atomic", 1>,
    I32EnumAttrCase<"atomicOut", 2, "atomic_out">,
    I32EnumAttrCase<"ordered", 3>,
    I32EnumAttrCase<"cluster", 4>]> {
  let cppNamespace = "::lath::tile";
}

def Tile_KOrder : I32EnumAttr<"KOrder", "which K blocks a split takes", [
    I32EnumAttrCase<"interleaved", 0>,
    I32EnumAttrCase<"contiguous", 1>]> {
  let cppNamespace = "::lath::tile";
}

def Tile_DependentLaunch : I32EnumAttr<"DependentLaunch",
    "whether, and from when on, a launch and the next one overlap", [
    I32EnumAttrCase<"none", 0>,
    I32EnumAttrCase<"early", 1>,
    I32EnumAttrCase<"half", 2>,
    I32EnumAttrCase<"late", 3>,
    I32EnumAttrCase<"end", 4>]> {
  let cppNamespace = "::lath::tile";
}

def Tile_Part : I32EnumAttr<"Part", "what a loop or branch of a pipeline is for", [
    I32EnumAttrCase<"prologue", 0>,
    I32EnumAttrCase<"fill", 1>,
    I32EnumAttrCase<"ring", 2>,
    I32EnumAttrCase<"issue", 3>]> {
  let cppNamespace = "::lath::tile";
  let genSpecializedAttr = 0;
}

def Tile_PartAttr : EnumAttr<Tile_Dialect, Tile_Part, "part"> {
  let summary = "a mark of one pass for those after it";
  let description = [{
    On `scf.for` and `scf.if` as `tile.part`, from pipeline-loops to the
    lowering:

    - `ring`: the loop over steps that reads stages in turn.
    - `issue`: the branch, in a ring or a prologue, that starts the copies of a
      step. Its condition is `arith.cmpi slt` of that step and the ring's upper
      bound; it holds copies and what computes their starts, and no more.
    - `prologue`: the loop over stages ahead of a ring that starts its first
      copies. It holds an `issue` and commits, and may be done in parts.
    - `fill`: the prologue once more, with zeros where bulk copies bring nothing.

    ```mlir
    #tile.part<ring>
    ```
  }];
  let assemblyFormat = "`<` $value `>`";
}

def Tile_Combine : I32EnumAttr<"Combine", "operation of a reduction", [
    I32EnumAttrCase<"add", 0>,
    I32EnumAttrCase<"max", 1>]> {
  let cppNamespace = "::lath::tile";
}

def Tile_ScheduleAttr : Tile_Attr<"Schedule", "schedule"> {
  let summary = "how a kernel is computed";
  let description = [{
    On the kernel function, as `tile.schedule`. `split` blocks share the K
    range, and `k_warps` warps of a block each K step; `scale_sums` applies
    scales to sums of products instead of to weights; `stages` is the depth of
    the copy pipeline (1: no pipeline, loads go straight to registers);
    `stream_registers` keeps 4-bit weights out of it; `bulk_weights` brings them
    there by the copy engine, and `producers` warps besides `warps` start all
    copies; views with an unknown first extent have at most `rows` rows, if that is
    not 0; `warpgroups` multiplies by wgmma; `capability` is the target's (90 for
    sm_90a); `dependent` starts the kernel before the launch ahead of it is done,
    and says when it lets the next one start.

    ```mlir
    #tile.schedule<warps = 4, stages = 4, split = 8, order = interleaved,
                   reduce = ordered, capability = 90>
    ```
  }];
  let parameters = (ins
    "unsigned":$warps, DefaultValuedParameter<"unsigned", "1">:$k_warps,
    "unsigned":$stages, DefaultValuedParameter<"bool", "false">:$scale_sums,
    DefaultValuedParameter<"bool", "false">:$stream_registers,
    DefaultValuedParameter<"bool", "false">:$warpgroups,
    DefaultValuedParameter<"bool", "false">:$bulk_weights,
    DefaultValuedParameter<"unsigned", "0">:$producers,
    DefaultValuedParameter<"unsigned", "0">:$rows,
    "unsigned":$split,
    "::lath::tile::KOrder":$order, "::lath::tile::SplitReduce":$reduce,
    "unsigned":$capability,
    DefaultValuedParameter<"::lath::tile::DependentLaunch",
                           "::lath::tile::DependentLaunch::none">:$dependent);
  let assemblyFormat = "`<` struct(params) `>`";
}

#endif
