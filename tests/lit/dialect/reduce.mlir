// Sums and maxima along each dimension.
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
  return
}
