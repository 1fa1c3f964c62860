// Views of every element type.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#atom = #tile.layout<[4, 4], offset = [[0, 1], [2, 0], [1, 0], [0, 2]]>

// CHECK-LABEL: func.func private @views
// CHECK-SAME: !tile.view<?x4096xf16>, !tile.view<4096x64xi4, packed = 0>, !tile.view<4096x64xi4, packed = 1>
// CHECK-SAME: !tile.view<8x8xi4, atom = #{{.*}}>
// CHECK-SAME: !tile.view<?xf32>, !tile.view<7x3x5xbf16>, !tile.view<1xi32>, !tile.view<?x8xi4, packed = 1>
func.func private @views(!tile.view<?x4096xf16>, !tile.view<4096x64xi4, packed = 0>,
                         !tile.view<4096x64xi4, packed = 1>,
                         !tile.view<8x8xi4, atom = #atom>, !tile.view<?xf32>,
                         !tile.view<7x3x5xbf16>, !tile.view<1xi32>,
                         !tile.view<?x8xi4, packed = 1>)
