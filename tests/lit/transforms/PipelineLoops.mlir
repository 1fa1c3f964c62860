// Copies start stages - 1 steps before their use.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-pipeline-loops -split-input-file -verify-diagnostics | FileCheck %s

#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#r = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @two_stages
// CHECK-SAME:    %[[X:.*]]: !tile.view<?x4096xf16>, %[[INIT:.*]]: tensor<{{.*}}>, %[[LO:.*]]: i32, %[[HI:.*]]: i32
// CHECK:         %[[STEP:.*]] = arith.constant 32
// CHECK:         %[[B:.*]] = tile.alloc : <2 of 16x32xf16
// The prologue is a loop over the slots: 1 group in flight.
// CHECK:         %[[AHEADS:.*]] = arith.constant 1 : i32
// CHECK:         scf.for %[[SLOT:[a-z0-9_]+]] = %{{.*}} to %[[AHEADS]] step
// CHECK:           %[[AHEAD0:.*]] = arith.muli %[[STEP]], %[[SLOT]]
// CHECK:           %[[K0:.*]] = arith.addi %[[LO]], %[[AHEAD0]]
// CHECK:           %[[IN0:.*]] = arith.cmpi slt, %[[K0]], %[[HI]]
// CHECK:           scf.if %[[IN0]] {
// CHECK:             %[[ROW0:.*]] = arith.divui %[[K0]], %[[STEP]]
// CHECK:             tile.async_copy %[[X]][%[[ROW0]], %[[K0]]], %[[B]][%[[SLOT]]]
// CHECK-NEXT:      } {tile.part = #tile.part<issue>}
// CHECK-NEXT:      tile.async_commit
// CHECK-NEXT:    } {tile.part = #tile.part<prologue>}
// CHECK:         %[[READ0:.*]] = arith.constant 0
// CHECK:         %[[WRITE0:.*]] = arith.constant 1
// CHECK:         %[[RESULT:.*]]:3 = scf.for %[[K:[a-z0-9_]+]] = %[[LO]] to %[[HI]] step %[[STEP]] iter_args(%[[A:[a-z0-9_]+]] = %[[INIT]], %[[READ:[a-z0-9_]+]] = %[[READ0]], %[[WRITE:[a-z0-9_]+]] = %[[WRITE0]])
// CHECK-NEXT:      tile.async_wait 0
// CHECK-NEXT:      tile.barrier
// CHECK:           %[[AHEAD:.*]] = arith.muli %[[STEP]], %{{.*}}
// CHECK:           %[[NEXT:.*]] = arith.addi %[[K]], %[[AHEAD]]
// CHECK:           %[[INN:.*]] = arith.cmpi slt, %[[NEXT]], %[[HI]]
// CHECK:           scf.if %[[INN]] {
// CHECK:             tile.async_copy %[[X]][%{{.*}}, %[[NEXT]]], %[[B]][%[[WRITE]]]
// CHECK-NEXT:      } {tile.part = #tile.part<issue>}
// CHECK-NEXT:      tile.async_commit
// CHECK-NOT:       tile.barrier
// CHECK:           %[[T:.*]] = tile.local_load %[[B]][%[[READ]]]
// CHECK:           %[[SUM:.*]] = arith.addf %[[A]], %[[T]]
// CHECK-NOT:       tile.barrier
// CHECK:           %[[R1:.*]] = arith.addi %[[READ]], %{{.*}}
// CHECK:           %[[STAGES:.*]] = arith.constant 2 : i32
// CHECK:           %[[RW:.*]] = arith.cmpi eq, %[[R1]], %[[STAGES]]
// CHECK:           %[[R:.*]] = arith.select %[[RW]], %{{.*}}, %[[R1]]
// CHECK:           %[[W1:.*]] = arith.addi %[[WRITE]], %{{.*}}
// CHECK:           %[[W:.*]] = arith.select %{{.*}}, %{{.*}}, %[[W1]]
// CHECK:           scf.yield %[[SUM]], %[[R]], %[[W]]
// CHECK-NEXT:    } {tile.part = #tile.part<ring>}
// CHECK:         return %[[RESULT]]#0
func.func @two_stages(%x: !tile.view<?x4096xf16>, %init: tensor<16x32xf16, #r>, %lo: i32, %hi: i32)
    -> tensor<16x32xf16, #r> attributes {tile.schedule = #s} {
  %zero = arith.constant 0 : i32
  %st = arith.constant 32 : i32
  %b = tile.alloc : !tile.buffer<1 of 16x32xf16, #l>
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x32xf16, #r>) : i32 {
    %row = arith.divui %k, %st : i32
    tile.async_copy %x[%row, %k], %b[%zero] : !tile.view<?x4096xf16>, !tile.buffer<1 of 16x32xf16, #l>
    tile.async_commit
    tile.async_wait 0
    tile.barrier
    %t = tile.local_load %b[%zero] : !tile.buffer<1 of 16x32xf16, #l> -> tensor<16x32xf16, #r>
    %n = arith.addf %a, %t : tensor<16x32xf16, #r>
    tile.barrier
    scf.yield %n : tensor<16x32xf16, #r>
  }
  return %acc : tensor<16x32xf16, #r>
}

