// Constants are read before the launch ahead is done, everything else after.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-dependent-launch -split-input-file -verify-diagnostics | FileCheck %s

#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = end>

// The prologue is done twice: weights of all stages, then, behind the wait,
// the rest with the commits, as many as before.
// CHECK-LABEL: func.func @prologue
// CHECK-SAME:    %[[X:[a-z0-9]+]]: !tile.view<?x4096xf16>, %[[W:[a-z0-9]+]]: !tile.view<16x4096xf16> {tile.constant}
// CHECK-NOT:     tile.launch_dependents
// CHECK:         scf.for %[[S:[a-z0-9_]+]] =
// CHECK:           scf.if
// CHECK-NOT:         %[[X]]
// CHECK:             tile.async_copy %[[W]][%{{.*}}], %{{.*}}[%[[S]]]
// CHECK-NOT:       tile.async_commit
// CHECK:         tile.wait_dependency
// CHECK-NEXT:    scf.for %[[T:[a-z0-9_]+]] =
// CHECK:           scf.if
// CHECK:             tile.async_copy %[[X]][%{{.*}}], %{{.*}}[%[[T]]]
// CHECK-NOT:         %[[W]]
// CHECK:           tile.async_commit
// CHECK:         scf.for
// CHECK-NEXT:      tile.async_wait 1
// CHECK:           tile.async_copy %[[W]]
// CHECK-NEXT:      tile.async_commit
// CHECK-NEXT:    }
// CHECK-NEXT:    tile.launch_dependents
// CHECK-NEXT:    return
func.func @prologue(%x: !tile.view<?x4096xf16>, %w: !tile.view<16x4096xf16> {tile.constant}, %lo: i32, %hi: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %st = arith.constant 32 : i32
  %bx = tile.alloc : !tile.buffer<3 of 16x32xf16, #l>
  %bw = tile.alloc : !tile.buffer<3 of 16x32xf16, #l>
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %a = arith.muli %i, %st : i32
    %k = arith.addi %a, %lo : i32
    %in = arith.cmpi slt, %k, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %k], %bx[%i] : !tile.view<?x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.async_copy %w[%c0, %k], %bw[%i] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
    }
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  scf.for %k = %lo to %hi step %st : i32 {
    tile.async_wait 1
    tile.barrier
    tile.async_copy %w[%c0, %k], %bw[%c2] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
    tile.async_commit
  }
  return
}

// -----

// Straight to registers: a constant's load goes ahead, the view's pointer says
// what is one.
#r = #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>
#s = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = end>

// CHECK-LABEL: func.func @registers
// CHECK-NEXT:    tile.launch_dependents
// CHECK:         %[[W:.*]] = tile.view %arg0
// CHECK:         tile.load %[[W]][
// CHECK-NEXT:    tile.wait_dependency
// CHECK-NEXT:    tile.load
// CHECK:         tile.store
// CHECK-NOT:     tile.wait_dependency
func.func @registers(%p: !llvm.ptr<1> {tile.constant}, %q: !llvm.ptr<1>, %out: !tile.view<32xf32>) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %w = tile.view %p : !llvm.ptr<1> -> !tile.view<32xf32>
  %x = tile.view %q : !llvm.ptr<1> -> !tile.view<32xf32>
  %0 = tile.load %w[%c0] : !tile.view<32xf32> -> tensor<32xf32, #r>
  %1 = tile.load %x[%c0] : !tile.view<32xf32> -> tensor<32xf32, #r>
  %2 = arith.addf %0, %1 : tensor<32xf32, #r>
  tile.store %2, %out[%c0] : tensor<32xf32, #r>, !tile.view<32xf32>
  return
}

// -----

// A loop that does more than copy stays whole, behind the wait.
#r = #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>
#s = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = end>

