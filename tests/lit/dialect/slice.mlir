// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @slices
func.func @slices(%t: tensor<16x64xf32>, %u: tensor<2x2x2x2x8xi32>) {
  // CHECK: tile.slice %{{.*}} dim 1 start 48 : tensor<16x64xf32> -> tensor<16x16xf32>
  %0 = tile.slice %t dim 1 start 48 : tensor<16x64xf32> -> tensor<16x16xf32>
  // CHECK: tile.slice %{{.*}} dim 0 start 0 {note = "all"} : tensor<16x64xf32> -> tensor<16x64xf32>
  %1 = tile.slice %t dim 0 start 0 {note = "all"} : tensor<16x64xf32> -> tensor<16x64xf32>
  // CHECK: tile.slice %{{.*}} dim 4 start 7 : tensor<2x2x2x2x8xi32> -> tensor<2x2x2x2x1xi32>
  %2 = tile.slice %u dim 4 start 7 : tensor<2x2x2x2x8xi32> -> tensor<2x2x2x2x1xi32>
  return
}