// -----

#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#r = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 4, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @four_stages
// CHECK-SAME:    %[[X:.*]]: !tile.view<?x4096xf16>, %[[INIT:.*]]: tensor<{{.*}}>, %[[LO:.*]]: i32, %[[HI:.*]]: i32
// CHECK:         %[[STEP:.*]] = arith.constant 32
// CHECK:         %[[B:.*]] = tile.alloc : <4 of 16x32xf16
// The prologue is a loop over the slots: 3 groups in flight.
// CHECK:         %[[AHEADS:.*]] = arith.constant 3 : i32
// CHECK:         scf.for %[[SLOT:[a-z0-9_]+]] = %{{.*}} to %[[AHEADS]] step
// CHECK:           %[[AHEAD0:.*]] = arith.muli %[[STEP]], %[[SLOT]]
// CHECK:           %[[K0:.*]] = arith.addi %[[LO]], %[[AHEAD0]]
// CHECK:           %[[IN0:.*]] = arith.cmpi slt, %[[K0]], %[[HI]]
// CHECK:           scf.if %[[IN0]] {
// CHECK:             %[[ROW0:.*]] = arith.divui %[[K0]], %[[STEP]]
// CHECK:             tile.async_copy %[[X]][%[[ROW0]], %[[K0]]], %[[B]][%[[SLOT]]]
// CHECK-NEXT:      }
// CHECK-NEXT:      tile.async_commit
// CHECK-NEXT:    }
// CHECK:         %[[READ0:.*]] = arith.constant 0
// CHECK:         %[[WRITE0:.*]] = arith.constant 3
// CHECK:         %[[RESULT:.*]]:3 = scf.for %[[K:[a-z0-9_]+]] = %[[LO]] to %[[HI]] step %[[STEP]] iter_args(%[[A:[a-z0-9_]+]] = %[[INIT]], %[[READ:[a-z0-9_]+]] = %[[READ0]], %[[WRITE:[a-z0-9_]+]] = %[[WRITE0]])
// CHECK-NEXT:      tile.async_wait 2
// CHECK-NEXT:      tile.barrier
// CHECK:           %[[AHEAD:.*]] = arith.muli %[[STEP]], %{{.*}}
// CHECK:           %[[NEXT:.*]] = arith.addi %[[K]], %[[AHEAD]]
// CHECK:           %[[INN:.*]] = arith.cmpi slt, %[[NEXT]], %[[HI]]
// CHECK:           scf.if %[[INN]] {
// CHECK:             tile.async_copy %[[X]][%{{.*}}, %[[NEXT]]], %[[B]][%[[WRITE]]]
// CHECK-NEXT:      }
// CHECK-NEXT:      tile.async_commit
// CHECK-NOT:       tile.barrier
// CHECK:           %[[T:.*]] = tile.local_load %[[B]][%[[READ]]]
// CHECK:           %[[SUM:.*]] = arith.addf %[[A]], %[[T]]
// CHECK-NOT:       tile.barrier
// CHECK:           %[[R1:.*]] = arith.addi %[[READ]], %{{.*}}
// CHECK:           %[[STAGES:.*]] = arith.constant 4 : i32
// CHECK:           %[[RW:.*]] = arith.cmpi eq, %[[R1]], %[[STAGES]]
// CHECK:           %[[R:.*]] = arith.select %[[RW]], %{{.*}}, %[[R1]]
// CHECK:           %[[W1:.*]] = arith.addi %[[WRITE]], %{{.*}}
// CHECK:           %[[W:.*]] = arith.select %{{.*}}, %{{.*}}, %[[W1]]
// CHECK:           scf.yield %[[SUM]], %[[R]], %[[W]]
// CHECK:         return %[[RESULT]]#0
func.func @four_stages(%x: !tile.view<?x4096xf16>, %init: tensor<16x32xf16, #r>, %lo: i32, %hi: i32)
    -> tensor<16x32xf16, #r> attributes {tile.schedule = #s} {
  %zero = arith.constant 0 : i32
  %st = arith.constant 32 : i32
  %b = tile.alloc : !tile.buffer<1 of 16x32xf16, #l>
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x32xf16, #r>) : i32 {
    %row = arith.divui %k, %st : i32
    tile.async_copy %x[%row, %k], %b[%zero] : !tile.view<?x4096xf16>, !tile.buffer<1 of 16x32xf16, #l>
    tile.async_commit
    tile.async_wait 0
    tile.barrier
    %t = tile.local_load %b[%zero] : !tile.buffer<1 of 16x32xf16, #l> -> tensor<16x32xf16, #r>
    %n = arith.addf %a, %t : tensor<16x32xf16, #r>
    tile.barrier
    scf.yield %n : tensor<16x32xf16, #r>
  }
  return %acc : tensor<16x32xf16, #r>
}

