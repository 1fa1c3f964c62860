#ifndef LATH_TILE_TYPES
#define LATH_TILE_TYPES

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinTypes.td"
include "compiler/ir/TileDialect.td"

class Tile_Type<string name, string typeMnemonic> : TypeDef<Tile_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Tile_ViewType : Tile_Type<"View", "view"> {
  let summary = "an array in global memory";
  let description = [{
    Row-major and dense, unless `strides` says how many elements lie between
    neighbours along each dimension. Extents and strides may be dynamic.
    `i4` elements are packed eight to a 32-bit word along dimension `packed`,
    `si8` elements four, element 0 in the lowest bits; the words are row-major.

    Or an `i4` matrix [K, N] is cut into atoms: [a, b] elements whose order in
    memory, in 4-bit steps, is the layout `atom`. Atom (i, j), of rows from i a
    and columns from j b, is the (i N / b + j)-th in memory.

    ```mlir
    !tile.view<?x4096xf16>
    !tile.view<?x?x64xf16, strides = [?, 64, 1]>
    !tile.view<4096x11008xi4, packed = 0>
    !tile.view<4096x11008xsi8, packed = 0>
    !tile.view<4096x11008xi8>
    !tile.view<64x32xi4, atom = #tile.layout<[4, 4], offset = [[0, 1], [2, 0], [1, 0], [0, 2]]>>
    ```
  }];
  let parameters = (ins ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType, "int":$packed,
                        "::lath::tile::LayoutAttr":$atom,
                        OptionalArrayRefParameter<"int64_t">:$strides);
  let builders = [TypeBuilder<(ins "::llvm::ArrayRef<int64_t>":$shape,
      "::mlir::Type":$elementType, "int":$packed,
      "::lath::tile::LayoutAttr":$atom), [{
    return $_get($_ctxt, shape, elementType, packed, atom,
                 ::llvm::ArrayRef<int64_t>());
  }]>];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// The array of memory units: words for packed views, else elements. What
    /// the type says of it; `memoryOf` knows a view's run-time numbers too.
    ::lath::tile::Memory memory() const;
    unsigned numDynamicExtents() const;
    unsigned numDynamicStrides() const;
    /// Whether the bulk of a kernel's bytes comes from here: weights.
    bool streamed() const { return getPacked() == 0 || getAtom(); }
  }];
}

def Tile_BufferType : Tile_Type<"Buffer", "buffer"> {
  let summary = "a tile in shared memory, once for each stage";
  let description = [{
    `layout` maps offsets, in memory units, to the elements of the (packed)
    tile: row-major with the chunks permuted so that accesses do not collide
    on banks. Conditions, `i1`, are bytes there.

    ```mlir
    !tile.buffer<4 of 4x8xf16,
                 #tile.layout<[4, 8], offset = [[0, 1], [0, 2], [0, 4], [1, 0], [2, 0]]>>
    !tile.buffer<4 of 32x4xi4, packed = 0,
                 #tile.layout<[4, 4], offset = [[0, 1], [0, 2], [1, 1], [2, 2]]>>
    ```
  }];
  let parameters = (ins "int64_t":$stages, ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType, "int":$packed,
                        "::lath::tile::LayoutAttr":$atom,
                        "::lath::tile::LayoutAttr":$layout);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    ::lath::tile::Memory memory() const;
    /// Bytes of one stage.
    int64_t stageBytes() const;
  }];
}

def Tile_MbarriersType : Tile_Type<"Mbarriers", "mbarriers"> {
  let summary = "mbarriers in shared memory, one for each stage";
  let description = [{
    ```mlir
    !tile.mbarriers<4>
    ```
  }];
  let parameters = (ins "int64_t":$stages);
  let assemblyFormat = "`<` $stages `>`";
  let genVerifyDecl = 1;
}

#endif
