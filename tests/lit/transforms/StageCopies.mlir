// Tiles of a K loop come through shared memory.
// RUN: lath-opt %s -tile-stage-copies -split-input-file | FileCheck %s

#r = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @one
// CHECK-SAME:    %[[X:.*]]: !tile.view<?x4096xf16>, %[[ROW:.*]]: i32
// CHECK:         arith.constant 32
// CHECK:         %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK:         %[[B:.*]] = tile.alloc : <1 of 16x32xf16
// CHECK:         scf.for %[[K:[a-z0-9_]+]] =
// CHECK-NEXT:      tile.async_copy %[[X]][%[[ROW]], %[[K]]], %[[B]][%[[ZERO]]]
// CHECK-NEXT:      tile.async_commit
// CHECK-NEXT:      tile.async_wait 0
// CHECK-NEXT:      tile.barrier
// CHECK-NEXT:      %[[T:.*]] = tile.local_load %[[B]][%[[ZERO]]]
// CHECK-NEXT:      %[[SUM:.*]] = arith.addf %{{.*}}, %[[T]]
// CHECK-NEXT:      tile.barrier
// CHECK-NEXT:      scf.yield %[[SUM]]
func.func @one(%x: !tile.view<?x4096xf16>, %row: i32, %init: tensor<16x32xf16, #r>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 32 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x32xf16, #r>) : i32 {
    %t = tile.load %x[%row, %k] : !tile.view<?x4096xf16> -> tensor<16x32xf16, #r>
    %n = arith.addf %a, %t : tensor<16x32xf16, #r>
    scf.yield %n : tensor<16x32xf16, #r>
  }
  return
}

// -----

// Both copies precede both reads; the second start is computed in time.
#r = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @two
// CHECK-SAME:    %[[X:.*]]: !tile.view<?x4096xf16>, %[[Y:.*]]: !tile.view<64x4096xf16>
// CHECK:         scf.for %[[K:[a-z0-9_]+]] =
// CHECK:           %[[G:.*]] = arith.divui %[[K]]
// CHECK:           tile.async_copy %[[X]][%{{.*}}, %[[K]]]
// CHECK-NEXT:      tile.async_copy %[[Y]][%[[G]], %[[K]]]
// CHECK-NEXT:      tile.async_commit
// CHECK-NEXT:      tile.async_wait 0
// CHECK-NEXT:      tile.barrier
// CHECK:           tile.local_load
// CHECK:           tile.local_load
func.func @two(%x: !tile.view<?x4096xf16>, %y: !tile.view<64x4096xf16>, %row: i32, %init: tensor<16x32xf16, #r>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 32 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x32xf16, #r>) : i32 {
    %t = tile.load %x[%row, %k] : !tile.view<?x4096xf16> -> tensor<16x32xf16, #r>
    %m = arith.addf %a, %t : tensor<16x32xf16, #r>
    %g = arith.divui %k, %hi : i32
    %u = tile.load %y[%g, %k] : !tile.view<64x4096xf16> -> tensor<16x32xf16, #r>
    %n = arith.addf %m, %u : tensor<16x32xf16, #r>
    scf.yield %n : tensor<16x32xf16, #r>
  }
  return
}

// -----

// Eight consecutive halves a lane: the buffer's 16-byte chunks are permuted.
#r = #tile.layout<[16, 64], register = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 32]], lane = [[0, 8], [0, 16], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @swizzled
// CHECK:         tile.alloc : <1 of 16x64xf16, #tile.layout<[16, 64], offset = {{\[\[}}0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, {{[1-9][0-9]*}}]
func.func @swizzled(%x: !tile.view<?x4096xf16>, %row: i32, %init: tensor<16x64xf16, #r>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x64xf16, #r>) : i32 {
    %t = tile.load %x[%row, %k] : !tile.view<?x4096xf16> -> tensor<16x64xf16, #r>
    %n = arith.addf %a, %t : tensor<16x64xf16, #r>
    scf.yield %n : tensor<16x64xf16, #r>
  }
  return
}

// -----

// Words of 4-bit elements are what is copied, after everything else: small
// copies would queue behind the stream of weights.
#q = #tile.layout<[64, 32], register = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2], [32, 0]], lane = [[8, 0], [16, 0], [0, 4], [0, 8], [0, 16]]>
#g = #tile.layout<[1, 32], register = [[0, 1], [0, 2]], lane = [[0, 0], [0, 0], [0, 4], [0, 8], [0, 16]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @packed
// CHECK-SAME:    %[[Q:.*]]: !tile.view<4096x32xi4, packed = 0>, %[[SCALES:.*]]: !tile.view<64x32xf16>
// CHECK-DAG:     tile.alloc : <1 of 64x32xi4, packed = 0, #tile.layout<[8, 32], offset
// CHECK-DAG:     tile.alloc : <1 of 1x32xf16, #tile.layout<[1, 32], offset
// CHECK:         scf.for
// CHECK:           tile.async_copy %[[SCALES]]
// CHECK:           tile.async_copy %[[Q]]
// CHECK:           tile.async_commit
// CHECK:           tile.local_load
// CHECK:           tile.local_load
func.func @packed(%q: !tile.view<4096x32xi4, packed = 0>, %scales: !tile.view<64x32xf16>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  scf.for %k = %lo to %hi step %st : i32 {
    %c0 = arith.constant 0 : i32
    %t = tile.load %q[%k, %c0] : !tile.view<4096x32xi4, packed = 0> -> tensor<64x32xi4, #q>
    %group = arith.divui %k, %st : i32
    %s = tile.load %scales[%group, %c0] : !tile.view<64x32xf16> -> tensor<1x32xf16, #g>
  }
  return
}

