// Operands that loops stage stay in shared memory, in the order in which wgmma
// reads them.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-use-warpgroups -split-input-file -verify-diagnostics | FileCheck %s

#s = #tile.schedule<warps = 4, stages = 2, mma = warpgroup, split = 1, order = interleaved, reduce = none, target = sm_90a>
#plain = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0]]>
#a = #tile.layout<[16, 64], register = [[0, 1], [0, 8], [0, 16], [0, 32], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[0, 0], [0, 0]]>
#w = #tile.layout<[64, 64], register = [[1, 0], [0, 8], [8, 0], [16, 0], [32, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
#c = #tile.layout<[16, 64], register = [[1, 0], [0, 8], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>

// CHECK-LABEL: func.func @staged
// CHECK:         %[[B:.*]] = tile.alloc : <1 of 16x64xf16, #tile.layout<[16, 64], offset = {{\[\[}}0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>>
// CHECK:         tile.async_copy %{{.*}}, %[[B]][%[[SLOT:.*]]] :
// CHECK:         tile.async_wait 0 for_matrix_operands
// CHECK-NOT:     tile.local_load
// CHECK:         %[[STAGE:.*]] = tile.stage %[[B]][%[[SLOT]]] :
// CHECK:         tile.warpgroup_dot %[[STAGE]], %{{.*}}, %{{.*}} swapped :
// CHECK-NOT:     tile.dot
func.func @staged(%x: !tile.view<16x4096xf16>, %w: tensor<64x64xf16, #w>, %init: tensor<16x64xf32, #c>) -> tensor<16x64xf32, #c> attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %b = tile.alloc : !tile.buffer<1 of 16x64xf16, #plain>
  %r = scf.for %k = %lo to %hi step %st iter_args(%acc = %init) -> (tensor<16x64xf32, #c>) : i32 {
    tile.async_copy %x[%lo, %k], %b[%lo] : !tile.view<16x4096xf16>, !tile.buffer<1 of 16x64xf16, #plain>
    tile.async_commit
    tile.async_wait 0
    tile.barrier
    %t = tile.local_load %b[%lo] : !tile.buffer<1 of 16x64xf16, #plain> -> tensor<16x64xf16, #a>
    %d = tile.dot %t, %w, %acc swapped : tensor<16x64xf16, #a>, tensor<64x64xf16, #w>, tensor<16x64xf32, #c>
    tile.barrier
    scf.yield %d : tensor<16x64xf32, #c>
  }
  return %r : tensor<16x64xf32, #c>
}

// -----

// What is computed in registers cannot be read from shared memory.
#s = #tile.schedule<warps = 4, stages = 2, mma = warpgroup, split = 1, order = interleaved, reduce = none, target = sm_90a>
#a = #tile.layout<[16, 64], register = [[0, 1], [0, 8], [0, 16], [0, 32], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[0, 0], [0, 0]]>
#w = #tile.layout<[64, 64], register = [[1, 0], [0, 8], [8, 0], [16, 0], [32, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
#c = #tile.layout<[16, 64], register = [[1, 0], [0, 8], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
func.func @computed(%t: tensor<16x64xf16, #a>, %w: tensor<64x64xf16, #w>, %acc: tensor<16x64xf32, #c>) attributes {tile.schedule = #s} {
  // expected-error @+1 {{wgmma multiplies by what a K loop loads from memory for it alone; the other operand may be in registers}}
  %d = tile.dot %t, %w, %acc swapped : tensor<16x64xf16, #a>, tensor<64x64xf16, #w>, tensor<16x64xf32, #c>
  return
}

// -----

// The pairs that words of eight k give are no neighbours: cp.async would move
// single halves.
#s = #tile.schedule<warps = 4, stages = 2, mma = warpgroup, split = 1, order = interleaved, reduce = none, target = sm_90a>
#plain = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0]]>
#a = #tile.layout<[16, 64], register = [[0, 4], [0, 1], [0, 2], [0, 32], [8, 0]], lane = [[0, 8], [0, 16], [1, 0], [2, 0], [4, 0]], warp = [[0, 0], [0, 0]]>
#w = #tile.layout<[64, 64], register = [[4, 0], [1, 0], [2, 0], [0, 8], [32, 0]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
#c = #tile.layout<[16, 64], register = [[1, 0], [0, 8], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
func.func @words_of_eight_k(%x: !tile.view<16x4096xf16>, %w: tensor<64x64xf16, #w>, %acc: tensor<16x64xf32, #c>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %b = tile.alloc : !tile.buffer<1 of 16x64xf16, #plain>
  tile.async_copy %x[%lo, %lo], %b[%lo] : !tile.view<16x4096xf16>, !tile.buffer<1 of 16x64xf16, #plain>
  %t = tile.local_load %b[%lo] : !tile.buffer<1 of 16x64xf16, #plain> -> tensor<16x64xf16, #a>
  // expected-error @+1 {{wgmma takes pairs of neighbours along k, which words of eight k do not give: use packed weights}}
  %d = tile.dot %t, %w, %acc swapped : tensor<16x64xf16, #a>, tensor<64x64xf16, #w>, tensor<16x64xf32, #c>
  return
}

