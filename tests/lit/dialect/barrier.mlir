// No operands.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @barriers
func.func @barriers() {
  // CHECK-NEXT: tile.barrier
  tile.barrier
  // CHECK-NEXT: tile.barrier {note = "last"}
  tile.barrier {note = "last"}
  return
}
