// Packed weights come by bulk copies, and an mbarrier a stage says when.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-bulk-copies -split-input-file -verify-diagnostics | FileCheck %s

#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 1], [1, 0, 0]]>
#l = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

// The array is whole tiles: nothing is filled with zeros. Only packed weights
// go another way; their buffer takes the order of memory.
// CHECK-LABEL: func.func @weights
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: !tile.view<{{.*}}> {tile.constant}, %[[X:[a-z0-9]+]]:
// CHECK:         %[[B:.*]] = tile.alloc : <3 of 16x8xi4, atom = {{.*}}offset = {{\[\[}}0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>>
// CHECK-NEXT:    %[[FULL:.*]] = tile.mbarrier_alloc : <3>
// CHECK-NEXT:    tile.mbarrier_init %[[FULL]] arrivals 1 : <3>
// CHECK:         scf.for %[[S:[a-z0-9_]+]] =
// CHECK:           scf.if
// CHECK-NEXT:        tile.async_copy %[[X]]
// CHECK-NEXT:        tile.bulk_copy %[[Q]][%{{.*}}], %[[B]][%[[S]]] signals %[[FULL]] evict_first
// CHECK-NOT:         tile.async_copy
// CHECK:           tile.async_commit
// CHECK-NOT:     tile.zero_outside
// CHECK:         %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK:         scf.for {{.*}} iter_args(%[[READ:[a-z0-9_]+]] = %{{[a-z0-9_]+}}, %[[WRITE:[a-z0-9_]+]] = %{{[a-z0-9_]+}}, %[[PARITY:[a-z0-9_]+]] = %[[ZERO]])
// CHECK-NEXT:      tile.async_wait 1
// CHECK-NEXT:      tile.barrier
// CHECK:           scf.if
// CHECK:             tile.async_copy %[[X]]
// CHECK-NEXT:        tile.bulk_copy %[[Q]][%{{.*}}], %[[B]][%[[WRITE]]] signals %[[FULL]] evict_first
// CHECK:           tile.async_commit
// CHECK:           tile.mbarrier_wait %[[FULL]][%[[READ]]] parity %[[PARITY]] : <3>
// CHECK-NEXT:      tile.local_load %[[B]][%[[READ]]]
// CHECK:           %[[NEXT:.*]] = arith.select
// CHECK:           %[[WRAPS:.*]] = arith.cmpi eq, %[[NEXT]], %{{.*}} : i32
// CHECK-NEXT:      %[[BIT:.*]] = arith.extui %[[WRAPS]]
// CHECK-NEXT:      %[[FLIPPED:.*]] = arith.xori %[[PARITY]], %[[BIT]]
// CHECK-NEXT:      scf.yield %[[NEXT]], %{{.*}}, %[[FLIPPED]]
func.func @weights(%w: !tile.view<64x64xi4, atom = #a> {tile.constant}, %x: !tile.view<16x4096xf16>, %hi: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %c3 = arith.constant 3 : i32
  %st = arith.constant 16 : i32
  %far = arith.constant 32 : i32
  %bx = tile.alloc : !tile.buffer<3 of 16x32xf16, #l>
  %bw = tile.alloc : !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %k = arith.muli %i, %st : i32
    %in = arith.cmpi slt, %k, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %k], %bx[%i] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.async_copy %w[%k, %c0], %bw[%i] : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  scf.for %k = %c0 to %hi step %st iter_args(%read = %c0, %write = %c2) -> (i32, i32) : i32 {
    tile.async_wait 1
    tile.barrier
    %ahead = arith.addi %k, %far : i32
    %in = arith.cmpi slt, %ahead, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %ahead], %bx[%write] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x32xf16, #l>
      tile.async_copy %w[%ahead, %c0], %bw[%write] : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
    %q = tile.local_load %bw[%read] : !tile.buffer<3 of 16x8xi4, atom = #a, #w> -> tensor<16x8xi4, #q>
    "test.use"(%q) : (tensor<16x8xi4, #q>) -> ()
    %r1 = arith.addi %read, %c1 : i32
    %rw = arith.cmpi eq, %r1, %c3 : i32
    %r = arith.select %rw, %c0, %r1 : i32
    scf.yield %r, %r : i32, i32
  } {tile.part = #tile.part<ring>}
  return
}

// -----

// Columns and rows that the array does not have: the places of all stages that
// no copy fills are zeroed. A view that launches may change is no stream that
// L2 need not keep.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

