// The element of a tile of one.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @extracts
func.func @extracts(%a: tensor<1xi32>, %b: tensor<1x1xi1>) -> (i32, i1) {
  // CHECK: tile.extract %{{.*}} : tensor<1xi32> -> i32
  %0 = tile.extract %a : tensor<1xi32> -> i32
  // CHECK: tile.extract %{{.*}} {note = "any"} : tensor<1x1xi1> -> i1
  %1 = tile.extract %b {note = "any"} : tensor<1x1xi1> -> i1
  return %0, %1 : i32, i1
}
