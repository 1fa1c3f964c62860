// Into a stage of a buffer.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

// CHECK-LABEL: func.func @stores
func.func @stores(%t: tensor<4x16xf16, #r>, %b: !tile.buffer<1 of 4x16xf16, #l>, %i: i32) {
  // CHECK: tile.local_store %{{.*}}, %{{.*}}[%{{.*}}] {note = "x"} : tensor<4x16xf16, #{{.*}}>, <1 of 4x16xf16, #{{.*}}>
  tile.local_store %t, %b[%i] {note = "x"} : tensor<4x16xf16, #r>, !tile.buffer<1 of 4x16xf16, #l>
  return
}
