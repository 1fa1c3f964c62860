// One stage of a buffer.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>

// CHECK-LABEL: func.func @one
// CHECK-SAME:    %[[B:[a-z0-9]+]]: !tile.buffer<4 of {{.*}}>, %[[S:[a-z0-9]+]]: i32
func.func @one(%b: !tile.buffer<4 of 16x64xf16, #x>, %s: i32) {
  // CHECK: tile.stage %[[B]][%[[S]]] : <4 of 16x64xf16, #{{.*}}> -> <1 of 16x64xf16, #{{.*}}>
  %0 = tile.stage %b[%s] : !tile.buffer<4 of 16x64xf16, #x> -> !tile.buffer<1 of 16x64xf16, #x>
  return
}
