// What a dimension comes to: every operation and type.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @reduces
func.func @reduces(%t: tensor<16x64xf32>, %v: tensor<64xf32>) {
  // CHECK: tile.reduce max %{{.*}} dim 1 : tensor<16x64xf32> -> tensor<16x1xf32>
  %0 = tile.reduce max %t dim 1 : tensor<16x64xf32> -> tensor<16x1xf32>
  // CHECK: tile.reduce add %{{.*}} dim 0 {note = "columns"} : tensor<16x64xf32> -> tensor<1x64xf32>
  %1 = tile.reduce add %t dim 0 {note = "columns"} : tensor<16x64xf32> -> tensor<1x64xf32>
  // CHECK: tile.reduce add %{{.*}} dim 0 : tensor<64xf32> -> tensor<1xf32>
  %2 = tile.reduce add %v dim 0 : tensor<64xf32> -> tensor<1xf32>
  // CHECK: tile.reduce min %{{.*}} dim 0 : tensor<64xf32> -> tensor<1xf32>
  %3 = tile.reduce min %v dim 0 : tensor<64xf32> -> tensor<1xf32>
  return
}

// CHECK-LABEL: func.func @integers
func.func @integers(%t: tensor<4x8x16x2x2xi32>, %w: tensor<64xi64>, %c: tensor<16x64xi1>) {
  // CHECK: tile.reduce umax %{{.*}} dim 2 : tensor<4x8x16x2x2xi32> -> tensor<4x8x1x2x2xi32>
  %0 = tile.reduce umax %t dim 2 : tensor<4x8x16x2x2xi32> -> tensor<4x8x1x2x2xi32>
  // CHECK: tile.reduce umin
  %1 = tile.reduce umin %t dim 4 : tensor<4x8x16x2x2xi32> -> tensor<4x8x16x2x1xi32>
  // CHECK: tile.reduce min %{{.*}} : tensor<64xi64> -> tensor<1xi64>
  %2 = tile.reduce min %w dim 0 : tensor<64xi64> -> tensor<1xi64>
  // CHECK: tile.reduce and %{{.*}} : tensor<16x64xi1> -> tensor<16x1xi1>
  %3 = tile.reduce and %c dim 1 : tensor<16x64xi1> -> tensor<16x1xi1>
  // CHECK: tile.reduce or
  %4 = tile.reduce or %c dim 1 : tensor<16x64xi1> -> tensor<16x1xi1>
  // CHECK: tile.reduce xor
  %5 = tile.reduce xor %w dim 0 : tensor<64xi64> -> tensor<1xi64>
  return
}
