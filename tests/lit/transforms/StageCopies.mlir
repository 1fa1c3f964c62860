// Tiles of a K loop come through shared memory.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-stage-copies -split-input-file | FileCheck %s

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

// cp.async moves four bytes at least, and where a vector of halves ends is known
// at run time only: words one by one, halves not at all.
#r = #tile.layout<[64], register = [[1]], lane = [[2], [4], [8], [16], [32]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @vectors
// CHECK-SAME:    %[[H:.*]]: !tile.view<?xf16>, %[[W:.*]]: !tile.view<?xf32>
// CHECK:         tile.alloc : <1 of 64xf32
// CHECK-NOT:     tile.alloc
// CHECK:           tile.load %[[H]]
// CHECK:           tile.async_copy %[[W]]
// CHECK:           tile.local_load {{.*}} -> tensor<64xf32
func.func @vectors(%h: !tile.view<?xf16>, %w: !tile.view<?xf32>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  scf.for %k = %lo to %hi step %st : i32 {
    %a = tile.load %h[%k] : !tile.view<?xf16> -> tensor<64xf16, #r>
    %b = tile.load %w[%k] : !tile.view<?xf32> -> tensor<64xf32, #r>
  }
  return
}

// -----

// A start that no step ahead can compute: of what the loop carries, in a region
// too, or by an operation that does not say what it does.
#r = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @not_ahead
// CHECK-SAME:    %[[X:[a-z0-9]+]]: !tile.view<?x4096xf16>, %[[Y:[a-z0-9]+]]: !tile.view<?x4096xf16>, %[[V:[a-z0-9]+]]: !tile.view<?x4096xf16>, %[[Z:[a-z0-9]+]]:
// CHECK:           tile.load %[[X]]
// CHECK:           tile.load %[[Y]]
// CHECK:           tile.load %[[V]]
// CHECK-NOT:       tile.async_copy
// CHECK:           tile.async_copy %[[Z]]
// CHECK-NOT:       tile.async_copy
// CHECK:           return
func.func @not_ahead(%x: !tile.view<?x4096xf16>, %y: !tile.view<?x4096xf16>, %v: !tile.view<?x4096xf16>, %z: !tile.view<?x4096xf16>, %first: i1) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 32 : i32
  %end = scf.for %k = %lo to %hi step %st iter_args(%at = %lo) -> (i32) : i32 {
    %row = "test.row"(%k) : (i32) -> i32
    %a = tile.load %x[%row, %k] : !tile.view<?x4096xf16> -> tensor<16x32xf16, #r>
    %next = arith.addi %at, %st : i32
    %b = tile.load %y[%next, %k] : !tile.view<?x4096xf16> -> tensor<16x32xf16, #r>
    %either = scf.if %first -> (i32) {
      scf.yield %lo : i32
    } else {
      scf.yield %at : i32
    }
    %d = tile.load %v[%either, %k] : !tile.view<?x4096xf16> -> tensor<16x32xf16, #r>
    %c = tile.load %z[%lo, %k] : !tile.view<?x4096xf16> -> tensor<16x32xf16, #r>
    scf.yield %next : i32
  }
  return
}

// -----

// An odd start is none that sixteen bytes are aligned to, however large the
// factors are of which it is made.
#r = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @odd_product
// CHECK-NOT:     tile.alloc
// CHECK:         tile.load
func.func @odd_product(%x: !tile.view<?x4096xf16>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 32 : i32
  %odd = arith.constant 1594323 : i32
  %start = arith.muli %odd, %odd : i32
  scf.for %k = %lo to %hi step %st : i32 {
    %t = tile.load %x[%k, %start] : !tile.view<?x4096xf16> -> tensor<16x32xf16, #r>
  }
  return
}
