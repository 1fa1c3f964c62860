// Plain, swizzled and packed buffers.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#plain = #tile.layout<[4, 8], offset = [[0, 1], [0, 2], [0, 4], [1, 0], [2, 0]]>
#swizzled = #tile.layout<[4, 8], offset = [[0, 1], [0, 2], [0, 4], [1, 2], [2, 4]]>

// CHECK-LABEL: func.func private @buffers
// CHECK-SAME: !tile.buffer<4 of 4x8xf16, #[[PLAIN:.*]]>, !tile.buffer<1 of 4x8xf32, #[[SWIZZLED:.*]]>, !tile.buffer<2 of 32x8xi4, packed = 0, #[[PLAIN]]>, !tile.buffer<2 of 4x64xi4, packed = 1, #[[SWIZZLED]]>
func.func private @buffers(!tile.buffer<4 of 4x8xf16, #plain>, !tile.buffer<1 of 4x8xf32, #swizzled>,
                           !tile.buffer<2 of 32x8xi4, packed = 0, #plain>,
                           !tile.buffer<2 of 4x64xi4, packed = 1, #swizzled>)

// CHECK-LABEL: func.func private @bytes
// CHECK-SAME: !tile.buffer<1 of 4xi1,
// CHECK-SAME: !tile.buffer<2 of 4xi64,
// CHECK-SAME: !tile.buffer<2 of 4xf8E5M2,
func.func private @bytes(!tile.buffer<1 of 4xi1, #tile.layout<[4], offset = [[1], [2]]>>, !tile.buffer<2 of 4xi64, #tile.layout<[4], offset = [[1], [2]]>>, !tile.buffer<2 of 4xf8E5M2, #tile.layout<[4], offset = [[1], [2]]>>)
