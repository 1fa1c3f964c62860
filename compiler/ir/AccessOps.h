// How starts in a view are written in the text of an operation, and what copies
// want of them.
#pragma once

#include "mlir/IR/OpImplementation.h"

namespace lath::tile {

/// `[%a, %b]`, where dimension d of the tile runs along dimension d of the
/// view; else `[%a, %b along 0, %ids : tensor<16x1xi32>]`.
mlir::ParseResult
parseStarts(mlir::OpAsmParser &parser,
            llvm::SmallVectorImpl<mlir::OpAsmParser::UnresolvedOperand> &starts,
            llvm::SmallVectorImpl<mlir::Type> &types,
            mlir::DenseI64ArrayAttr &dims);
void printStarts(mlir::OpAsmPrinter &printer, mlir::Operation *op,
                 mlir::OperandRange starts, mlir::TypeRange types,
                 mlir::DenseI64ArrayAttr dims);

class ViewType;
/// Verifies the starts of a copy of a tile, all of which are numbers.
llvm::LogicalResult verifyNumbers(mlir::Operation *op, ViewType view,
                                  llvm::ArrayRef<int64_t> tile,
                                  mlir::OperandRange starts,
                                  llvm::ArrayRef<int64_t> dims);

} // namespace lath::tile
