// A warp of its own starts all copies; the others meet it at mbarriers alone.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-specialise-warps -split-input-file -verify-diagnostics | FileCheck %s

#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#x = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 2, stages = 3, weights = bulk, producers = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>

// Full: a bulk copy and 32 lanes. Empty: both warps that compute.
// CHECK-LABEL: func.func @plain
// CHECK-SAME:    %[[W:[a-z0-9]+]]: !tile.view<64x64xi4{{.*}} {tile.constant}, %[[X:[a-z0-9]+]]: !tile.view<16x4096xf16>, %{{.*}}, %[[LO:[a-z0-9]+]]: i32, %[[HI:[a-z0-9]+]]: i32, %[[ST:[a-z0-9]+]]: i32)
// CHECK:         %[[BX:.*]] = tile.alloc : <3 of 16x32xf16
// CHECK:         %[[BW:.*]] = tile.alloc : <3 of 16x8xi4
// CHECK:         %[[FULL:.*]] = tile.mbarrier_alloc
// CHECK-NEXT:    tile.mbarrier_init %[[FULL]] arrivals 33
// CHECK-NEXT:    %[[EMPTY:.*]] = tile.mbarrier_alloc
// CHECK-NEXT:    tile.mbarrier_init %[[EMPTY]] arrivals 2
// CHECK-NEXT:    tile.barrier
// CHECK-NEXT:    %[[PRODUCER:.*]] = tile.producer_warp
// CHECK-NEXT:    scf.if %[[PRODUCER]] {
// CHECK:           %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK:           %[[ONE:.*]] = arith.constant 1 : i32
// CHECK:           scf.for %[[K:[a-z0-9_]+]] = %[[LO]] to %[[HI]] step %[[ST]] iter_args(%[[SLOT:[a-z0-9_]+]] = %[[ZERO]], %[[P:[a-z0-9_]+]] = %[[ONE]])
// CHECK-NEXT:        tile.mbarrier_wait %[[EMPTY]][%[[SLOT]]] parity %[[P]]
// CHECK-NEXT:        %[[HALF:.*]] = arith.divui %[[K]]
// CHECK-NEXT:        tile.async_copy %[[X]][%{{.*}}, %[[HALF]]], %[[BX]][%[[SLOT]]]
// CHECK-NEXT:        tile.bulk_copy %[[W]][%[[K]], %{{.*}}], %[[BW]][%[[SLOT]]] signals %[[FULL]]
// CHECK-NEXT:        tile.async_arrive %[[FULL]][%[[SLOT]]]
// CHECK:             %[[UP:.*]] = arith.addi %[[SLOT]]
// CHECK:             %[[WRAPS:.*]] = arith.cmpi eq, %[[UP]]
// CHECK:             %[[NEXT:.*]] = arith.select %[[WRAPS]]
// CHECK:             %[[BIT:.*]] = arith.extui %[[WRAPS]]
// CHECK:             %[[FLIPPED:.*]] = arith.xori %[[P]], %[[BIT]]
// CHECK:             scf.yield %[[NEXT]], %[[FLIPPED]]
// CHECK:           tile.async_wait 0
// CHECK-NEXT:    } else {
// CHECK-NOT:       tile.async_copy
// CHECK-NOT:       tile.bulk_copy
// CHECK-NOT:       tile.barrier
// CHECK:           scf.for {{.*}} iter_args(%[[READ:[a-z0-9_]+]] = {{.*}}, %[[Q:[a-z0-9_]+]] = %{{[a-z0-9_]+}})
// CHECK-NEXT:        tile.mbarrier_wait %[[FULL]][%[[READ]]] parity %[[Q]]
// CHECK-NEXT:        tile.local_load %[[BX]][%[[READ]]]
// CHECK-NEXT:        tile.local_load %[[BW]][%[[READ]]]
// CHECK-NEXT:        "test.use"
// CHECK-NEXT:        tile.mbarrier_arrive %[[EMPTY]][%[[READ]]]
// CHECK-NEXT:        scf.yield
// CHECK:           tile.store
// CHECK-NEXT:    } {tile.roles}
// CHECK-NEXT:    return
func.func @plain(%w: !tile.view<64x64xi4, atom = #a> {tile.constant}, %x: !tile.view<16x4096xf16>, %out: !tile.view<32xf32>, %t: tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %c3 = arith.constant 3 : i32
  %bx = tile.alloc : !tile.buffer<3 of 16x32xf16, #l>
  %bw = tile.alloc : !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  %full = tile.mbarrier_alloc : !tile.mbarriers<3>
  tile.mbarrier_init %full arrivals 1 : !tile.mbarriers<3>
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %k = arith.muli %i, %st : i32
    %in = arith.cmpi slt, %k, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %k], %bx[%i] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.bulk_copy %w[%k, %c0], %bw[%i] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  scf.for %k = %lo to %hi step %st iter_args(%read = %c0, %write = %c2, %p = %c0) -> (i32, i32, i32) : i32 {
    tile.async_wait 1
    tile.barrier
    %far = arith.muli %st, %c2 : i32
    %ahead = arith.addi %k, %far : i32
    %in = arith.cmpi slt, %ahead, %hi : i32
    scf.if %in {
      %half = arith.divui %ahead, %c2 : i32
      tile.async_copy %x[%c0, %half], %bx[%write] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.bulk_copy %w[%ahead, %c0], %bw[%write] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
    %a = tile.local_load %bx[%read] : !tile.buffer<3 of 16x32xf16, #l> -> tensor<16x32xf16, #x>
    tile.mbarrier_wait %full[%read] parity %p : !tile.mbarriers<3>
    %q = tile.local_load %bw[%read] : !tile.buffer<3 of 16x8xi4, atom = #a, #w> -> tensor<16x8xi4, #q>
    "test.use"(%a, %q) : (tensor<16x32xf16, #x>, tensor<16x8xi4, #q>) -> ()
    scf.yield %write, %read, %p : i32, i32, i32
  } {tile.part = #tile.part<ring>}
  tile.store %t, %out[%c0] : tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, !tile.view<32xf32>
  return
}

// -----

// Zeros are the computing warps' to write, before a barrier of theirs.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#x = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 2, stages = 3, weights = bulk, producers = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>

// CHECK-LABEL: func.func @ragged
// CHECK:         scf.if
// CHECK-NOT:       tile.zero_outside
// CHECK:         } else {
// CHECK-NEXT:      scf.for
// CHECK-NEXT:        tile.zero_outside
// CHECK-NEXT:      }
// CHECK-NEXT:      tile.barrier
// CHECK-NEXT:      scf.for
// CHECK-NEXT:        tile.mbarrier_wait
func.func @ragged(%w: !tile.view<64x64xi4, atom = #a> {tile.constant}, %x: !tile.view<16x4096xf16>, %out: !tile.view<32xf32>, %t: tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %c3 = arith.constant 3 : i32
  %bx = tile.alloc : !tile.buffer<3 of 16x32xf16, #l>
  %bw = tile.alloc : !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  %full = tile.mbarrier_alloc : !tile.mbarriers<3>
  tile.mbarrier_init %full arrivals 1 : !tile.mbarriers<3>
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %k = arith.muli %i, %st : i32
    %in = arith.cmpi slt, %k, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %k], %bx[%i] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.bulk_copy %w[%k, %c0], %bw[%i] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  scf.for %i = %c0 to %c3 step %c1 : i32 {
    tile.zero_outside %w[%i, %c0], %bw[%i] : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  } {tile.part = #tile.part<fill>}
  scf.for %k = %lo to %hi step %st iter_args(%read = %c0, %write = %c2, %p = %c0) -> (i32, i32, i32) : i32 {
    tile.async_wait 1
    tile.barrier
    %far = arith.muli %st, %c2 : i32
    %ahead = arith.addi %k, %far : i32
    %in = arith.cmpi slt, %ahead, %hi : i32
    scf.if %in {
      %half = arith.divui %ahead, %c2 : i32
      tile.async_copy %x[%c0, %half], %bx[%write] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.bulk_copy %w[%ahead, %c0], %bw[%write] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
    %a = tile.local_load %bx[%read] : !tile.buffer<3 of 16x32xf16, #l> -> tensor<16x32xf16, #x>
    tile.mbarrier_wait %full[%read] parity %p : !tile.mbarriers<3>
    %q = tile.local_load %bw[%read] : !tile.buffer<3 of 16x8xi4, atom = #a, #w> -> tensor<16x8xi4, #q>
    "test.use"(%a, %q) : (tensor<16x32xf16, #x>, tensor<16x8xi4, #q>) -> ()
    scf.yield %write, %read, %p : i32, i32, i32
  } {tile.part = #tile.part<ring>}
  tile.store %t, %out[%c0] : tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, !tile.view<32xf32>
  return
}

// -----

// Of a dependent kernel the weights of all stages go first.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#x = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 2, stages = 3, weights = bulk, producers = 1, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = end>

// CHECK-LABEL: func.func @dependent
// CHECK-SAME:    %[[W:[a-z0-9]+]]: !tile.view<64x64xi4{{.*}} {tile.constant}, %[[X:[a-z0-9]+]]: !tile.view<16x4096xf16>, %{{.*}}, %[[LO:[a-z0-9]+]]: i32, %[[HI:[a-z0-9]+]]: i32, %[[ST:[a-z0-9]+]]: i32)
// CHECK:         scf.if
// CHECK:           %[[STAGES:.*]] = arith.constant 3 : i32
// CHECK:           scf.for %[[S:[a-z0-9_]+]] = %{{.*}} to %[[STAGES]] step
// CHECK:             scf.if
// CHECK-NEXT:          tile.bulk_copy %[[W]][%{{.*}}], %{{.*}}[%[[S]]]
// CHECK-NEXT:        }
// CHECK-NEXT:      }
// CHECK:           %[[AGAIN:.*]] = arith.addi %[[LO]]
// CHECK:           scf.for %[[K:[a-z0-9_]+]] = %[[LO]] to %[[HI]] step %[[ST]] iter_args(%[[SLOT:[a-z0-9_]+]] =
// CHECK-NEXT:        %[[LATER:.*]] = arith.cmpi sge, %[[K]], %[[AGAIN]]
// CHECK-NEXT:        scf.if %[[LATER]] {
// CHECK-NEXT:          tile.mbarrier_wait
// CHECK:               tile.bulk_copy %[[W]][%[[K]], %{{.*}}], %{{.*}}[%[[SLOT]]]
// CHECK-NEXT:        }
// CHECK:             tile.async_copy %[[X]]
// CHECK-NEXT:        tile.async_arrive
// CHECK:         } else {
func.func @dependent(%w: !tile.view<64x64xi4, atom = #a> {tile.constant}, %x: !tile.view<16x4096xf16>, %out: !tile.view<32xf32>, %t: tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %c3 = arith.constant 3 : i32
  %bx = tile.alloc : !tile.buffer<3 of 16x32xf16, #l>
  %bw = tile.alloc : !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  %full = tile.mbarrier_alloc : !tile.mbarriers<3>
  tile.mbarrier_init %full arrivals 1 : !tile.mbarriers<3>
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %k = arith.muli %i, %st : i32
    %in = arith.cmpi slt, %k, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %k], %bx[%i] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.bulk_copy %w[%k, %c0], %bw[%i] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  scf.for %k = %lo to %hi step %st iter_args(%read = %c0, %write = %c2, %p = %c0) -> (i32, i32, i32) : i32 {
    tile.async_wait 1
    tile.barrier
    %far = arith.muli %st, %c2 : i32
    %ahead = arith.addi %k, %far : i32
    %in = arith.cmpi slt, %ahead, %hi : i32
    scf.if %in {
      %half = arith.divui %ahead, %c2 : i32
      tile.async_copy %x[%c0, %half], %bx[%write] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.bulk_copy %w[%ahead, %c0], %bw[%write] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
    %a = tile.local_load %bx[%read] : !tile.buffer<3 of 16x32xf16, #l> -> tensor<16x32xf16, #x>
    tile.mbarrier_wait %full[%read] parity %p : !tile.mbarriers<3>
    %q = tile.local_load %bw[%read] : !tile.buffer<3 of 16x8xi4, atom = #a, #w> -> tensor<16x8xi4, #q>
    "test.use"(%a, %q) : (tensor<16x32xf16, #x>, tensor<16x8xi4, #q>) -> ()
    scf.yield %write, %read, %p : i32, i32, i32
  } {tile.part = #tile.part<ring>}
  tile.store %t, %out[%c0] : tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, !tile.view<32xf32>
  return
}

// -----

// All warps would run it, and it is lowered for those that compute.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#x = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 2, stages = 3, weights = bulk, producers = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>

func.func @loads_first(%w: !tile.view<64x64xi4, atom = #a> {tile.constant}, %x: !tile.view<16x4096xf16>, %out: !tile.view<32xf32>, %t: tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %c3 = arith.constant 3 : i32
  %bx = tile.alloc : !tile.buffer<3 of 16x32xf16, #l>
  %bw = tile.alloc : !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  %full = tile.mbarrier_alloc : !tile.mbarriers<3>
  tile.mbarrier_init %full arrivals 1 : !tile.mbarriers<3>
  // expected-error @+1 {{with a producer warp nothing is loaded, computed or stored before the loop that it feeds}}
  %first = tile.load %x[%c0, %c0] : !tile.view<16x4096xf16> -> tensor<16x32xf16, #x>
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %k = arith.muli %i, %st : i32
    %in = arith.cmpi slt, %k, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %k], %bx[%i] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.bulk_copy %w[%k, %c0], %bw[%i] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  scf.for %k = %lo to %hi step %st iter_args(%read = %c0, %write = %c2, %p = %c0) -> (i32, i32, i32) : i32 {
    tile.async_wait 1
    tile.barrier
    %far = arith.muli %st, %c2 : i32
    %ahead = arith.addi %k, %far : i32
    %in = arith.cmpi slt, %ahead, %hi : i32
    scf.if %in {
      %half = arith.divui %ahead, %c2 : i32
      tile.async_copy %x[%c0, %half], %bx[%write] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.bulk_copy %w[%ahead, %c0], %bw[%write] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
    %a = tile.local_load %bx[%read] : !tile.buffer<3 of 16x32xf16, #l> -> tensor<16x32xf16, #x>
    tile.mbarrier_wait %full[%read] parity %p : !tile.mbarriers<3>
    %q = tile.local_load %bw[%read] : !tile.buffer<3 of 16x8xi4, atom = #a, #w> -> tensor<16x8xi4, #q>
    "test.use"(%a, %q) : (tensor<16x32xf16, #x>, tensor<16x8xi4, #q>) -> ()
    scf.yield %write, %read, %p : i32, i32, i32
  } {tile.part = #tile.part<ring>}
  tile.store %t, %out[%c0] : tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, !tile.view<32xf32>
  return
}

// -----

// What does not say so may depend on which warps run it.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#x = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 2, stages = 3, weights = bulk, producers = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>

func.func @unknown_first(%w: !tile.view<64x64xi4, atom = #a> {tile.constant}, %x: !tile.view<16x4096xf16>, %out: !tile.view<32xf32>, %t: tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %c3 = arith.constant 3 : i32
  %bx = tile.alloc : !tile.buffer<3 of 16x32xf16, #l>
  %bw = tile.alloc : !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  %full = tile.mbarrier_alloc : !tile.mbarriers<3>
  tile.mbarrier_init %full arrivals 1 : !tile.mbarriers<3>
  // expected-error @+1 {{with a producer warp nothing is loaded, computed or stored before the loop that it feeds}}
  "test.use"() : () -> ()
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %k = arith.muli %i, %st : i32
    %in = arith.cmpi slt, %k, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %k], %bx[%i] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.bulk_copy %w[%k, %c0], %bw[%i] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  scf.for %k = %lo to %hi step %st iter_args(%read = %c0, %write = %c2, %p = %c0) -> (i32, i32, i32) : i32 {
    tile.async_wait 1
    tile.barrier
    %far = arith.muli %st, %c2 : i32
    %ahead = arith.addi %k, %far : i32
    %in = arith.cmpi slt, %ahead, %hi : i32
    scf.if %in {
      %half = arith.divui %ahead, %c2 : i32
      tile.async_copy %x[%c0, %half], %bx[%write] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.bulk_copy %w[%ahead, %c0], %bw[%write] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>, !tile.mbarriers<3>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
    %a = tile.local_load %bx[%read] : !tile.buffer<3 of 16x32xf16, #l> -> tensor<16x32xf16, #x>
    tile.mbarrier_wait %full[%read] parity %p : !tile.mbarriers<3>
    %q = tile.local_load %bw[%read] : !tile.buffer<3 of 16x8xi4, atom = #a, #w> -> tensor<16x8xi4, #q>
    "test.use"(%a, %q) : (tensor<16x32xf16, #x>, tensor<16x8xi4, #q>) -> ()
    scf.yield %write, %read, %p : i32, i32, i32
  } {tile.part = #tile.part<ring>}
  tile.store %t, %out[%c0] : tensor<32xf32, #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>>, !tile.view<32xf32>
  return
}

// -----

#s = #tile.schedule<warps = 2, stages = 3, weights = bulk, producers = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>

// expected-error @+1 {{a producer warp is asked for, and no loop is fed by the copy engine}}
func.func @nothing() attributes {tile.schedule = #s} {
  return
}

// -----

#s = #tile.schedule<warps = 2, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

// CHECK-LABEL: func.func @without
// CHECK-NEXT:    return
func.func @without() attributes {tile.schedule = #s} {
  return
}
