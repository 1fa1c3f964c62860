// Activations stay in shared memory, in the order in which wgmma reads them.
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
// CHECK:         tile.warpgroup_dot %[[B]][%[[SLOT]]], %{{.*}}, %{{.*}} :
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
  // expected-error @+1 {{wgmma multiplies what a K loop loads from memory, with the other operand in registers}}
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