// CHECK-LABEL: func.func @mixed
// CHECK:         tile.wait_dependency
// CHECK-NEXT:    scf.for
// CHECK:           tile.load
// CHECK:           tile.load
// CHECK-NOT:     scf.for
func.func @mixed(%w: !tile.view<32xf32> {tile.constant}, %x: !tile.view<32xf32>, %init: tensor<32xf32, #r>, %lo: i32, %hi: i32, %st: i32) -> tensor<32xf32, #r> attributes {tile.schedule = #s} {
  %sum = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<32xf32, #r>) : i32 {
    %0 = tile.load %w[%k] : !tile.view<32xf32> -> tensor<32xf32, #r>
    %1 = tile.load %x[%k] : !tile.view<32xf32> -> tensor<32xf32, #r>
    %2 = arith.mulf %0, %1 : tensor<32xf32, #r>
    %3 = arith.addf %a, %2 : tensor<32xf32, #r>
    scf.yield %3 : tensor<32xf32, #r>
  }
  return %sum : tensor<32xf32, #r>
}

// -----

// Workspace and tickets belong to all launches of the kernel.
#r = #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>
#s = #tile.schedule<warps = 1, stages = 1, split = 2, order = interleaved, reduce = ordered, target = sm_90a, dependent = end>

// CHECK-LABEL: func.func @workspace
// CHECK:         tile.load
// CHECK-NEXT:    tile.wait_dependency
// CHECK-NEXT:    tile.partial_store
// CHECK:         tile.arrive
func.func @workspace(%w: !tile.view<32xf32> {tile.constant}, %ws: !llvm.ptr<1>, %tickets: !llvm.ptr<1>) -> i1 attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %0 = tile.load %w[%c0] : !tile.view<32xf32> -> tensor<32xf32, #r>
  tile.partial_store %0, %ws[%c0] : tensor<32xf32, #r>, !llvm.ptr<1>
  %last = tile.arrive %tickets[%c0] of 2 : !llvm.ptr<1>
  return %last : i1
}

// -----

// Every launch waits, also one that touches constants alone: those after it
// rely on it.
#s = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = end>

// CHECK-LABEL: func.func @nothing
// CHECK-NEXT:    tile.launch_dependents
// CHECK-NEXT:    tile.wait_dependency
// CHECK-NEXT:    return
func.func @nothing() attributes {tile.schedule = #s} {
  return
}

// -----

#s = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>

// CHECK-LABEL: func.func @ordinary
// CHECK-NEXT:    return
func.func @ordinary() attributes {tile.schedule = #s} {
  return
}

// -----

// Bulk copies of constants go ahead like others; a place that is only zeroed
// is not read.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#x = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = end>

// CHECK-LABEL: func.func @bulk
// CHECK:         tile.zero_outside
// CHECK:         scf.for
// CHECK:           scf.if
// CHECK-NOT:         tile.async_copy
// CHECK:             tile.bulk_copy
// CHECK-NOT:       tile.async_commit
// CHECK:         tile.wait_dependency
// CHECK-NEXT:    scf.for
// CHECK:           scf.if
// CHECK-NOT:         tile.bulk_copy
// CHECK:             tile.async_copy
// CHECK:           tile.async_commit
// CHECK:         tile.launch_dependents
// CHECK-NEXT:    return
func.func @bulk(%w: !tile.view<64x64xi4, atom = #a> {tile.constant}, %x: !tile.view<16x4096xf16>, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %bx = tile.alloc : !tile.buffer<3 of 16x32xf16, #l>
  %bw = tile.alloc : !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  %full = tile.mbarrier_alloc : !tile.mbarriers<3>
  tile.mbarrier_init %full arrivals 1 : !tile.mbarriers<3>
  tile.zero_outside %w[%c0, %c0], %bw[%c2] : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %k = arith.muli %i, %st : i32
    %in = arith.cmpi slt, %k, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %k], %bx[%i] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.bulk_copy %w[%k, %c0], %bw[%i] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    }
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  return
}

// -----

// Where a warp copies for the others, it waits behind its first weights, and
// the others before they store.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#x = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#r = #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, producers = 1, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = end>

