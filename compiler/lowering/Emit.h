// Helpers that lowering patterns share: short names for LLVM operations,
// linear maps as integer code, and vectors of memory units.
#pragma once

#include "compiler/ir/Tile.h"

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Transforms/DialectConversion.h"

namespace lath::tile {

/// Registers of a tile in one lane: one LLVM value an element, or one 32-bit
/// word for each eight 4-bit elements (element i of a word in bits 4i..4i+3;
/// bits above a partly filled word are unspecified) or four 8-bit ones.
using Registers = llvm::SmallVector<mlir::Value>;

unsigned registerCount(mlir::RankedTensorType type);
/// The type of a register of a tile of such elements: i8 of 8-bit floats.
mlir::Type registerType(mlir::Type element);

/// Consecutive memory units that one lane moves with one instruction.
struct Vectors {
  unsigned bits = 0;                  ///< log2 of units a vector
  llvm::SmallVector<unsigned> within; ///< register bit of unit 1, 2, 4, ...
  llvm::SmallVector<uint32_t> starts; ///< register of unit 0, each vector

  uint32_t reg(uint32_t start, uint32_t unit) const {
    for (unsigned i = 0; i < bits; ++i)
      if (unit >> i & 1)
        start |= 1u << within[i];
    return start;
  }
  uint32_t size() const { return 1u << bits; }
};

/// Groups registers whose `offsets` (image of each register bit) are
/// neighbours, at most 2^maxBits of them.
Vectors vectorise(const Bases &offsets, unsigned maxBits);

class Emit {
public:
  Emit(mlir::ConversionPatternRewriter &rewriter, mlir::Location loc)
      : r(rewriter), loc(loc), i32(rewriter.getI32Type()),
        i64(rewriter.getI64Type()), f32(rewriter.getF32Type()) {}

  mlir::ConversionPatternRewriter &r;
  mlir::Location loc;
  mlir::Type i32, i64, f32;

  mlir::Value c(int64_t value);
  mlir::Value add(mlir::Value a, mlir::Value b);
  mlir::Value add(mlir::Value a, int64_t b);
  mlir::Value mul(mlir::Value a, int64_t b);
  mlir::Value band(mlir::Value a, int64_t b);
  mlir::Value bor(mlir::Value a, mlir::Value b);
  mlir::Value bxor(mlir::Value a, mlir::Value b);
  mlir::Value shl(mlir::Value a, int64_t by);
  mlir::Value lshr(mlir::Value a, int64_t by);
  mlir::Value zext64(mlir::Value a);
  mlir::Value sext64(mlir::Value a);
  mlir::Value bitcast(mlir::Type type, mlir::Value a);
  /// The sum of two floats or two integers, and what to begin one with.
  mlir::Value sum(mlir::Value a, mlir::Value b);
  mlir::Value zero(mlir::Type type);
  mlir::Value gep(mlir::Value pointer, mlir::Value bytes);
  mlir::Value gep(mlir::Value pointer, int64_t bytes);
  mlir::Value field(mlir::Value aggregate, int64_t index);
  mlir::Value element(mlir::Value vector, int64_t index);
  mlir::Value vector(mlir::ValueRange elements);
  /// `results` null: none. Volatile (side effects) if `volatileAsm`.
  mlir::Value assembly(llvm::StringRef text, llvm::StringRef constraints,
                       mlir::Type result, mlir::ValueRange operands,
                       bool volatileAsm);

  mlir::Value tid();
  mlir::Value lane() { return band(tid(), 31); }
  mlir::Value warp() { return lshr(tid(), 5); }
  /// This block's rank in its cluster. Clusters are (1, 1, split) and the grid
  /// is split deep, so it is the block's position along axis 2.
  mlir::Value clusterRank();
  mlir::Value shared(int64_t offset);
  /// A pointer to shared memory, a peer's too, as assembly takes it.
  mlir::Value sharedAddress(mlir::Value pointer);
  /// Until the phase of this parity is complete. Acquires what the threads of
  /// the block released; `ofCluster`: what peers did, too.
  void waitMbarrier(mlir::Value address, mlir::Value parity, bool ofCluster);
  /// Barrier of the threads whose code `op` is, and its text.
  void barrier(mlir::Operation *op);
  static std::string barrierText(mlir::Operation *op);

  /// Lets the kernel's text be of this PTX version, times ten, or a later one.
  void needPtx(mlir::Operation *op, unsigned version);

  /// Code for a linear map of bits of `value`.
  mlir::Value linear(const LinearMap &map, mlir::Value value);
  /// The lane's, warp's and block's part of an image: map(laneBases) etc.
  mlir::Value linear(const Layout &layout, const LinearMap &after);

  /// `count` 32-bit words at a global pointer; zero unless `mask` (may be
  /// null).
  Registers loadWords(mlir::Value pointer, unsigned count, mlir::Value mask);
  /// The same of 8 or 16 bits.
  mlir::Value loadNarrow(mlir::Value pointer, unsigned bytes, mlir::Value mask);
  void storeNarrow(mlir::Value pointer, mlir::Value bits, mlir::Value mask);
  /// Words that are read once, past L1; where not `condition`, those of `old`.
  Registers streamWords(mlir::Value pointer, mlir::ValueRange old,
                        mlir::Value condition);
  void storeWords(mlir::Value pointer, mlir::ValueRange words,
                  mlir::Value mask);
  /// Neighbours in global memory of 1 to 16 bytes, a power of two; zero unless
  /// `mask` (may be null).
  Registers loadUnits(mlir::Value pointer, unsigned count, mlir::Type unit,
                      mlir::Value mask);
  void storeUnits(mlir::Value pointer, mlir::ValueRange units,
                  mlir::Value mask);

  /// Words of memory to units of `type` and back: so many 8 or 16-bit units a
  /// word, or two words a 64-bit unit. Units that fill no word are one integer
  /// of their width.
  Registers unpack(mlir::ValueRange words, mlir::Type unit);
  Registers pack(mlir::ValueRange units);
};

} // namespace lath::tile