// -----

// Both operands are staged, b as [N, K]: both stay there, in panels. Where a is
// read by somebody else, too, it comes through registers.
#s = #tile.schedule<warps = 4, stages = 2, mma = warpgroup, split = 1, order = interleaved, reduce = none, target = sm_90a>
#pa = #tile.layout<[64, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0], [16, 0], [32, 0]]>
#pb = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0]]>
#a = #tile.layout<[64, 64], register = [[0, 1], [8, 0], [0, 8], [0, 16], [0, 32]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[16, 0], [32, 0]]>
#bt = #tile.layout<[16, 64], register = [[0, 1], [0, 8], [0, 16], [0, 32], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[0, 0], [0, 0]]>
#b = #tile.layout<[64, 16], register = [[1, 0], [8, 0], [16, 0], [32, 0], [0, 8]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 0], [0, 0]]>
#c = #tile.layout<[64, 16], register = [[8, 0], [0, 1], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[16, 0], [32, 0]]>

// CHECK-LABEL: func.func @dense
// CHECK:         %[[A:.*]] = tile.alloc : <1 of 64x64xf16, #tile.layout<[64, 64], offset = {{\[\[}}0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0], [16, 0], [32, 0]]>>
// CHECK:         %[[B:.*]] = tile.alloc : <1 of 16x64xf16, #tile.layout<[16, 64], offset = {{\[\[}}0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>>
// CHECK-NOT:     tile.local_load
// CHECK:         %[[LEFT:.*]] = tile.stage %[[A]]
// CHECK:         %[[RIGHT:.*]] = tile.stage %[[B]]
// CHECK:         tile.warpgroup_dot %[[LEFT]], %[[RIGHT]] transposed, %{{[a-z0-9]+}} :
// CHECK-NOT:     tile.transpose
func.func @dense(%x: !tile.view<64x4096xf16>, %y: !tile.view<16x4096xf16>, %acc: tensor<64x16xf32, #c>) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %ba = tile.alloc : !tile.buffer<1 of 64x64xf16, #pa>
  %bb = tile.alloc : !tile.buffer<1 of 16x64xf16, #pb>
  tile.async_copy %x[%c0, %c0], %ba[%c0] : !tile.view<64x4096xf16>, !tile.buffer<1 of 64x64xf16, #pa>
  tile.async_copy %y[%c0, %c0], %bb[%c0] : !tile.view<16x4096xf16>, !tile.buffer<1 of 16x64xf16, #pb>
  %a = tile.local_load %ba[%c0] : !tile.buffer<1 of 64x64xf16, #pa> -> tensor<64x64xf16, #a>
  %t = tile.local_load %bb[%c0] : !tile.buffer<1 of 16x64xf16, #pb> -> tensor<16x64xf16, #bt>
  %b = tile.transpose %t : tensor<16x64xf16, #bt> -> tensor<64x16xf16, #b>
  %d = tile.dot %a, %b, %acc : tensor<64x64xf16, #a>, tensor<64x16xf16, #b>, tensor<64x16xf32, #c>
  return
}

// CHECK-LABEL: func.func @read_twice
// CHECK:         %[[A:.*]] = tile.local_load
// CHECK:         %[[RIGHT:.*]] = tile.stage
// CHECK:         tile.warpgroup_dot %[[A]], %[[RIGHT]] transposed, %{{[a-z0-9]+}} :
func.func @read_twice(%x: !tile.view<64x4096xf16>, %y: !tile.view<16x4096xf16>, %acc: tensor<64x16xf32, #c>) -> tensor<64x64xf16, #a> attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %ba = tile.alloc : !tile.buffer<1 of 64x64xf16, #pa>
  %bb = tile.alloc : !tile.buffer<1 of 16x64xf16, #pb>
  tile.async_copy %x[%c0, %c0], %ba[%c0] : !tile.view<64x4096xf16>, !tile.buffer<1 of 64x64xf16, #pa>
  tile.async_copy %y[%c0, %c0], %bb[%c0] : !tile.view<16x4096xf16>, !tile.buffer<1 of 16x64xf16, #pb>
  %a = tile.local_load %ba[%c0] : !tile.buffer<1 of 64x64xf16, #pa> -> tensor<64x64xf16, #a>
  %t = tile.local_load %bb[%c0] : !tile.buffer<1 of 16x64xf16, #pb> -> tensor<16x64xf16, #bt>
  %b = tile.transpose %t : tensor<16x64xf16, #bt> -> tensor<64x16xf16, #b>
  %d = tile.dot %a, %b, %acc : tensor<64x64xf16, #a>, tensor<64x16xf16, #b>, tensor<64x16xf32, #c>
  return %a : tensor<64x64xf16, #a>
}