// -----

// Rows of an odd number of halves: cp.async moves four bytes at least.
#r = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @odd_rows
// CHECK-NOT:     tile.alloc
// CHECK:         tile.load
// CHECK-NOT:     tile.barrier
// CHECK:         return
func.func @odd_rows(%x: !tile.view<?x4095xf16>, %row: i32, %init: tensor<16x32xf16, #r>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4095 : i32
  %st = arith.constant 32 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x32xf16, #r>) : i32 {
    %t = tile.load %x[%row, %k] : !tile.view<?x4095xf16> -> tensor<16x32xf16, #r>
    %n = arith.addf %a, %t : tensor<16x32xf16, #r>
    scf.yield %n : tensor<16x32xf16, #r>
  }
  return
}

// -----

// One stage: straight to registers.
#r = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @one_stage
// CHECK-NOT:     tile.async_copy
// CHECK:         tile.load
func.func @one_stage(%x: !tile.view<?x4096xf16>, %row: i32, %init: tensor<16x32xf16, #r>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 32 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x32xf16, #r>) : i32 {
    %t = tile.load %x[%row, %k] : !tile.view<?x4096xf16> -> tensor<16x32xf16, #r>
    %n = arith.addf %a, %t : tensor<16x32xf16, #r>
    scf.yield %n : tensor<16x32xf16, #r>
  }
  return
}

// -----

// Innermost loops only.
#r = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @nested
// CHECK:         scf.for
// CHECK-NEXT:      tile.load
// CHECK:           tile.alloc
// CHECK:           scf.for
// CHECK-NEXT:        tile.async_copy
// CHECK-NOT:       tile.async_copy
func.func @nested(%x: !tile.view<?x4096xf16>, %init: tensor<16x32xf16, #r>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 32 : i32
  %acc = scf.for %i = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x32xf16, #r>) : i32 {
    %u = tile.load %x[%i, %i] : !tile.view<?x4096xf16> -> tensor<16x32xf16, #r>
    %inner = scf.for %k = %lo to %hi step %st iter_args(%b = %u) -> (tensor<16x32xf16, #r>) : i32 {
      %t = tile.load %x[%i, %k] : !tile.view<?x4096xf16> -> tensor<16x32xf16, #r>
      %n = arith.addf %b, %t : tensor<16x32xf16, #r>
      scf.yield %n : tensor<16x32xf16, #r>
    }
    %o = arith.addf %a, %inner : tensor<16x32xf16, #r>
    scf.yield %o : tensor<16x32xf16, #r>
  }
  return
}

// -----

// At most two rows: the buffer has two, and the tile's others repeat them. That
// needs an output that drops them.
#x = #tile.layout<[8, 64], register = [[0, 1], [0, 8], [0, 16], [0, 32]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#w = #tile.layout<[64, 16], register = [[1, 0], [0, 8], [8, 0], [16, 0], [32, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]]>
#c = #tile.layout<[8, 16], register = [[1, 0], [0, 8]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]]>
#s = #tile.schedule<warps = 1, stages = 2, rows = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @few_rows
// CHECK:         tile.alloc : <1 of 2x64xf16, #tile.layout<[2, 64], offset
// CHECK:         tile.async_copy {{.*}} : <?x4096xf16>, <1 of 2x64xf16
// CHECK:         tile.local_load {{.*}} : <1 of 2x64xf16, {{.*}} -> tensor<8x64xf16
func.func @few_rows(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  tile.store %acc, %out[%lo, %lo] : tensor<8x16xf32, #c>, !tile.view<?x16xf32>
  return
}

// An output of known extent would take all rows.
// CHECK-LABEL: func.func @all_rows
// CHECK:         tile.alloc : <1 of 8x64xf16
func.func @all_rows(%x: !tile.view<?x4096xf16>, %out: !tile.view<8x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  tile.store %acc, %out[%lo, %lo] : tensor<8x16xf32, #c>, !tile.view<8x16xf32>
  return
}

// A second product may sum over what the first made of the rows.
// CHECK-LABEL: func.func @two_dots
// CHECK:         tile.alloc : <1 of 8x64xf16
func.func @two_dots(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %a: tensor<8x64xf16, #x>, %init: tensor<8x16xf32, #c>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a0 = %init) -> (tensor<8x16xf32, #c>) : i32 {
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a0 swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  %e = tile.dot %a, %w, %acc swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
  tile.store %e, %out[%lo, %lo] : tensor<8x16xf32, #c>, !tile.view<?x16xf32>
  return
}

// A sum over rows would see them.
// CHECK-LABEL: func.func @rows_meet
// CHECK:         tile.alloc : <1 of 8x64xf16
func.func @rows_meet(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  %r = tile.reduce add %acc dim 0 : tensor<8x16xf32, #c> -> tensor<1x16xf32>
  tile.store %r, %out[%lo, %lo] : tensor<1x16xf32>, !tile.view<?x16xf32>
  return
}
