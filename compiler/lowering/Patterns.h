// Pattern sets of the lowering, one for each file.
#pragma once

#include "compiler/lowering/Emit.h"

namespace lath::tile {

void addGlobalMemoryPatterns(const mlir::TypeConverter &types,
                             mlir::RewritePatternSet &patterns);
void addAtomicPatterns(const mlir::TypeConverter &types,
                       mlir::RewritePatternSet &patterns);
/// program_id and num_programs: lowered behind all others, which ask what is
/// known of them (IndexRange).
void addAxisPatterns(const mlir::TypeConverter &types,
                     mlir::RewritePatternSet &patterns);
void addSharedMemoryPatterns(const mlir::TypeConverter &types,
                             mlir::RewritePatternSet &patterns);
void addDotPatterns(const mlir::TypeConverter &types,
                    mlir::RewritePatternSet &patterns);
void addUnpackPatterns(const mlir::TypeConverter &types,
                       mlir::RewritePatternSet &patterns);
void addWarpgroupPatterns(const mlir::TypeConverter &types,
                          mlir::RewritePatternSet &patterns);
void addElementwisePatterns(const mlir::TypeConverter &types,
                            mlir::RewritePatternSet &patterns);
void addCastPatterns(const mlir::TypeConverter &types,
                     mlir::RewritePatternSet &patterns);
void addFunctionPatterns(const mlir::TypeConverter &types,
                         mlir::RewritePatternSet &patterns);
void addShapePatterns(const mlir::TypeConverter &types,
                      mlir::RewritePatternSet &patterns);
void addReductionPatterns(const mlir::TypeConverter &types,
                          mlir::RewritePatternSet &patterns);
void addConversionPatterns(const mlir::TypeConverter &types,
                           mlir::RewritePatternSet &patterns);
void addValuePatterns(const mlir::TypeConverter &types,
                      mlir::RewritePatternSet &patterns);
void addSplitPatterns(const mlir::TypeConverter &types,
                      mlir::RewritePatternSet &patterns);
void addLaunchPatterns(const mlir::TypeConverter &types,
                       mlir::RewritePatternSet &patterns);
void addBulkCopyPatterns(const mlir::TypeConverter &types,
                         mlir::RewritePatternSet &patterns);
void addClusterPatterns(const mlir::TypeConverter &types,
                        mlir::RewritePatternSet &patterns);

/// Whether this thread is the first of those that hold copies of its elements;
/// null if no other thread does.
mlir::Value isFirstCopy(Emit &e, const Layout &layout);
/// Both conditions; null is one that always holds.
mlir::Value both(Emit &e, mlir::Value a, mlir::Value b);

/// Moves what computes a value down to its first use in the block. So the
/// unpacking of a fragment stands between the wgmma before and its own, which
/// run while it is done; the assembler keeps that order.
void sinkToUses(mlir::Block &block);

/// Codes of a packed tile whose words are `words`, of layout `wordLayout` (see
/// unitLayout): each register's bits, as many to a result word as it holds.
Registers gatherCodes(Emit &e, const Memory &memory, const Layout &elements,
                      const Layout &wordLayout, mlir::ValueRange words);

} // namespace lath::tile
