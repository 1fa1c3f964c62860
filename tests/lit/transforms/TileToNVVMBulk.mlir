// Bulk copies, mbarriers and roles as instructions.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-to-nvvm -split-input-file -verify-diagnostics | FileCheck %s

#s = #tile.schedule<warps = 2, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

// The first thread initialises, and shows the copy engine what it did. Slot i
// is 8 i bytes on.
// CHECK-LABEL: llvm.func @mbarriers
// CHECK-SAME:    nvvm.reqntid = array<i32: 64>
// CHECK:         %[[FIRST:.*]] = llvm.icmp "eq" %{{.*}}, %{{.*}} : i32
// CHECK-NEXT:    scf.if %[[FIRST]] {
// CHECK-COUNT-3:   "mbarrier.init.shared::cta.b64 [$0], $1;", "r,r,~{memory}"
// CHECK-NOT:       mbarrier.init
// CHECK:           "fence.mbarrier_init.release.cluster;", "~{memory}"
// CHECK-NEXT:    }
// CHECK:         %[[EIGHT:.*]] = llvm.mlir.constant(8 : i32)
// CHECK:         llvm.mul %{{.*}}, %[[EIGHT]]
// CHECK:         again: mbarrier.try_wait.parity.shared::cta.b64 done, [$0], $1; @!done bra again;
// CHECK:         bar.warp.sync 0xffffffff; setp.eq.b32 first, $1, 0; @first mbarrier.arrive.shared::cta.b64 state, [$0];
// CHECK:         "cp.async.mbarrier.arrive.noinc.shared::cta.b64 [$0];", "r,~{memory}"
func.func @mbarriers(%slot: i32, %p: i32) attributes {tile.schedule = #s, tile.shared_bytes = 24 : i32} {
  %full = tile.mbarrier_alloc {offset = 0 : i32} : !tile.mbarriers<3>
  tile.mbarrier_init %full arrivals 5 : !tile.mbarriers<3>
  tile.mbarrier_wait %full[%slot] parity %p : !tile.mbarriers<3>
  tile.mbarrier_arrive %full[%slot] : !tile.mbarriers<3>
  tile.async_arrive %full[%slot] : !tile.mbarriers<3>
  return
}

// -----

// A tile of 2 x 2 atoms of 16 bytes in an array of 8 x 16: two runs of 32
// bytes. The one thread first says how many bytes come.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#o = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

// CHECK-LABEL: llvm.func @runs
// CHECK:         scf.if
// CHECK-NOT:       llvm.intr.smin
// CHECK:           mbarrier.arrive.expect_tx.shared::cta.b64 state, [$0], $1;
// CHECK-COUNT-2:   "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [$0], [$1], $2, [$3];", "r,l,r,r,~{memory}"
// CHECK-NOT:       cp.async.bulk
// CHECK-NOT:       scf.for
// CHECK:         llvm.return
func.func @runs(%p: !llvm.ptr<1>) attributes {tile.schedule = #s, tile.shared_bytes = 512 : i32} {
  %c0 = arith.constant 0 : i32
  %w = tile.view %p : !llvm.ptr<1> -> !tile.view<64x64xi4, atom = #a>
  %b = tile.alloc {offset = 0 : i32} : !tile.buffer<3 of 16x8xi4, atom = #a, #o>
  %full = tile.mbarrier_alloc {offset = 256 : i32} : !tile.mbarriers<3>
  tile.bulk_copy %w[%c0, %c0], %b[%c0] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #o>, !tile.mbarriers<3>
  return
}

// -----

// As wide as the array: one run. Evict-first is a policy of L2.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#o = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

// CHECK-LABEL: llvm.func @one_run
// CHECK:         %[[POLICY:.*]] = llvm.mlir.constant(1364590687093260288 : i64)
// CHECK:         "cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes.L2::cache_hint [$0], [$1], $2, [$3], $4;", "r,l,r,r,l,~{memory}" %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %[[POLICY]]
// CHECK-NOT:     cp.async.bulk
// CHECK:         llvm.return
func.func @one_run(%p: !llvm.ptr<1>) attributes {tile.schedule = #s, tile.shared_bytes = 512 : i32} {
  %c0 = arith.constant 0 : i32
  %w = tile.view %p : !llvm.ptr<1> -> !tile.view<64x8xi4, atom = #a>
  %b = tile.alloc {offset = 0 : i32} : !tile.buffer<3 of 16x8xi4, atom = #a, #o>
  %full = tile.mbarrier_alloc {offset = 256 : i32} : !tile.mbarriers<3>
  tile.bulk_copy %w[%c0, %c0], %b[%c0] signals %full evict_first : !tile.view<64x8xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #o>, !tile.mbarriers<3>
  return
}

// -----

// Eight rows are a loop; of 5 x 9 atoms only those that there are.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#o = #tile.layout<[8, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0], [2, 0, 0], [4, 0, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