// CHECK-LABEL: func.func @roles
// CHECK-NOT:     tile.wait_dependency
// CHECK:         scf.if
// CHECK-NEXT:      scf.for
// CHECK-NEXT:        tile.bulk_copy
// CHECK-NEXT:      }
// CHECK-NEXT:      tile.wait_dependency
// CHECK-NEXT:      scf.for
// CHECK-NEXT:        tile.async_copy
// CHECK-NEXT:      }
// CHECK-NEXT:    } else {
// CHECK-NEXT:      scf.for
// CHECK:           }
// CHECK-NEXT:      tile.launch_dependents
// CHECK-NEXT:      tile.wait_dependency
// CHECK-NEXT:      tile.store
// CHECK-NEXT:    } {tile.roles}
// CHECK-NEXT:    return
func.func @roles(%w: !tile.view<64x64xi4, atom = #a> {tile.constant}, %x: !tile.view<16x4096xf16>, %out: !tile.view<32xf32>, %t: tensor<32xf32, #r>, %bx: !tile.buffer<3 of 16x32xf16, #l>, %bw: !tile.buffer<3 of 16x8xi4, atom = #a, #w>, %full: !tile.mbarriers<3>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %p = tile.producer_warp
  scf.if %p {
    scf.for %k = %lo to %hi step %st : i32 {
      tile.bulk_copy %w[%k, %lo], %bw[%lo] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    }
    scf.for %k = %lo to %hi step %st : i32 {
      tile.async_copy %x[%lo, %k], %bx[%lo] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
    }
  } else {
    scf.for %k = %lo to %hi step %st : i32 {
      tile.mbarrier_wait %full[%lo] parity %lo : !tile.mbarriers<3>
    }
    tile.store %t, %out[%lo] : tensor<32xf32, #r>, !tile.view<32xf32>
  } {tile.roles}
  return
}

// -----

// When the next launch may start is the schedule's choice: as soon as the one
// ahead is done,
#s = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = early>

// CHECK-LABEL: func.func @early
// CHECK-NEXT:    arith.constant
// CHECK-NEXT:    tile.wait_dependency
// CHECK-NEXT:    tile.launch_dependents
// CHECK-NEXT:    scf.for
// CHECK-NOT:     tile.launch_dependents
// CHECK:         return
func.func @early(%x: !tile.view<4096xf32>, %lo: i32, %hi: i32) attributes {tile.schedule = #s} {
  %st = arith.constant 32 : i32
  scf.for %k = %lo to %hi step %st : i32 {
    %t = tile.load %x[%k] : !tile.view<4096xf32> -> tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>
    tile.store %t, %x[%k] : tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, !tile.view<4096xf32>
  }
  return
}

// -----

// or in the step before which three quarters have begun.
#s = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = late>

// CHECK-LABEL: func.func @late
// CHECK-SAME:    %[[LO:[a-z0-9]+]]: i32, %[[HI:[a-z0-9]+]]: i32
// CHECK:         %[[ST:[a-z0-9_]+]] = arith.constant 32
// CHECK-NEXT:    tile.wait_dependency
// CHECK-NEXT:    %[[N:.*]] = arith.subi %[[HI]], %[[LO]]
// CHECK:         %[[C3:.*]] = arith.constant 3
// CHECK-NEXT:    %[[N3:.*]] = arith.muli %[[N]], %[[C3]]
// CHECK:         %[[ST4:.*]] = arith.muli %[[ST]], %c4
// CHECK:         %[[Q:.*]] = arith.divui %[[N3]], %[[ST4]]
// CHECK:         %[[OFF:.*]] = arith.muli %[[Q]], %[[ST]]
// CHECK:         %[[AT:.*]] = arith.addi %[[LO]], %[[OFF]]
// CHECK:         scf.for %[[K:[a-z0-9_]+]] = %[[LO]]
// CHECK-NEXT:      %[[NOW:.*]] = arith.cmpi eq, %[[K]], %[[AT]]
// CHECK-NEXT:      scf.if %[[NOW]] {
// CHECK-NEXT:        tile.launch_dependents
// CHECK-NEXT:      }
// CHECK-NEXT:      tile.load
// CHECK-NOT:     tile.launch_dependents
// CHECK:         return
func.func @late(%x: !tile.view<4096xf32>, %lo: i32, %hi: i32) attributes {tile.schedule = #s} {
  %st = arith.constant 32 : i32
  scf.for %k = %lo to %hi step %st : i32 {
    %t = tile.load %x[%k] : !tile.view<4096xf32> -> tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>
    tile.store %t, %x[%k] : tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, !tile.view<4096xf32>
  }
  return
}

