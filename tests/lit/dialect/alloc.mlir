// With and without an offset.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

// CHECK-LABEL: func.func @allocs
func.func @allocs() {
  // CHECK: tile.alloc : <4 of 4x16xf16, #[[L:.*]]>
  %0 = tile.alloc : !tile.buffer<4 of 4x16xf16, #l>
  // CHECK: tile.alloc {note = "x", offset = 128 : i32} : <1 of 32x16xi4, packed = 0, #[[L]]>
  %1 = tile.alloc {offset = 128 : i32, note = "x"} : !tile.buffer<1 of 32x16xi4, packed = 0, #l>
  return
}
