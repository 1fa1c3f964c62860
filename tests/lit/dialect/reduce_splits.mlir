// Sums over the blocks of a split.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @sum
func.func @sum(%a: tensor<16x64xf32>) -> tensor<16x64xf32> {
  // CHECK: %[[SUM:.*]] = tile.reduce_splits %{{.*}} {note = "k"} : tensor<16x64xf32>
  // CHECK: return %[[SUM]]
  %0 = tile.reduce_splits %a {note = "k"} : tensor<16x64xf32>
  return %0 : tensor<16x64xf32>
}
