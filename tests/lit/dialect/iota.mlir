// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @coordinates
func.func @coordinates() {
  // CHECK: tile.iota : tensor<1024xi32>
  %0 = tile.iota : tensor<1024xi32>
  // CHECK: tile.iota {note = "one"} : tensor<1xi32>
  %1 = tile.iota {note = "one"} : tensor<1xi32>
  return
}