// CHECK-LABEL: func.func @ragged
// CHECK-SAME:    %[[Q:[a-z0-9]+]]:
// CHECK:         %[[B:.*]] = tile.alloc
// CHECK:         scf.for
// CHECK:           tile.bulk_copy
// CHECK-NOT:       evict_first
// CHECK:         %[[ALL:.*]] = arith.constant 3 : i32
// CHECK:         scf.for %[[S:[a-z0-9_]+]] = %{{.*}} to %[[ALL]] step
// CHECK-NEXT:      %[[K:.*]] = arith.muli %[[S]]
// CHECK-NEXT:      %[[IN:.*]] = arith.cmpi slt, %[[K]]
// CHECK-NEXT:      scf.if %[[IN]] {
// CHECK-NEXT:        tile.zero_outside %[[Q]][%[[K]], %{{.*}}], %[[B]][%[[S]]]
// CHECK-NEXT:      } {tile.part = #tile.part<issue>}
// CHECK-NEXT:    } {tile.part = #tile.part<fill>}
// CHECK:         scf.for
// CHECK-NOT:       tile.zero_outside
func.func @ragged(%w: !tile.view<40x36xi4, atom = #a>, %n: i32, %hi: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %st = arith.constant 16 : i32
  %far = arith.constant 32 : i32
  %bw = tile.alloc : !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %k = arith.muli %i, %st : i32
    %in = arith.cmpi slt, %k, %hi : i32
    scf.if %in {
      tile.async_copy %w[%k, %n], %bw[%i] : !tile.view<40x36xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  scf.for %k = %c0 to %hi step %st iter_args(%read = %c0, %write = %c2) -> (i32, i32) : i32 {
    tile.async_wait 1
    tile.barrier
    %ahead = arith.addi %k, %far : i32
    %in = arith.cmpi slt, %ahead, %hi : i32
    scf.if %in {
      tile.async_copy %w[%ahead, %n], %bw[%write] : !tile.view<40x36xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
    %q = tile.local_load %bw[%read] : !tile.buffer<3 of 16x8xi4, atom = #a, #w> -> tensor<16x8xi4, #q>
    "test.use"(%q) : (tensor<16x8xi4, #q>) -> ()
    scf.yield %write, %read : i32, i32
  } {tile.part = #tile.part<ring>}
  return
}

// -----

// What there is nothing to do for is said.
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

// expected-error @+1 {{bulk copies are asked for, and no loop reads packed weights through stages}}
func.func @nothing() attributes {tile.schedule = #s} {
  return
}

// -----

// An mbarrier is initialised once: not in a loop.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

func.func @nested(%w: !tile.view<64x64xi4, atom = #a>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  scf.for %i = %lo to %hi step %st : i32 {
    %bw = tile.alloc : !tile.buffer<3 of 16x8xi4, atom = #a, #w>
    // expected-error @+1 {{expected the loop that bulk copies feed at the top of a kernel: mbarriers begin once}}
    scf.for %k = %lo to %hi step %st iter_args(%read = %lo) -> (i32) : i32 {
      tile.async_copy %w[%k, %i], %bw[%read] : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>
      %q = tile.local_load %bw[%read] : !tile.buffer<3 of 16x8xi4, atom = #a, #w> -> tensor<16x8xi4, #q>
      scf.yield %read : i32
    } {tile.part = #tile.part<ring>}
  }
  return
}

// -----

// Stages that nobody counts.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

func.func @not_pipelined(%w: !tile.view<64x64xi4, atom = #a>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %bw = tile.alloc : !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  scf.for %k = %lo to %hi step %st : i32 {
    tile.async_copy %w[%k, %lo], %bw[%lo] : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>
    // expected-error @+1 {{expected the stage of a pipelined loop}}
    %q = tile.local_load %bw[%lo] : !tile.buffer<3 of 16x8xi4, atom = #a, #w> -> tensor<16x8xi4, #q>
  } {tile.part = #tile.part<ring>}
  return
}

// -----

// Copies ahead of the loop that no pipeline wrote.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#w = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

func.func @no_prologue(%w: !tile.view<40x36xi4, atom = #a>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %bw = tile.alloc : !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  // expected-error @+1 {{expected a copy ahead of its loop in the loop's prologue}}
  tile.async_copy %w[%lo, %lo], %bw[%lo] : !tile.view<40x36xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  scf.for %k = %lo to %hi step %st iter_args(%read = %lo) -> (i32) : i32 {
    %q = tile.local_load %bw[%read] : !tile.buffer<3 of 16x8xi4, atom = #a, #w> -> tensor<16x8xi4, #q>
    scf.yield %read : i32
  } {tile.part = #tile.part<ring>}
  return
}

// -----

// The copy engine moves sixteen bytes at least.
#a = #tile.layout<[8, 2], offset = [[1, 0], [2, 0], [4, 0], [0, 1]]>
#w = #tile.layout<[2, 4, 2], offset = [[0, 0, 1], [0, 1, 0], [0, 2, 0], [1, 0, 0]]>
#q = #tile.layout<[16, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

func.func @small_atoms(%w: !tile.view<64x64xi4, atom = #a>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  // expected-error @+1 {{bulk copies move atoms of a multiple of 16 bytes, got 8}}
  %bw = tile.alloc : !tile.buffer<3 of 16x8xi4, atom = #a, #w>
  scf.for %k = %lo to %hi step %st iter_args(%read = %lo) -> (i32) : i32 {
    tile.async_copy %w[%k, %lo], %bw[%read] : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #w>
    %q = tile.local_load %bw[%read] : !tile.buffer<3 of 16x8xi4, atom = #a, #w> -> tensor<16x8xi4, #q>
    scf.yield %read : i32
  } {tile.part = #tile.part<ring>}
  return
}