// -----

// A loop without copies stays as it is.
#s = #tile.schedule<warps = 1, stages = 4, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @no_copies
// CHECK:         scf.for %{{.*}} = %{{.*}} to %{{.*}} step %{{.*}} : i32 {
// CHECK-NEXT:      tile.barrier
// CHECK-NEXT:    }
func.func @no_copies(%lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  scf.for %k = %lo to %hi step %st : i32 {
    tile.barrier
  }
  return
}

// -----

// Inside another loop, slow warps may still read what the first copies
// overwrite: a barrier first.
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#r = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @nested
// CHECK:         scf.for
// CHECK:           tile.alloc
// CHECK:           tile.barrier
// CHECK:           scf.for
// CHECK:             tile.async_copy
// CHECK:             tile.async_commit
// CHECK:           scf.for
// CHECK-NEXT:        tile.async_wait 0
// CHECK-NEXT:        tile.barrier
func.func @nested(%x: !tile.view<?x4096xf16>, %lo: i32, %hi: i32) attributes {tile.schedule = #s} {
  %zero = arith.constant 0 : i32
  %st = arith.constant 32 : i32
  scf.for %i = %lo to %hi step %st : i32 {
    %b = tile.alloc : !tile.buffer<1 of 16x32xf16, #l>
    scf.for %k = %lo to %hi step %st : i32 {
      tile.async_copy %x[%i, %k], %b[%zero] : !tile.view<?x4096xf16>, !tile.buffer<1 of 16x32xf16, #l>
      tile.async_commit
      tile.async_wait 0
      tile.barrier
      %t = tile.local_load %b[%zero] : !tile.buffer<1 of 16x32xf16, #l> -> tensor<16x32xf16, #r>
      tile.barrier
    }
  }
  return
}

// -----

// What reads a stage must say so, else it would read one that is not there yet.
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

func.func @unknown_reader(%x: !tile.view<?x4096xf16>, %lo: i32, %hi: i32) attributes {tile.schedule = #s} {
  %st = arith.constant 32 : i32
  %b = tile.alloc : !tile.buffer<1 of 16x32xf16, #l>
  scf.for %k = %lo to %hi step %st : i32 {
    tile.async_copy %x[%lo, %k], %b[%lo] : !tile.view<?x4096xf16>, !tile.buffer<1 of 16x32xf16, #l>
    // expected-error @+1 {{uses a buffer of a pipelined loop and does not say which stage of it}}
    "test.use"(%b) : (!tile.buffer<1 of 16x32xf16, #l>) -> ()
  }
  return
}

// -----

// Readers in regions of the body read the stage of the step, too.
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#r = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @reader_in_a_region
// CHECK:         %[[B:.*]] = tile.alloc : <3 of
// CHECK:         iter_args(%[[READ:[a-z0-9_]+]] = %{{.*}}, %{{.*}} = %{{.*}})
// CHECK:           scf.if
// CHECK:           scf.if
// CHECK:             scf.for
// CHECK:               tile.local_load %[[B]][%[[READ]]]
func.func @reader_in_a_region(%x: !tile.view<?x4096xf16>, %lo: i32, %hi: i32, %c: i1) attributes {tile.schedule = #s} {
  %zero = arith.constant 0 : i32
  %st = arith.constant 32 : i32
  %b = tile.alloc : !tile.buffer<1 of 16x32xf16, #l>
  scf.for %k = %lo to %hi step %st : i32 {
    tile.async_copy %x[%lo, %k], %b[%zero] : !tile.view<?x4096xf16>, !tile.buffer<1 of 16x32xf16, #l>
    tile.async_commit
    tile.async_wait 0
    tile.barrier
    scf.if %c {
      scf.for %j = %lo to %hi step %st : i32 {
        %t = tile.local_load %b[%zero] : !tile.buffer<1 of 16x32xf16, #l> -> tensor<16x32xf16, #r>
      }
    }
    tile.barrier
  }
  return
}

// -----

#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#s = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

func.func @copy_in_a_region(%x: !tile.view<?x4096xf16>, %lo: i32, %hi: i32, %c: i1) attributes {tile.schedule = #s} {
  %st = arith.constant 32 : i32
  %b0 = tile.alloc : !tile.buffer<1 of 16x32xf16, #l>
  %b1 = tile.alloc : !tile.buffer<1 of 16x32xf16, #l>
  scf.for %k = %lo to %hi step %st : i32 {
    tile.async_copy %x[%lo, %k], %b0[%lo] : !tile.view<?x4096xf16>, !tile.buffer<1 of 16x32xf16, #l>
    scf.if %c {
      // expected-error @+1 {{starts a copy in a region of a pipelined loop; only those of its body itself go ahead}}
      tile.async_copy %x[%lo, %k], %b1[%lo] : !tile.view<?x4096xf16>, !tile.buffer<1 of 16x32xf16, #l>
    }
    tile.async_commit
    tile.async_wait 0
    tile.barrier
  }
  return
}
