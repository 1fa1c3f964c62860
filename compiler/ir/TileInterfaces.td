// What passes ask operations, so that no pass keeps a list of operations: how
// layouts spread, whether rows meet, which stage is accessed, what shared memory
// is needed besides, and what memory is touched. An operation that does not
// answer is treated safely: its operands may have any layout, rows meet in it,
// it touches all memory and is not cloned. Operations of other dialects answer
// in ForeignOps.cpp.
#ifndef LATH_TILE_INTERFACES
#define LATH_TILE_INTERFACES

include "mlir/IR/Interfaces.td"
include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Tile_LayoutInterface : OpInterface<"LayoutInterface"> {
  let cppNamespace = "::lath::tile";
  let description = [{
    How the places of an operation's tiles depend on each other. `known` gives
    the layout of a value, or null where none is known yet. What demands nothing
    of its operands leaves its result where they say (`reduce`); for the others
    an operand that lies elsewhere is converted.
  }];
  let methods = [
    InterfaceMethod<[{
        Asks for layouts on its own account, before any is known. Fails, with an
        error, where it cannot be laid out.
      }], "::llvm::LogicalResult", "seedLayouts",
      (ins "::lath::tile::AskLayout":$ask), "", [{ return ::mlir::success(); }]>,
    InterfaceMethod<[{
        The layout demanded of an operand that is a tile, given those of the
        results; nullopt: any.
      }], "std::optional<::lath::Layout>", "operandLayout",
      (ins "::mlir::OpOperand &":$operand, "::lath::tile::KnownLayout":$known),
      "", [{ return std::nullopt; }]>,
    InterfaceMethod<[{
        The layout of the one result, given those of the operands; nullopt where
        they leave it open.
      }], "std::optional<::lath::Layout>", "resultLayout",
      (ins "::lath::tile::KnownLayout":$known), "", [{ return std::nullopt; }]>,
    InterfaceMethod<[{
        Of an operation that moves this tile from or to memory: how many
        elements, neighbours in a row, one lane can move at once, by what is
        known of their place. nullopt: they do not limit the layout.
      }], "std::optional<int64_t>", "movedAtOnce", (ins "::mlir::Value":$tile),
      "", [{ return std::nullopt; }]>,
    InterfaceMethod<[{
        Groups of values that are one tile, in one place: what a loop carries.
      }], "::llvm::SmallVector<::llvm::SmallVector<::mlir::Value>>", "tiedTiles",
      (ins), "", [{ return {}; }]>,
  ];
}

def Tile_RowsInterface : OpInterface<"RowsInterface"> {
  let cppNamespace = "::lath::tile";
  let description = [{
    Whether the rows (the first dimension) of a tile stay apart.
  }];
  let methods = [
    InterfaceMethod<[{
        Whether row i of what the operation makes of this operand depends on row
        i of it alone, and a row beyond those that views of a dynamic first
        extent have is not written to memory.
      }], "bool", "keepsRowsApart", (ins "::mlir::OpOperand &":$operand)>,
    InterfaceMethod<"What the operation makes of this operand.",
      "::llvm::SmallVector<::mlir::Value>", "madeFrom",
      (ins "::mlir::OpOperand &":$operand), "",
      [{ return ::llvm::SmallVector<::mlir::Value>($_op->getResults()); }]>,
  ];
}

def Tile_StageInterface : OpInterface<"StageInterface"> {
  let cppNamespace = "::lath::tile";
  let description = [{
    An operation that accesses one stage of a buffer in shared memory.
  }];
  let methods = [
    InterfaceMethod<"Which stage.", "::mlir::OpOperand &", "getSlotMutable">,
    InterfaceMethod<"The buffer.", "::mlir::Value", "stageBuffer", (ins), "",
      [{ return $_op.getBuffer(); }]>,
    InterfaceMethod<[{
        Whether it starts a copy into the stage and waits for nothing: it may be
        issued (cloned) for a step ahead.
      }], "bool", "startsCopy", (ins), "", [{ return false; }]>,
    InterfaceMethod<[{
        Of an operation that starts a copy: the mbarriers of which that of the
        stage counts its bytes, with one arrival for them, so that whoever waits
        there has them; null where `async_wait` waits for the copy.
      }], "::mlir::Value", "signalled", (ins), "", [{ return {}; }]>,
    InterfaceMethod<[{
        Whether it writes the stage by the async proxy, to which a barrier alone
        does not order what threads did there before.
      }], "bool", "writesByAsyncProxy", (ins), "", [{ return false; }]>,
    InterfaceMethod<[{
        What the buffer's place in shared memory must be a multiple of: a power
        of two.
      }], "int64_t", "bufferAlignment", (ins), "",
      [{ return ::lath::sharedAlignment; }]>,
  ];
}

def Tile_ScratchInterface : OpInterface<"ScratchInterface"> {
  let cppNamespace = "::lath::tile";
  let description = [{
    An operation whose lowering may need shared memory of its own. It finds the
    place by `scratchOffset`, which no other operation compiles with.
  }];
  let methods = [
    InterfaceMethod<"How many bytes; 0 where these layouts need none.",
      "int64_t", "scratchBytes">,
    InterfaceMethod<[{
        Whether the lowering waits for all threads before it writes there, so
        that it may lie where something lay that is no longer needed.
      }], "bool", "waitsForThreads", (ins), "", [{ return false; }]>,
  ];
}

/// Means the same whichever warps of the block execute it, and however many:
/// it depends on no layout.
def Tile_AnyWarp : NativeOpTrait<"AnyWarp"> {
  let cppNamespace = "::lath::tile";
}

/// Any thread can make any element of its result from operands that are no
/// tiles: where another layout is wanted the operation is made again with that.
def Tile_AnyPlace : NativeOpTrait<"AnyPlace"> {
  let cppNamespace = "::lath::tile";
}

/// Keeps copies and readers of stages apart; without stages nobody needs it.
def Tile_StageSync : NativeOpTrait<"StageSync"> {
  let cppNamespace = "::lath::tile";
}

// Whose memory an effect is on. What is on neither may be on both.
def Tile_Global : Resource<"::lath::tile::GlobalMemory">;
def Tile_Shared : Resource<"::lath::tile::SharedMemory">;
def Tile_ReadsGlobal : MemRead<Tile_Global>;
def Tile_WritesGlobal : MemWrite<Tile_Global>;
def Tile_ReadsShared : MemRead<Tile_Shared>;
def Tile_WritesShared : MemWrite<Tile_Shared>;

#endif
