// Reads under a condition, with and without a tile to keep.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @loads
// CHECK-SAME: %[[Q:[^:]*]]: !tile.view<64x64xi4, packed = 0>, %[[I:[^:]*]]: i32, %[[C:[^:]*]]: i1
func.func @loads(%q: !tile.view<64x64xi4, packed = 0>, %i: i32, %c: i1) {
  // CHECK: %[[OLD:.*]] = tile.guarded_load %[[Q]][%[[I]], %[[I]]] if %[[C]] : <64x64xi4, packed = 0> -> tensor<32x64xi4>
  %0 = tile.guarded_load %q[%i, %i] if %c : !tile.view<64x64xi4, packed = 0> -> tensor<32x64xi4>
  // CHECK: tile.guarded_load %[[Q]][%[[I]], %[[I]]] if %[[C]] else %[[OLD]] : tensor<32x64xi4> {note = "q"} : <64x64xi4, packed = 0> -> tensor<32x64xi4>
  %1 = tile.guarded_load %q[%i, %i] if %c else %0 : tensor<32x64xi4> {note = "q"} : !tile.view<64x64xi4, packed = 0> -> tensor<32x64xi4>
  return
}
