// A producer warp that runs ahead over the tiles of a persistent block.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-specialise-warps -split-input-file -verify-diagnostics | FileCheck %s

#p = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
#x = #tile.layout<[16, 64], register = [[0, 1], [0, 2], [8, 0], [0, 16], [0, 32]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 2, stages = 3, copies = tensor, producers = 1, persistent = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>

// Stage and parity go from tile to tile in both roles; the barrier ahead of the
// prologue, which kept the last tile's readers from the next one's copies, is
// none of the mbarriers' business.
// CHECK-LABEL: func.func @tiles
// CHECK-SAME:    %[[MAP:[a-z0-9]+]]: !llvm.ptr, %[[X:[a-z0-9]+]]: !tile.view<?x4096xf16>, %[[LO:[a-z0-9]+]]: i32, %[[HI:[a-z0-9]+]]: i32, %[[ST:[a-z0-9]+]]: i32)
// CHECK:         %[[FULL:.*]] = tile.mbarrier_alloc
// CHECK-NEXT:    tile.mbarrier_init %[[FULL]] arrivals 1
// CHECK:         %[[B:.*]] = tile.alloc
// CHECK-NEXT:    tile.barrier
// CHECK-NEXT:    %[[PRODUCER:.*]] = tile.producer_warp
// CHECK-NEXT:    scf.if %[[PRODUCER]] {
// CHECK:           scf.for %[[T:[a-z0-9_]+]] = {{.*}} iter_args(%[[S0:[a-z0-9_]+]] = %{{[a-z0-9_]+}}, %[[P0:[a-z0-9_]+]] = %{{[a-z0-9_]+}})
// CHECK:             %[[ROW:.*]] = arith.muli %[[T]]
// CHECK:             %[[END:.*]]:2 = scf.for %[[K:[a-z0-9_]+]] = %[[LO]] to %[[HI]] step %[[ST]] iter_args(%[[S:[a-z0-9_]+]] = %[[S0]], %[[P:[a-z0-9_]+]] = %[[P0]])
// CHECK-NEXT:          tile.mbarrier_wait %[[EMPTY:.*]][%[[S]]] parity %[[P]]
// CHECK-NEXT:          tile.tensor_copy %[[MAP]] of %[[X]][%[[ROW]], %[[K]]], %[[B]][%[[S]]] signals %[[FULL]]
// CHECK:             scf.yield %[[END]]#0, %[[END]]#1
// CHECK:         } else {
// CHECK-NOT:       tile.barrier
// CHECK:           scf.for {{.*}} iter_args(%[[R0:[a-z0-9_]+]] = %{{[a-z0-9_]+}}, %[[Q0:[a-z0-9_]+]] = %{{[a-z0-9_]+}})
// CHECK-NOT:         tile.barrier
// CHECK:             %[[LAST:.*]]:3 = scf.for {{.*}} iter_args(%[[R:[a-z0-9_]+]] = %[[R0]], %{{[a-z0-9_]+}} = %{{[a-z0-9_]+}}, %[[Q:[a-z0-9_]+]] = %[[Q0]])
// CHECK-NEXT:          tile.mbarrier_wait %[[FULL]][%[[R]]] parity %[[Q]]
// CHECK:               "test.use"
// CHECK-NEXT:          tile.mbarrier_arrive %[[EMPTY]][%[[R]]]
// CHECK:             "test.store"
// CHECK-NEXT:        scf.yield %[[LAST]]#0, %[[LAST]]#2
func.func @tiles(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %c16 = arith.constant 16 : i32
  %full = tile.mbarrier_alloc : !tile.mbarriers<3>
  tile.mbarrier_init %full arrivals 1 : !tile.mbarriers<3>
  scf.for %t = %c0 to %hi step %c1 : i32 {
    %row = arith.muli %t, %c16 : i32
    %b = tile.alloc : !tile.buffer<3 of 16x64xf16, #p>
    tile.barrier
    %one = arith.constant 1 : i32
    scf.for %i = %c0 to %c2 step %c1 : i32 {
      %k = arith.muli %i, %st : i32
      %in = arith.cmpi slt, %k, %hi : i32
      scf.if %in {
        tile.tensor_copy %map of %x[%row, %k], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 16x64xf16, #p>, !tile.mbarriers<3>
      } {tile.part = #tile.part<issue>}
    } {tile.part = #tile.part<prologue>}
    scf.for %k = %lo to %hi step %st iter_args(%read = %c0, %write = %c2, %p = %c0) -> (i32, i32, i32) : i32 {
      tile.barrier
      %far = arith.muli %st, %c2 : i32
      %ahead = arith.addi %k, %far : i32
      %in = arith.cmpi slt, %ahead, %hi : i32
      scf.if %in {
        tile.tensor_copy %map of %x[%row, %ahead], %b[%write] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 16x64xf16, #p>, !tile.mbarriers<3>
      } {tile.part = #tile.part<issue>}
      tile.mbarrier_wait %full[%read] parity %p : !tile.mbarriers<3>
      %v = tile.local_load %b[%read] : !tile.buffer<3 of 16x64xf16, #p> -> tensor<16x64xf16, #x>
      "test.use"(%v) : (tensor<16x64xf16, #x>) -> ()
      scf.yield %write, %read, %p : i32, i32, i32
    } {tile.part = #tile.part<ring>}
    "test.store"(%row) : (i32) -> ()
  }
  return
}

// -----

// Where the next tile starts is known when this one is computed only.
#p = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
#x = #tile.layout<[16, 64], register = [[0, 1], [0, 2], [8, 0], [0, 16], [0, 32]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 2, stages = 3, copies = tensor, producers = 1, persistent = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>
func.func @computed_start(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %full = tile.mbarrier_alloc : !tile.mbarriers<3>
  tile.mbarrier_init %full arrivals 1 : !tile.mbarriers<3>
  scf.for %t = %c0 to %hi step %c1 : i32 {
    %row = "test.load"() : () -> i32
    %b = tile.alloc : !tile.buffer<3 of 16x64xf16, #p>
    scf.for %i = %c0 to %c2 step %c1 : i32 {
      %in = arith.cmpi slt, %i, %hi : i32
      scf.if %in {
        tile.tensor_copy %map of %x[%row, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 16x64xf16, #p>, !tile.mbarriers<3>
      } {tile.part = #tile.part<issue>}
    } {tile.part = #tile.part<prologue>}
    // expected-error @+1 {{a producer warp runs ahead into the next tile, and cannot compute what these copies start from}}
    scf.for %k = %lo to %hi step %st iter_args(%read = %c0, %write = %c2, %p = %c0) -> (i32, i32, i32) : i32 {
      %ahead = arith.addi %k, %st : i32
      %in = arith.cmpi slt, %ahead, %hi : i32
      scf.if %in {
        tile.tensor_copy %map of %x[%row, %ahead], %b[%write] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 16x64xf16, #p>, !tile.mbarriers<3>
      } {tile.part = #tile.part<issue>}
      tile.mbarrier_wait %full[%read] parity %p : !tile.mbarriers<3>
      %v = tile.local_load %b[%read] : !tile.buffer<3 of 16x64xf16, #p> -> tensor<16x64xf16, #x>
      "test.use"(%v) : (tensor<16x64xf16, #x>) -> ()
      scf.yield %write, %read, %p : i32, i32, i32
    } {tile.part = #tile.part<ring>}
  }
  return
}

// -----

// wgmma reads what lanes of the producer would copy: nobody fences that.
#p = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
#s = #tile.schedule<warps = 4, stages = 3, copies = tensor, producers = 1, mma = warpgroup, split = 1, order = interleaved, reduce = none, target = sm_90a>
func.func @unfenced(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %y: !tile.view<?x4096xf16>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %b = tile.alloc : !tile.buffer<3 of 16x64xf16, #p>
  %d = tile.alloc : !tile.buffer<3 of 16x64xf16, #p>
  %full = tile.mbarrier_alloc : !tile.mbarriers<3>
  tile.mbarrier_init %full arrivals 1 : !tile.mbarriers<3>
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %in = arith.cmpi slt, %i, %hi : i32
    scf.if %in {
      tile.tensor_copy %map of %x[%c0, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 16x64xf16, #p>, !tile.mbarriers<3>
      tile.async_copy %y[%c0, %i], %d[%i] : !tile.view<?x4096xf16>, !tile.buffer<3 of 16x64xf16, #p>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  scf.for %k = %lo to %hi step %st iter_args(%read = %c0, %write = %c2, %p = %c0) -> (i32, i32, i32) : i32 {
    %ahead = arith.addi %k, %st : i32
    %in = arith.cmpi slt, %ahead, %hi : i32
    scf.if %in {
      tile.tensor_copy %map of %x[%c0, %ahead], %b[%write] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 16x64xf16, #p>, !tile.mbarriers<3>
      // expected-error @+1 {{what a producer warp copies is not fenced for wgmma; only the copy engine's copies are, and it cannot bring this tile}}
      tile.async_copy %y[%c0, %ahead], %d[%write] : !tile.view<?x4096xf16>, !tile.buffer<3 of 16x64xf16, #p>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
    tile.mbarrier_wait %full[%read] parity %p : !tile.mbarriers<3>
    %u = tile.stage %b[%read] : !tile.buffer<3 of 16x64xf16, #p> -> !tile.buffer<1 of 16x64xf16, #p>
    %v = tile.stage %d[%read] : !tile.buffer<3 of 16x64xf16, #p> -> !tile.buffer<1 of 16x64xf16, #p>
    "test.use"(%u, %v) : (!tile.buffer<1 of 16x64xf16, #p>, !tile.buffer<1 of 16x64xf16, #p>) -> ()
    scf.yield %write, %read, %p : i32, i32, i32
  } {tile.part = #tile.part<ring>}
  return
}
