// Each element with those ahead of it.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @scans
func.func @scans(%t: tensor<16x64xf32>, %v: tensor<64xi64>, %w: tensor<2x4x8xi32>) {
  // CHECK: tile.scan add %{{.*}} dim 1 : tensor<16x64xf32> -> tensor<16x64xf32>
  %0 = tile.scan add %t dim 1 : tensor<16x64xf32> -> tensor<16x64xf32>
  // CHECK: tile.scan max %{{.*}} dim 0 {note = "columns"} : tensor<16x64xf32> -> tensor<16x64xf32>
  %1 = tile.scan max %t dim 0 {note = "columns"} : tensor<16x64xf32> -> tensor<16x64xf32>
  // CHECK: tile.scan add %{{.*}} dim 0 : tensor<64xi64> -> tensor<64xi64>
  %2 = tile.scan add %v dim 0 : tensor<64xi64> -> tensor<64xi64>
  // CHECK: tile.scan umax %{{.*}} dim 2 : tensor<2x4x8xi32> -> tensor<2x4x8xi32>
  %3 = tile.scan umax %w dim 2 : tensor<2x4x8xi32> -> tensor<2x4x8xi32>
  return
}
