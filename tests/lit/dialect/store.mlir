// Writes.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @stores
// CHECK-SAME: %[[T:[^:]*]]: tensor<16x32xf16>, %[[OUT:[^:]*]]: !tile.view<?x64xf16>, %[[I:.*]]: i32
func.func @stores(%t: tensor<16x32xf16>, %out: !tile.view<?x64xf16>, %i: i32) {
  // CHECK: tile.store %[[T]], %[[OUT]][%[[I]], %[[I]]] {note = "out"} : tensor<16x32xf16>, <?x64xf16>
  tile.store %t, %out[%i, %i] {note = "out"} : tensor<16x32xf16>, !tile.view<?x64xf16>
  return
}
