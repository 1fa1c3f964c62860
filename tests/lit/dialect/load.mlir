// Reads of views of one to three dimensions, with and without layouts.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#row = #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>

// CHECK-LABEL: func.func @loads
// CHECK-SAME: %[[X:[^:]*]]: !tile.view<?x64xf16>, %[[V:[^:]*]]: !tile.view<100xf32>, %[[Q:[^:]*]]: !tile.view<64x64xi4, packed = 0>, %[[C:[^:]*]]: !tile.view<4x8x16xi32>, %[[I:.*]]: i32
func.func @loads(%x: !tile.view<?x64xf16>, %v: !tile.view<100xf32>,
                 %q: !tile.view<64x64xi4, packed = 0>,
                 %c: !tile.view<4x8x16xi32>, %i: i32) {
  // CHECK: tile.load %[[X]][%[[I]], %[[I]]] : <?x64xf16> -> tensor<16x32xf16>
  %0 = tile.load %x[%i, %i] : !tile.view<?x64xf16> -> tensor<16x32xf16>
  // CHECK: tile.load %[[V]][%[[I]]] {note = "bias"} : <100xf32> -> tensor<32xf32, #{{.*}}>
  %1 = tile.load %v[%i] {note = "bias"} : !tile.view<100xf32> -> tensor<32xf32, #row>
  // CHECK: tile.load %[[Q]][%[[I]], %[[I]]] : <64x64xi4, packed = 0> -> tensor<32x64xi4>
  %2 = tile.load %q[%i, %i] : !tile.view<64x64xi4, packed = 0> -> tensor<32x64xi4>
  // CHECK: tile.load %[[C]][%[[I]], %[[I]], %[[I]]] : <4x8x16xi32> -> tensor<1x8x16xi32>
  %3 = tile.load %c[%i, %i, %i] : !tile.view<4x8x16xi32> -> tensor<1x8x16xi32>
  return
}