// CHECK-LABEL: llvm.func @ragged
// CHECK:         scf.if
// CHECK:           %[[ROWS:.*]] = llvm.intr.smin
// CHECK:           %[[COLUMNS:.*]] = llvm.intr.smin
// CHECK:           %[[LENGTH:.*]] = llvm.mul %[[COLUMNS]]
// CHECK:           %[[BYTES:.*]] = llvm.mul %[[ROWS]], %[[LENGTH]]
// CHECK:           expect_tx{{.*}} %{{.*}}, %[[BYTES]]
// CHECK:           scf.for %{{.*}} = %{{.*}} to %[[ROWS]] step
// CHECK:             cp.async.bulk{{.*}} %{{.*}}, %{{.*}}, %[[LENGTH]], %{{.*}} :
// CHECK-NOT:         cp.async.bulk
// Zeros in what is left, sixteen bytes at once, by all threads; where nothing
// is left, nothing happens.
// CHECK:         scf.if
// CHECK:           scf.for
// CHECK:             scf.if
// CHECK:               llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<3>
// CHECK:         llvm.return
func.func @ragged(%p: !llvm.ptr<1>, %k: i32, %n: i32) attributes {tile.schedule = #s, tile.shared_bytes = 512 : i32} {
  %w = tile.view %p : !llvm.ptr<1> -> !tile.view<40x36xi4, atom = #a>
  %b = tile.alloc {offset = 0 : i32} : !tile.buffer<3 of 64x8xi4, atom = #a, #o>
  %full = tile.mbarrier_alloc {offset = 384 : i32} : !tile.mbarriers<3>
  tile.bulk_copy %w[%k, %n], %b[%k] signals %full : !tile.view<40x36xi4, atom = #a>, !tile.buffer<3 of 64x8xi4, atom = #a, #o>, !tile.mbarriers<3>
  tile.zero_outside %w[%k, %n], %b[%k] : !tile.view<40x36xi4, atom = #a>, !tile.buffer<3 of 64x8xi4, atom = #a, #o>
  return
}

// -----

// A third warp. Before the roles barriers are of all threads, in the producer's
// the first lane is elected, and those that compute have a barrier of their own.
#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#o = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>
#s = #tile.schedule<warps = 2, stages = 3, weights = bulk, producers = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>

// CHECK-LABEL: llvm.func @roles
// CHECK-SAME:    nvvm.reqntid = array<i32: 96>
// CHECK:         nvvm.barrier0
// CHECK:         %[[COMPUTING:.*]] = llvm.mlir.constant(64 : i32)
// CHECK:         %[[PRODUCER:.*]] = llvm.icmp "uge" %{{.*}}, %[[COMPUTING]]
// CHECK:         scf.if %[[PRODUCER]] {
// CHECK:           %[[LANES:.*]] = llvm.mlir.constant(31 : i32)
// CHECK:           %[[LANE:.*]] = llvm.and %{{.*}}, %[[LANES]]
// CHECK:           %[[FIRST:.*]] = llvm.icmp "eq" %[[LANE]],
// CHECK:           scf.if %[[FIRST]]
// CHECK:             cp.async.bulk
// CHECK:         } else {
// CHECK-NEXT:      llvm.inline_asm has_side_effects asm_dialect = att "bar.sync 1, 64;", "~{memory}"
// CHECK:         }
// CHECK-NOT:     tile.
func.func @roles(%p: !llvm.ptr<1>) attributes {tile.schedule = #s, tile.shared_bytes = 512 : i32} {
  %c0 = arith.constant 0 : i32
  %w = tile.view %p : !llvm.ptr<1> -> !tile.view<64x64xi4, atom = #a>
  %b = tile.alloc {offset = 0 : i32} : !tile.buffer<3 of 16x8xi4, atom = #a, #o>
  %full = tile.mbarrier_alloc {offset = 256 : i32} : !tile.mbarriers<3>
  tile.barrier
  %producer = tile.producer_warp
  scf.if %producer {
    tile.bulk_copy %w[%c0, %c0], %b[%c0] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #o>, !tile.mbarriers<3>
  } else {
    tile.barrier
  } {tile.roles}
  return
}

// -----

#s = #tile.schedule<warps = 1, stages = 3, weights = bulk, split = 1, order = interleaved, reduce = none, target = sm_90a>

func.func @offset() attributes {tile.schedule = #s, tile.shared_bytes = 0 : i32} {
  // expected-error @+2 {{expected an offset: allocate-shared has not run}}
  // expected-error @+1 {{failed to legalize operation 'tile.mbarrier_alloc'}}
  %full = tile.mbarrier_alloc : !tile.mbarriers<3>
  return
}

// -----

// A tile of two panels is two boxes of one tensor, whose map is a parameter.
// The innermost coordinate comes first.
#p = #tile.layout<[8, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [0, 64]]>

// CHECK-LABEL: llvm.func @tensor_copy
// CHECK-SAME:    !llvm.ptr<1> {llvm.align = 16 : i64}
// CHECK-SAME:    !llvm.ptr {llvm.align = 64 : i64, llvm.byval = !llvm.array<128 x i8>, nvvm.grid_constant}
// CHECK:         mbarrier.arrive.expect_tx.shared::cta.b64 state
// CHECK:         "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [$0], [$1, {$3, $4}], [$2];"
// CHECK:         "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes [$0], [$1, {$3, $4}], [$2];"
// CHECK-NOT:     cp.async
// CHECK:         llvm.return
func.func @tensor_copy(%p: !llvm.ptr<1>, %m: i32, %map: !llvm.ptr) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 3, copies = tensor, split = 1, order = interleaved, reduce = none, target = sm_90a>, tile.shared_bytes = 8192 : i32} {
  %i = arith.constant 1 : i32
  %x = tile.view %p extents %m : !llvm.ptr<1> -> !tile.view<?x4096xf16>
  %b = tile.alloc {offset = 0 : i32} : !tile.buffer<3 of 8x128xf16, #p>
  %full = tile.mbarrier_alloc {offset = 6144 : i32} : !tile.mbarriers<3>
  tile.tensor_copy %map of %x[%i, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<3>
  return
}
