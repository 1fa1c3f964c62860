// Round trip; a conversion to the same layout, or there and back, folds.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s
// RUN: lath-opt %s -canonicalize | FileCheck %s --check-prefix=FOLD

#l0 = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#l1 = #tile.layout<[4, 16], register = [[2, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0]]>

// CHECK-LABEL: func.func @convert
func.func @convert(%a: tensor<4x16xf32, #l0>) -> tensor<4x16xf32, #l1> {
  // CHECK: %[[B:.*]] = tile.convert_layout %{{.*}} {note = "copy"} : tensor<4x16xf32, #[[L0:.*]]> -> tensor<4x16xf32, #[[L1:.*]]>
  // CHECK: return %[[B]]
  %0 = tile.convert_layout %a {note = "copy"} : tensor<4x16xf32, #l0> -> tensor<4x16xf32, #l1>
  return %0 : tensor<4x16xf32, #l1>
}

// FOLD-LABEL: func.func @same
// FOLD-SAME: %[[A:.*]]: tensor
func.func @same(%a: tensor<4x16xf32, #l0>) -> tensor<4x16xf32, #l0> {
  // FOLD-NEXT: return %[[A]]
  %0 = tile.convert_layout %a : tensor<4x16xf32, #l0> -> tensor<4x16xf32, #l0>
  return %0 : tensor<4x16xf32, #l0>
}

// FOLD-LABEL: func.func @there_and_back
// FOLD-SAME: %[[A:.*]]: tensor
func.func @there_and_back(%a: tensor<4x16xf32, #l0>) -> tensor<4x16xf32, #l0> {
  // FOLD-NEXT: return %[[A]]
  %0 = tile.convert_layout %a : tensor<4x16xf32, #l0> -> tensor<4x16xf32, #l1>
  %1 = tile.convert_layout %0 : tensor<4x16xf32, #l1> -> tensor<4x16xf32, #l0>
  return %1 : tensor<4x16xf32, #l0>
}
