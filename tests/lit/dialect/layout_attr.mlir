// Bases of every place; empty places are left out.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#acc = #tile.layout<[16, 8], register = [[0, 1], [8, 0]],
                    lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = []>
#cube = #tile.layout<[2, 4, 8], warp = [[1, 0, 0]], register = [[0, 0, 1]],
                     lane = [[0, 0, 2], [0, 0, 4], [0, 1, 0], [0, 2, 0], [0, 0, 0]]>
#memory = #tile.layout<[8], offset = [[1], [2], [4]]>

// CHECK-LABEL: func.func private @fragment
// CHECK-SAME{LITERAL}: #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
func.func private @fragment(tensor<16x8xf32, #acc>)

// CHECK-LABEL: func.func private @cube
// CHECK-SAME{LITERAL}: #tile.layout<[2, 4, 8], register = [[0, 0, 1]], lane = [[0, 0, 2], [0, 0, 4], [0, 1, 0], [0, 2, 0], [0, 0, 0]], warp = [[1, 0, 0]]>
func.func private @cube(tensor<2x4x8xf16, #cube>)

// CHECK-LABEL: func.func private @memory
// CHECK-SAME{LITERAL}: #tile.layout<[8], offset = [[1], [2], [4]]>
func.func private @memory() attributes {memory = #memory}

// CHECK-LABEL: func.func private @part
// CHECK-SAME{LITERAL}: #tile.layout<[4, 16], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0]], block = [[2, 0]]>
func.func private @part(tensor<4x16xf32, #tile.layout<[4, 16], block = [[2, 0]],
                                                      lane = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0]]>>)
