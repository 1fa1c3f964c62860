// From a stage of a buffer.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

// CHECK-LABEL: func.func @loads
func.func @loads(%b: !tile.buffer<4 of 4x16xf16, #l>, %i: i32) -> tensor<4x16xf16, #r> {
  // CHECK: %[[T:.*]] = tile.local_load %{{.*}}[%{{.*}}] {note = "x"} : <4 of 4x16xf16, #{{.*}}> -> tensor<4x16xf16, #{{.*}}>
  // CHECK: return %[[T]]
  %0 = tile.local_load %b[%i] {note = "x"} : !tile.buffer<4 of 4x16xf16, #l> -> tensor<4x16xf16, #r>
  return %0 : tensor<4x16xf16, #r>
}