// -----

// Weights that a launch may change wait, however they are copied, and are
// copied once.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = end>

// CHECK-LABEL: func.func @bulk_not_constant
// CHECK:         scf.for
// CHECK-NOT:       tile.bulk_copy
// CHECK:           tile.async_copy
// CHECK-NOT:       tile.bulk_copy
// CHECK:         tile.wait_dependency
// CHECK:         scf.for
// CHECK-NOT:       tile.async_copy
// CHECK:           tile.bulk_copy
// CHECK:           tile.async_commit
func.func @bulk_not_constant(%w: !tile.view<64x64xi4, atom = #a>, %x: !tile.view<16x4096xf16> {tile.constant}, %bx: !tile.buffer<3 of 16x32xf16, #l>, %bw: !tile.buffer<3 of 16x8xi4, atom = #a, #w>, %full: !tile.mbarriers<3>, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %k = arith.muli %i, %st : i32
    %in = arith.cmpi slt, %k, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %k], %bx[%i] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.bulk_copy %w[%k, %c0], %bw[%i] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  return
}

// -----

// An operation that does not say what memory it touches may touch all of it,
// also inside of others. What it computes alone it need not say.
#r = #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>
#s = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = end>

// CHECK-LABEL: func.func @unknown
// CHECK:         tile.load
// CHECK-NEXT:    math.exp2
// CHECK-NEXT:    tile.wait_dependency
// CHECK-NEXT:    scf.if
// CHECK-NEXT:      "test.use"
func.func @unknown(%w: !tile.view<32xf32> {tile.constant}, %in: i1) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %0 = tile.load %w[%c0] : !tile.view<32xf32> -> tensor<32xf32, #r>
  %1 = math.exp2 %0 : tensor<32xf32, #r>
  scf.if %in {
    "test.use"(%1) : (tensor<32xf32, #r>) -> ()
  }
  return
}

// -----

// Only what is marked a prologue is done in parts.
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = end>

// CHECK-LABEL: func.func @unmarked
// CHECK:         tile.wait_dependency
// CHECK:         scf.for
// CHECK:           tile.async_copy
// CHECK:           tile.async_copy
// CHECK-NOT:     scf.for
// CHECK:         return
func.func @unmarked(%x: !tile.view<16x4096xf16>, %w: !tile.view<16x4096xf16> {tile.constant}, %bx: !tile.buffer<3 of 16x32xf16, #l>, %bw: !tile.buffer<3 of 16x32xf16, #l>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  scf.for %i = %lo to %hi step %st : i32 {
    tile.async_copy %x[%lo, %i], %bx[%i] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
    tile.async_copy %w[%lo, %i], %bw[%i] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
    tile.async_commit
  }
  return
}

// -----

// Behind the ring, not behind a loop after it.
#s = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = end>

// CHECK-LABEL: func.func @ring
// CHECK:         tile.wait_dependency
// CHECK:         scf.for
// CHECK:         } {tile.part = #tile.part<ring>}
// CHECK-NEXT:    tile.launch_dependents
// CHECK-NEXT:    scf.for
// CHECK-NOT:     tile.launch_dependents
// CHECK:         return
func.func @ring(%x: !tile.view<4096xf32>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  scf.for %k = %lo to %hi step %st : i32 {
    %t = tile.load %x[%k] : !tile.view<4096xf32> -> tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>
  } {tile.part = #tile.part<ring>}
  scf.for %k = %lo to %hi step %st : i32 {
    %t = tile.load %x[%k] : !tile.view<4096xf32> -> tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>
    tile.store %t, %x[%k] : tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, !tile.view<4096xf32>
  }
  return
}
