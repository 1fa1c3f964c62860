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

/// Floats have `add`, and `max` and `min` that are NaN where one side is; `umax`
/// and `umin` take integers as unsigned.
def Tile_AtomicKind : I32EnumAttr<"AtomicKind", "what an atomic operation writes", [
    I32EnumAttrCase<"add", 0>,
    I32EnumAttrCase<"max", 1>,
    I32EnumAttrCase<"min", 2>,
    I32EnumAttrCase<"umax", 3>,
    I32EnumAttrCase<"umin", 4>,
    I32EnumAttrCase<"exchange", 5>,
    I32EnumAttrCase<"compareExchange", 6, "compare_exchange">]> {
  let cppNamespace = "::lath::tile";
}

def Tile_Combine : I32EnumAttr<"Combine", "operation of a reduction", [
    I32EnumAttrCase<"add", 0>,
    I32EnumAttrCase<"max", 1>,
    I32EnumAttrCase<"min", 2>,
    I32EnumAttrCase<"umax", 3>,
    I32EnumAttrCase<"umin", 4>,
    I32EnumAttrCase<"bitAnd", 5, "and">,
    I32EnumAttrCase<"bitOr", 6, "or">,
    I32EnumAttrCase<"bitXor", 7, "xor">]> {
  let cppNamespace = "::lath::tile";
}

def Tile_ScheduleAttr : Tile_Attr<"Schedule", "schedule"> {
  let summary = "how a kernel is computed";
  let description = [{
    Words of a `lath::KernelSchedule` (compiler/base/Schedule.h) with their
    values: on the kernel function, as `tile.schedule`, all that are not as
    usual; on a loop or a dot those that it has of its own. Words are spelled
    out as the table in compiler/base/Schedule.cpp has them. On the function,
    `target` names the GPU (sm_80 where it does not stand), and `rows` says how
    many rows views with an unknown first extent have at most, if it stands.

    ```mlir
    #tile.schedule<warps = 4, stages = 4, split = 8, reduce = ordered,
                   target = sm_90a>
    ```
  }];
  let parameters = (ins
    ArrayRefParameter<"std::pair<unsigned, int>",
                      "numbers in lath::kernelWords(), and values">:$words,
    "unsigned":$rows, StringRefParameter<"">:$target);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    /// What differs from the defaults, and the numbers that are always said.
    static ScheduleAttr get(::mlir::MLIRContext *context,
                            const ::lath::TargetSchedule &schedule);
    static ScheduleAttr get(::mlir::MLIRContext *context,
                            ::llvm::ArrayRef<::lath::SaidWord> words);
    /// Sets what it says, and leaves the rest.
    void apply(::lath::TargetSchedule &schedule) const;
  }];
}

#endif
