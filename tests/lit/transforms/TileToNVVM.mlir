// Tiles to registers, operations to instructions: kinds and counts.
// RUN: lath-opt %s -tile-to-nvvm -split-input-file -verify-diagnostics | FileCheck %s

// The kernel: launch bounds of the schedule, aligned pointers, the grid.
// CHECK-LABEL: llvm.func @kernel
// CHECK-SAME:    %[[P:.*]]: !llvm.ptr<1> {llvm.align = 16 : i64}, %[[N:.*]]: i32) attributes {nvvm.kernel, nvvm.reqntid = array<i32: 128>}
// CHECK-DAG:     nvvm.read.ptx.sreg.ctaid.x
// CHECK-DAG:     nvvm.read.ptx.sreg.ctaid.y
// CHECK-DAG:     nvvm.read.ptx.sreg.ctaid.z
// CHECK-DAG:     nvvm.read.ptx.sreg.nctaid.x
// CHECK:         llvm.return
func.func @kernel(%p: !llvm.ptr<1>, %n: i32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %x = tile.program_id 0
  %y = tile.program_id 1
  %z = tile.program_id 2
  %w = tile.num_programs 0
  %s = arith.addi %x, %y : i32
  %t = arith.addi %z, %w : i32
  %u = arith.addi %s, %t : i32
  return
}

// -----

// A loop's own words go with the kernel's, which they add to: eight warps share
// a step of a block of eight.
// CHECK-LABEL: llvm.func @own_words
// CHECK-SAME:    nvvm.reqntid = array<i32: 256>
// CHECK:         scf.for
// CHECK-NOT:     tile.schedule
func.func @own_words(%lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #tile.schedule<warps = 8>, tile.shared_bytes = 0 : i32} {
  scf.for %i = %lo to %hi step %st : i32 {
  } {tile.schedule = #tile.schedule<k_warps = 8>}
  return
}

// -----

// Whole tiles of a static view: two 16-byte loads a lane, no checks.
#v = #tile.layout<[1024], register = [[1], [2], [512]], lane = [[4], [8], [16], [32], [64]], warp = [[128], [256]]>

// CHECK-LABEL: llvm.func @whole
// CHECK-NOT:     llvm.icmp
// CHECK-COUNT-2: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<1> -> vector<4xi32>
// CHECK-NOT:     llvm.load
// CHECK-NOT:     llvm.inline_asm
// CHECK-COUNT-2: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xi32>, !llvm.ptr<1>
// CHECK-NOT:     llvm.store
// CHECK:         llvm.return
func.func @whole(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<4096xf32>
  %c = arith.constant 1024 : i32
  %id = tile.program_id 0
  %i = arith.muli %id, %c : i32
  %0 = tile.load %x[%i] : !tile.view<4096xf32> -> tensor<1024xf32, #v>
  tile.store %0, %x[%i] : tensor<1024xf32, #v>, !tile.view<4096xf32>
  return
}

// -----

// 4000 is no multiple of the tile: vectors of four, each checked (unsigned, so
// that what lies before the view is outside too).
#v = #tile.layout<[1024], register = [[1], [2], [512]], lane = [[4], [8], [16], [32], [64]], warp = [[128], [256]]>

// CHECK-LABEL: llvm.func @ragged
// CHECK-COUNT-2: @p ld.global.v4.b32
// CHECK-NOT:     @p ld.global
// CHECK-COUNT-2: @p st.global.v4.b32
// CHECK-NOT:     @p st.global
// CHECK:         llvm.return
func.func @ragged(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<4000xf32>
  %c = arith.constant 1024 : i32
  %id = tile.program_id 0
  %i = arith.muli %id, %c : i32
  %0 = tile.load %x[%i] : !tile.view<4000xf32> -> tensor<1024xf32, #v>
  tile.store %0, %x[%i] : tensor<1024xf32, #v>, !tile.view<4000xf32>
  return
}

// -----

// A run-time extent promises nothing: one element at a time, each checked.
#v = #tile.layout<[1024], register = [[1], [2], [512]], lane = [[4], [8], [16], [32], [64]], warp = [[128], [256]]>

// CHECK-LABEL: llvm.func @dynamic
// CHECK-SAME:    %{{.*}}: !llvm.ptr<1> {{.*}}, %[[N:.*]]: i32)
// CHECK:         llvm.icmp "ult" %{{.*}}, %[[N]]
// CHECK-COUNT-8: @p ld.global.b32
// CHECK-NOT:     ld.global
// CHECK-COUNT-8: @p st.global.b32
// CHECK-NOT:     st.global
// CHECK:         llvm.return
func.func @dynamic(%p: !llvm.ptr<1>, %n: i32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %x = tile.view %p extents %n : !llvm.ptr<1> -> !tile.view<?xf32>
  %c = arith.constant 1024 : i32
  %id = tile.program_id 0
  %i = arith.muli %id, %c : i32
  %0 = tile.load %x[%i] : !tile.view<?xf32> -> tensor<1024xf32, #v>
  tile.store %0, %x[%i] : tensor<1024xf32, #v>, !tile.view<?xf32>
  return
}

// -----

// Rows of 41 halves start at odd addresses: two bytes at a time.
#h = #tile.layout<[16, 64], register = [[0, 1], [0, 2], [8, 0], [4, 0], [0, 32]], lane = [[0, 4], [0, 8], [0, 16], [1, 0], [2, 0]]>

// CHECK-LABEL: llvm.func @odd_rows
// CHECK-COUNT-32: @p ld.global.b16
// CHECK-NOT:     ld.global
// CHECK:         llvm.return
func.func @odd_rows(%p: !llvm.ptr<1>, %n: i32) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %x = tile.view %p extents %n : !llvm.ptr<1> -> !tile.view<?x41xf16>
  %c0 = arith.constant 0 : i32
  %0 = tile.load %x[%c0, %c0] : !tile.view<?x41xf16> -> tensor<16x64xf16, #h>
  return
}

// -----

// Rows of two: what follows them in the tile is not what follows in memory.
#h = #tile.layout<[64, 2], register = [[0, 1], [1, 0]], lane = [[2, 0], [4, 0], [8, 0], [16, 0], [32, 0]]>

// CHECK-LABEL: llvm.func @short_rows
// CHECK-COUNT-2: llvm.store %{{.*}} {alignment = 8 : i64} : vector<2xi32>, !llvm.ptr<1>
// CHECK-NOT:     llvm.store
// CHECK:         llvm.return
func.func @short_rows(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<64x48xf32>
  %c0 = arith.constant 0 : i32
  %s = arith.constant 1.0 : f32
  %t = tile.splat %s : f32 -> tensor<64x2xf32, #h>
  tile.store %t, %x[%c0, %c0] : tensor<64x2xf32, #h>, !tile.view<64x48xf32>
  return
}

// -----

// Threads that hold copies of an element do not write it.
#r = #tile.layout<[8, 1], register = [[4, 0]], lane = [[0, 0], [0, 0], [0, 0], [1, 0], [2, 0]]>

// CHECK-LABEL: llvm.func @copies
// CHECK:         %[[SEVEN:.*]] = llvm.mlir.constant(7 : i32)
// CHECK:         %[[BITS:.*]] = llvm.and %{{.*}}, %[[SEVEN]]
// CHECK:         %[[FIRST:.*]] = llvm.icmp "eq" %[[BITS]], %{{.*}}
// CHECK:         %[[FLAG:.*]] = llvm.zext %[[FIRST]]
// CHECK:         llvm.inline_asm {{.*}}@p st.global.b32{{.*}} %[[FLAG]]
func.func @copies(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<8x1xf32>
  %c0 = arith.constant 0 : i32
  %s = arith.constant 0.0 : f32
  %v = tile.splat %s : f32 -> tensor<8x1xf32, #r>
  tile.store %v, %x[%c0, %c0] : tensor<8x1xf32, #r>, !tile.view<8x1xf32>
  return
}

// -----

// Atomic adds: words before sm_90, vectors of them from there on.
#v = #tile.layout<[1024], register = [[1], [2], [512]], lane = [[4], [8], [16], [32], [64]], warp = [[128], [256]]>

// CHECK-LABEL: llvm.func @f32_80
// CHECK-COUNT-8: @p red.relaxed.gpu.global.add.f32 [$1], $2
// CHECK-NOT:     red.relaxed
// CHECK:         llvm.return
func.func @f32_80(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<4096xf32>
  %c = arith.constant 1024 : i32
  %id = tile.program_id 0
  %i = arith.muli %id, %c : i32
  %s = arith.constant 1.0 : f32
  %v = tile.splat %s : f32 -> tensor<1024xf32, #v>
  %was = tile.atomic add %v, %x[%i] : tensor<1024xf32, #v>, !tile.view<4096xf32>
  return
}

// -----

#v = #tile.layout<[1024], register = [[1], [2], [512]], lane = [[4], [8], [16], [32], [64]], warp = [[128], [256]]>

// CHECK-LABEL: llvm.func @f32_90
// CHECK-COUNT-2: @p red.relaxed.gpu.global.add.v4.f32 [$1], {$2, $3, $4, $5}
// CHECK-NOT:     red.relaxed
// CHECK:         llvm.return
func.func @f32_90(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>, tile.shared_bytes = 0 : i32} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<4096xf32>
  %c = arith.constant 1024 : i32
  %id = tile.program_id 0
  %i = arith.muli %id, %c : i32
  %s = arith.constant 1.0 : f32
  %v = tile.splat %s : f32 -> tensor<1024xf32, #v>
  %was = tile.atomic add %v, %x[%i] : tensor<1024xf32, #v>, !tile.view<4096xf32>
  return
}

// -----

#v = #tile.layout<[1024], register = [[1], [2], [512]], lane = [[4], [8], [16], [32], [64]], warp = [[128], [256]]>

// CHECK-LABEL: llvm.func @f16_80
// CHECK-COUNT-4: @p red.relaxed.gpu.global.add.noftz.f16x2 [$1], $2
// CHECK-NOT:     red.relaxed
// CHECK:         llvm.return
func.func @f16_80(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<4096xf16>
  %c = arith.constant 1024 : i32
  %id = tile.program_id 0
  %i = arith.muli %id, %c : i32
  %s = arith.constant 1.0 : f16
  %v = tile.splat %s : f16 -> tensor<1024xf16, #v>
  %was = tile.atomic add %v, %x[%i] : tensor<1024xf16, #v>, !tile.view<4096xf16>
  return
}

// -----

#v = #tile.layout<[1024], register = [[1], [2], [512]], lane = [[4], [8], [16], [32], [64]], warp = [[128], [256]]>

// CHECK-LABEL: llvm.func @f16_90
// CHECK-COUNT-2: @p red.relaxed.gpu.global.add.noftz.v2.f16x2 [$1], {$2, $3}
// CHECK-NOT:     red.relaxed
// CHECK:         llvm.return
func.func @f16_90(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>, tile.shared_bytes = 0 : i32} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<4096xf16>
  %c = arith.constant 1024 : i32
  %id = tile.program_id 0
  %i = arith.muli %id, %c : i32
  %s = arith.constant 1.0 : f16
  %v = tile.splat %s : f16 -> tensor<1024xf16, #v>
  %was = tile.atomic add %v, %x[%i] : tensor<1024xf16, #v>, !tile.view<4096xf16>
  return
}

// -----

#v = #tile.layout<[1024], register = [[1], [2], [512]], lane = [[4], [8], [16], [32], [64]], warp = [[128], [256]]>

// CHECK-LABEL: llvm.func @bf16_90
// CHECK-COUNT-2: @p red.relaxed.gpu.global.add.noftz.v2.bf16x2 [$1], {$2, $3}
// CHECK-NOT:     red.relaxed
// CHECK:         llvm.return
func.func @bf16_90(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>, tile.shared_bytes = 0 : i32} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<4096xbf16>
  %c = arith.constant 1024 : i32
  %id = tile.program_id 0
  %i = arith.muli %id, %c : i32
  %s = arith.constant 1.0 : bf16
  %v = tile.splat %s : bf16 -> tensor<1024xbf16, #v>
  %was = tile.atomic add %v, %x[%i] : tensor<1024xbf16, #v>, !tile.view<4096xbf16>
  return
}

// -----

// 16 x 16 x 32 is two steps of k times two columns of fragments.
#a = #tile.layout<[16, 32], register = [[0, 1], [8, 0], [0, 8], [0, 16]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#b = #tile.layout<[32, 16], register = [[1, 0], [8, 0], [16, 0], [0, 8]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]]>
#c = #tile.layout<[16, 16], register = [[0, 1], [8, 0], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>

// CHECK-LABEL: llvm.func @dot_f16
// CHECK-COUNT-4: nvvm.mma.sync A[%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}] B[%{{.*}}, %{{.*}}] C[%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}] {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>} : (vector<2xf16>, vector<2xf16>, f32)
// CHECK-NOT:     nvvm.mma.sync
// CHECK:         llvm.return
func.func @dot_f16() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %s = arith.constant 1.0 : f16
  %z = arith.constant 0.0 : f32
  %a = tile.splat %s : f16 -> tensor<16x32xf16, #a>
  %b = tile.splat %s : f16 -> tensor<32x16xf16, #b>
  %c = tile.splat %z : f32 -> tensor<16x16xf32, #c>
  %d = tile.dot %a, %b, %c : tensor<16x32xf16, #a>, tensor<32x16xf16, #b>, tensor<16x16xf32, #c>
  return
}

// -----

#a = #tile.layout<[16, 32], register = [[0, 1], [8, 0], [0, 8], [0, 16]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#b = #tile.layout<[32, 16], register = [[1, 0], [8, 0], [16, 0], [0, 8]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]]>
#c = #tile.layout<[16, 16], register = [[0, 1], [8, 0], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>

// CHECK-LABEL: llvm.func @dot_bf16
// CHECK-COUNT-4: nvvm.mma.sync A[%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}] B[%{{.*}}, %{{.*}}] C[%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}] {{.*}}shape = #nvvm.shape<m = 16, n = 8, k = 16>} : (i32, i32, f32)
// CHECK-NOT:     nvvm.mma.sync
// CHECK:         llvm.return
func.func @dot_bf16() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %s = arith.constant 1.0 : bf16
  %z = arith.constant 0.0 : f32
  %a = tile.splat %s : bf16 -> tensor<16x32xbf16, #a>
  %b = tile.splat %s : bf16 -> tensor<32x16xbf16, #b>
  %c = tile.splat %z : f32 -> tensor<16x16xf32, #c>
  %d = tile.dot %a, %b, %c : tensor<16x32xbf16, #a>, tensor<32x16xbf16, #b>, tensor<16x16xf32, #c>
  return
}

// -----

// One piece of assembly a step of 16 k, for both groups of 64 rows; sums that
// begin with a group of scales do not read what was there.
#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
#w = #tile.layout<[64, 128], register = [[1, 0], [0, 8], [8, 0], [16, 0], [32, 0], [0, 64]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
#c = #tile.layout<[16, 128], register = [[1, 0], [0, 8], [8, 0], [0, 64]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
#g = #tile.layout<[2, 128], register = [[1, 0], [0, 8], [0, 64]], lane = [[0, 0], [0, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>

// The swizzle counts from multiples of 1024 bytes.
// CHECK:         llvm.mlir.global external @lath_shared() {addr_space = 3 : i32, alignment = 1024 : i64
// CHECK-LABEL: llvm.func @warpgroup_dot
// CHECK:         cp.async.wait.group 1
// CHECK-NEXT:    nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}
// CHECK:         %[[BITS:.*]] = llvm.mlir.constant(4611686293305360384 : i64)
// CHECK:         "{ .reg .pred p; setp.ne.b32 p, 0, 0; wgmma.fence.sync.aligned; wgmma.mma_async.sync.aligned.m64n16k16.f32.f16.f16 {$0, $1, $2, $3, $4, $5, $6, $7}, {$32, $33, $34, $35}, $40, p, 1, 1, 0; wgmma.mma_async.sync.aligned.m64n16k16.f32.f16.f16 {$8, $9, $10, $11, $12, $13, $14, $15}, {$36, $37, $38, $39}, $40, p, 1, 1, 0; }"
// CHECK:         setp.ne.b32 p, 1, 0; wgmma.fence
// CHECK:         wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;
// CHECK-COUNT-16: llvm.intr.fma
// CHECK:         setp.ne.b32 p, 0, 0; wgmma.fence
// CHECK:         setp.ne.b32 p, 1, 0; wgmma.fence
// CHECK:         wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0;
// CHECK-COUNT-16: llvm.intr.fma
// CHECK-NOT:     wgmma
// CHECK:         llvm.return
func.func @warpgroup_dot(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 2, mma = warpgroup, split = 1, order = interleaved, reduce = none, target = sm_90a>, tile.shared_bytes = 4096 : i32} {
  %slot = arith.constant 1 : i32
  %one = arith.constant 1.0 : f16
  %zero = arith.constant 0.0 : f32
  %out = tile.view %p : !llvm.ptr<1> -> !tile.view<64x512xf32>
  %x = tile.alloc {offset = 0 : i32} : !tile.buffer<2 of 16x64xf16, #x>
  %w = tile.splat %one : f16 -> tensor<64x128xf16, #w>
  %c = tile.splat %zero : f32 -> tensor<16x128xf32, #c>
  %g = tile.splat %one : f16 -> tensor<2x128xf16, #g>
  tile.async_wait 1 for_matrix_operands
  %s = tile.stage %x[%slot] : !tile.buffer<2 of 16x64xf16, #x> -> !tile.buffer<1 of 16x64xf16, #x>
  %d = tile.warpgroup_dot %s, %w, %c scales %g swapped : !tile.buffer<1 of 16x64xf16, #x>, tensor<64x128xf16, #w>, tensor<16x128xf32, #c>, tensor<2x128xf16, #g>
  tile.store %d, %out[%slot, %slot] : tensor<16x128xf32, #c>, !tile.view<64x512xf32>
  return
}

// -----

// Both from shared memory: a K-major, two groups of 64 rows, the second begins
// 64 * 128 bytes behind the first; b by k, in two panels of 64 columns, the
// second 16 * 128 bytes behind the first.
#a = #tile.layout<[128, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0], [16, 0], [32, 0], [64, 0]]>
#b = #tile.layout<[64, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0], [16, 0], [32, 0], [0, 64]]>
#c = #tile.layout<[128, 128], register = [[8, 0], [0, 1], [0, 8], [0, 16], [0, 32], [0, 64]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[16, 0], [32, 0], [64, 0]]>

// CHECK-LABEL: llvm.func @shared_operands
// CHECK-DAG:     llvm.mlir.constant(4611686293305360384 : i64)
// CHECK-DAG:     llvm.mlir.constant(4611686293338849280 : i64)
// CHECK:         "{ .reg .pred p; setp.ne.b32 p, 1, 0; wgmma.fence.sync.aligned; wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {$0, {{[^}]*}}$63}, $129, $128, p, 1, 1, 0, 1; wgmma.mma_async.sync.aligned.m64n128k16.f32.f16.f16 {$0, {{[^}]*}}$63}, $131, $130, p, 1, 1, 0, 1; {{.*}}$133, $132{{.*}}$135, $134, p, 1, 1, 0, 1; wgmma.commit_group.sync.aligned; wgmma.wait_group.sync.aligned 0; }"
// CHECK-NOT:     wgmma
// CHECK:         llvm.return
func.func @shared_operands(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 8, stages = 2, mma = warpgroup, split = 1, order = interleaved, reduce = none, target = sm_90a>, tile.shared_bytes = 4096 : i32} {
  %slot = arith.constant 1 : i32
  %zero = arith.constant 0.0 : f32
  %out = tile.view %p : !llvm.ptr<1> -> !tile.view<128x512xf32>
  %x = tile.alloc {offset = 0 : i32} : !tile.buffer<2 of 128x64xf16, #a>
  %y = tile.alloc {offset = 32768 : i32} : !tile.buffer<2 of 64x128xf16, #b>
  %c = tile.splat %zero : f32 -> tensor<128x128xf32, #c>
  %a = tile.stage %x[%slot] : !tile.buffer<2 of 128x64xf16, #a> -> !tile.buffer<1 of 128x64xf16, #a>
  %b = tile.stage %y[%slot] : !tile.buffer<2 of 64x128xf16, #b> -> !tile.buffer<1 of 64x128xf16, #b>
  %d = tile.warpgroup_dot %a, %b, %c : !tile.buffer<1 of 128x64xf16, #a>, !tile.buffer<1 of 64x128xf16, #b>, tensor<128x128xf32, #c>
  tile.store %d, %out[%slot, %slot] : tensor<128x128xf32, #c>, !tile.view<128x512xf32>
  return
}

// -----

// Pairs of four lanes side by side are what ldmatrix hands out: two matrices
// along k for each eight columns, four at a time.
#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
#b = #tile.layout<[16, 64], register = [[0, 1], [0, 8], [0, 16], [0, 32], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#n = #tile.layout<[8, 16], register = [[0, 1], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#r = #tile.layout<[8, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>

// CHECK-LABEL: llvm.func @matrices
// CHECK-COUNT-4: nvvm.ldmatrix {{.*}}num = 4 : i32{{.*}} -> !llvm.struct<(i32, i32, i32, i32)>
// CHECK-COUNT-1: nvvm.ldmatrix {{.*}}num = 2 : i32{{.*}} -> !llvm.struct<(i32, i32)>
// CHECK-NOT:     ldmatrix
// CHECK-NOT:     llvm.load
// CHECK:         llvm.return
func.func @matrices() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 4096 : i32} {
  %slot = arith.constant 0 : i32
  %x = tile.alloc {offset = 0 : i32} : !tile.buffer<1 of 16x64xf16, #x>
  %0 = tile.local_load %x[%slot] : !tile.buffer<1 of 16x64xf16, #x> -> tensor<16x64xf16, #b>
  %r = tile.alloc {offset = 2048 : i32} : !tile.buffer<1 of 8x16xf16, #r>
  %1 = tile.local_load %r[%slot] : !tile.buffer<1 of 8x16xf16, #r> -> tensor<8x16xf16, #n>
  return
}

// -----

// Eight weights: four lop3 with a mask and a magic number, a difference and a
// product for each pair.
#q = #tile.layout<[32, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]]>
#w = #tile.layout<[32, 8], register = [[4, 0], [1, 0], [2, 0]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]]>
#s = #tile.layout<[1, 8], lane = [[0, 0], [0, 0], [0, 1], [0, 2], [0, 4]]>

// CHECK-LABEL: llvm.func @dequant_f16
// CHECK-COUNT-4: "lop3.b32 $0, $1, $2, $3, 0xEA;", "=r,r,n,r"
// CHECK-NOT:     lop3
// CHECK:         llvm.return
func.func @dequant_f16(%p: !llvm.ptr<1>, %ps: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<32x8xi4, packed = 0>
  %y = tile.view %ps : !llvm.ptr<1> -> !tile.view<1x8xf16>
  %q = tile.load %x[%c0, %c0] : !tile.view<32x8xi4, packed = 0> -> tensor<32x8xi4, #q>
  %s = tile.load %y[%c0, %c0] : !tile.view<1x8xf16> -> tensor<1x8xf16, #s>
  %w = tile.dequant %q, %s : tensor<32x8xi4, #q>, tensor<1x8xf16, #s> -> tensor<32x8xf16, #w>
  return
}

// -----

// bf16 has room for the low nibble only: one magic number, 0x4300.
#q = #tile.layout<[32, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]]>
#w = #tile.layout<[32, 8], register = [[4, 0], [1, 0], [2, 0]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]]>
#s = #tile.layout<[1, 8], lane = [[0, 0], [0, 0], [0, 1], [0, 2], [0, 4]]>

// CHECK-LABEL: llvm.func @dequant_bf16
// CHECK:         llvm.mlir.constant(1124090624 : i32)
// CHECK:         lop3
// CHECK:         llvm.fsub %{{.*}} : vector<2xbf16>
// CHECK-NEXT:    llvm.fmul %{{.*}} : vector<2xbf16>
func.func @dequant_bf16(%p: !llvm.ptr<1>, %ps: !llvm.ptr<1>, %pz: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<32x8xi4, packed = 0>
  %y = tile.view %ps : !llvm.ptr<1> -> !tile.view<1x8xbf16>
  %v = tile.view %pz : !llvm.ptr<1> -> !tile.view<1x8xi4, packed = 1>
  %q = tile.load %x[%c0, %c0] : !tile.view<32x8xi4, packed = 0> -> tensor<32x8xi4, #q>
  %s = tile.load %y[%c0, %c0] : !tile.view<1x8xbf16> -> tensor<1x8xbf16, #s>
  %z = tile.load %v[%c0, %c0] : !tile.view<1x8xi4, packed = 1> -> tensor<1x8xi4, #s>
  %w = tile.dequant %q, %s zeros %z {zero_offset = 1 : i32} : tensor<32x8xi4, #q>, tensor<1x8xbf16, #s>, tensor<1x8xi4, #s> -> tensor<32x8xbf16, #w>
  return
}

// -----

// Bytes: q + 128 beside the byte of 1024, in their order.
#q = #tile.layout<[32, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]]>
#s = #tile.layout<[1, 8], lane = [[0, 0], [0, 0], [0, 1], [0, 2], [0, 4]]>

// CHECK-LABEL: llvm.func @bytes_f16
// CHECK:         llvm.xor
// CHECK:         "prmt.b32 $0, $1, $2, $3;", "=r,r,r,n"
// CHECK:         llvm.fsub %{{.*}} : vector<2xf16>
// CHECK-NEXT:    llvm.fmul %{{.*}} : vector<2xf16>
// CHECK-COUNT-3: "prmt.b32 $0, $1, $2, $3;", "=r,r,r,n"
// CHECK-NOT:     prmt
// CHECK:         llvm.return
func.func @bytes_f16(%p: !llvm.ptr<1>, %ps: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<32x8xsi8, packed = 0>
  %y = tile.view %ps : !llvm.ptr<1> -> !tile.view<1x8xf16>
  %q = tile.load %x[%c0, %c0] : !tile.view<32x8xsi8, packed = 0> -> tensor<32x8xsi8, #q>
  %s = tile.load %y[%c0, %c0] : !tile.view<1x8xf16> -> tensor<1x8xf16, #s>
  %w = tile.dequant %q, %s : tensor<32x8xsi8, #q>, tensor<1x8xf16, #s> -> tensor<32x8xf16, #q>
  return
}

// -----

// bf16 by way of fp32, 2^23 + 128 + q.
#q = #tile.layout<[32, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]]>

// CHECK-LABEL: llvm.func @bytes_bf16
// CHECK:         "prmt.b32 $0, $1, $2, $3;", "=r,r,r,n"
// CHECK:         llvm.fsub %{{.*}} : f32
// CHECK:         "prmt.b32 $0, $1, $2, $3;", "=r,r,r,n"
// CHECK:         llvm.fsub %{{.*}} : f32
// CHECK:         llvm.fptrunc %{{.*}} : vector<2xf32> to vector<2xbf16>
// CHECK-COUNT-6: "prmt.b32 $0, $1, $2, $3;", "=r,r,r,n"
// CHECK-NOT:     prmt
// CHECK:         llvm.return
func.func @bytes_bf16(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<32x8xsi8, packed = 0>
  %q = tile.load %x[%c0, %c0] : !tile.view<32x8xsi8, packed = 0> -> tensor<32x8xsi8, #q>
  %w = tile.unpack %q : tensor<32x8xsi8, #q> -> tensor<32x8xbf16, #q>
  return
}

// -----

// Whole numbers need no scale: four differences of pairs, no product.
#q = #tile.layout<[32, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]]>
#w = #tile.layout<[32, 8], register = [[4, 0], [1, 0], [2, 0]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]]>

// CHECK-LABEL: llvm.func @unpack
// CHECK-COUNT-4: llvm.fsub %{{.*}} : vector<2xf16>
// CHECK-NOT:     llvm.fsub
// CHECK-NOT:     llvm.fmul
// CHECK:         llvm.return
func.func @unpack(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<32x8xi4, packed = 0>
  %q = tile.load %x[%c0, %c0] : !tile.view<32x8xi4, packed = 0> -> tensor<32x8xi4, #q>
  %w = tile.unpack %q : tensor<32x8xi4, #q> -> tensor<32x8xf16, #w>
  return
}

// -----

// Two warps add up their halves of k: each stores its four sums and reads
// back the two that it keeps, from both.
#p = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[0, 0]]>
#s = #tile.layout<[16, 8], register = [[0, 1]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[8, 0]]>

// CHECK-LABEL: llvm.func @sum_warps
// CHECK-COUNT-4: llvm.store %{{.*}} : f32, !llvm.ptr<3>
// CHECK-NOT:     llvm.store
// CHECK:         nvvm.barrier
// CHECK-COUNT-2: llvm.fadd
// CHECK-NOT:     llvm.fadd
// CHECK:         llvm.return
func.func @sum_warps() attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c = arith.constant 1.0 : f32
  %0 = tile.splat %c : f32 -> tensor<16x8xf32, #p>
  %1 = tile.sum_warps %0 {k_warps = 2 : i32, tile.scratch = 0 : i32} : tensor<16x8xf32, #p> -> tensor<16x8xf32, #s>
  return
}

// -----

// An elementwise operation of a tile and a scalar: two elements a lane.
#e = #tile.layout<[64], register = [[32]], lane = [[1], [2], [4], [8], [16]]>

// CHECK-LABEL: llvm.func @tile_and_scalar
// CHECK-SAME:    %{{[a-z0-9]+}}: !llvm.ptr<1> {{{.*}}}, %[[C:[a-z0-9]+]]: i1,
// CHECK-COUNT-2: arith.select %[[C]], %{{.*}}, %{{.*}} : f32
// CHECK-NOT:     arith.select
func.func @tile_and_scalar(%p: !llvm.ptr<1>, %c: i1, %z: f32) attributes {tile.schedule = #tile.schedule<warps = 1, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %zero = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<64xf32>
  %a = tile.load %x[%zero] : !tile.view<64xf32> -> tensor<64xf32, #e>
  %b = tile.splat %z : f32 -> tensor<64xf32, #e>
  %s = arith.select %c, %a, %b : tensor<64xf32, #e>
  tile.store %s, %x[%zero] : tensor<64xf32, #e>, !tile.view<64xf32>
  return
}

// -----

// In a loop the readers of the step before come first.
#p = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[0, 0]]>
#s = #tile.layout<[16, 8], register = [[0, 1]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[8, 0]]>

// CHECK-LABEL: llvm.func @sum_warps_in_a_loop
// CHECK:         scf.for
// CHECK:           nvvm.barrier
// CHECK:           llvm.store
// CHECK:           nvvm.barrier
// CHECK:           llvm.load
func.func @sum_warps_in_a_loop(%lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c = arith.constant 1.0 : f32
  %0 = tile.splat %c : f32 -> tensor<16x8xf32, #p>
  scf.for %i = %lo to %hi step %st : i32 {
    %1 = tile.sum_warps %0 {k_warps = 2 : i32, tile.scratch = 0 : i32} : tensor<16x8xf32, #p> -> tensor<16x8xf32, #s>
  }
  return
}

// -----

// Each group of k is summed on its own, then scaled into the total: two
// groups of 16, four sums a lane each.
#a = #tile.layout<[16, 32], register = [[0, 1], [8, 0], [0, 8], [0, 16]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#b = #tile.layout<[32, 8], register = [[1, 0], [8, 0], [16, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]]>
#c = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#g = #tile.layout<[2, 8], register = [[1, 0], [0, 1]], lane = [[0, 2], [0, 4], [0, 0], [0, 0], [0, 0]]>

// CHECK-LABEL: llvm.func @scaled_dot
// CHECK:         nvvm.mma.sync
// CHECK-COUNT-4: llvm.intr.fma(%{{.*}}) : (f32, f32, f32) -> f32
// CHECK:         nvvm.mma.sync
// CHECK-COUNT-4: llvm.intr.fma(%{{.*}}) : (f32, f32, f32) -> f32
// CHECK-NOT:     llvm.intr.fma
// CHECK:         llvm.return
func.func @scaled_dot() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %s = arith.constant 1.0 : f16
  %z = arith.constant 0.0 : f32
  %a = tile.splat %s : f16 -> tensor<16x32xf16, #a>
  %b = tile.splat %s : f16 -> tensor<32x8xf16, #b>
  %c = tile.splat %z : f32 -> tensor<16x8xf32, #c>
  %g = tile.splat %s : f16 -> tensor<2x8xf16, #g>
  %d = tile.dot %a, %b, %c scales %g : tensor<16x32xf16, #a>, tensor<32x8xf16, #b>, tensor<16x8xf32, #c>, tensor<2x8xf16, #g>
  return
}

// -----

// A row over eight lanes and two warps: one pair in registers, three
// shuffles, one exchange through shared memory.
#x = #tile.layout<[4, 32], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]], warp = [[0, 16]]>
#r = #tile.layout<[4, 1], lane = [[0, 0], [0, 0], [0, 0], [1, 0], [2, 0]], warp = [[0, 0]]>

// CHECK-LABEL: llvm.func @reduce
// CHECK:         llvm.intr.maximum
// CHECK-COUNT-3: nvvm.shfl.sync bfly
// CHECK-NOT:     nvvm.shfl
// CHECK:         nvvm.barrier
// CHECK:         llvm.store %{{.*}} : f32, !llvm.ptr<3>
// CHECK:         nvvm.barrier
// CHECK-COUNT-2: llvm.load %{{.*}} : !llvm.ptr<3> -> f32
// CHECK:         llvm.intr.maximum
func.func @reduce(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<4x32xf32>
  %t = tile.load %x[%c0, %c0] : !tile.view<4x32xf32> -> tensor<4x32xf32, #x>
  %m = tile.reduce max %t dim 1 {tile.scratch = 0 : i32} : tensor<4x32xf32, #x> -> tensor<4x1xf32, #r>
  return
}

// -----

// One condition an element: of the start, the lane and the register.
#v = #tile.layout<[1024], register = [[1], [2], [512]], lane = [[4], [8], [16], [32], [64]], warp = [[128], [256]]>

// CHECK-LABEL: llvm.func @inside
// CHECK:         %[[INF:.*]] = {{.*}}constant{{.*}}0xFF800000 : f32
// CHECK-COUNT-8: arith.select %{{.*}}, %{{.*}}, %[[INF]]
// CHECK-NOT:     arith.select
func.func @inside(%p: !llvm.ptr<1>, %s: f32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %inf = arith.constant 0xFF800000 : f32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<1000xf32>
  %t = tile.splat %s : f32 -> tensor<1024xf32, #v>
  %o = tile.splat %inf : f32 -> tensor<1024xf32, #v>
  %in = tile.inside %x[%c0] : !tile.view<1000xf32> -> tensor<1024xi1, #v>
  %m = arith.select %in, %t, %o : tensor<1024xi1, #v>, tensor<1024xf32, #v>
  tile.store %m, %x[%c0] : tensor<1024xf32, #v>, !tile.view<1000xf32>
  return
}

// -----

// Two values narrow with one instruction; math has approximate instructions.
#v = #tile.layout<[1024], register = [[1], [2], [512]], lane = [[4], [8], [16], [32], [64]], warp = [[128], [256]]>

// CHECK-LABEL: llvm.func @elementwise
// CHECK-COUNT-8: arith.addf %{{.*}} : f32
// CHECK-COUNT-8: "ex2.approx.ftz.f32 $0, $1;"
// CHECK-COUNT-8: "tanh.approx.f32 $0, $1;"
// CHECK-COUNT-8: "sqrt.approx.f32 $0, $1;"
// CHECK-COUNT-8: "rsqrt.approx.f32 $0, $1;"
// CHECK-COUNT-4: llvm.fptrunc %{{.*}} : vector<2xf32> to vector<2xf16>
// CHECK-COUNT-8: llvm.fpext %{{.*}} : f16 to f32
func.func @elementwise(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %s = arith.constant 1.0 : f32
  %t = tile.splat %s : f32 -> tensor<1024xf32, #v>
  %0 = arith.addf %t, %t : tensor<1024xf32, #v>
  %1 = math.exp2 %0 : tensor<1024xf32, #v>
  %2 = math.tanh %1 : tensor<1024xf32, #v>
  %3 = math.sqrt %2 : tensor<1024xf32, #v>
  %4 = math.rsqrt %3 : tensor<1024xf32, #v>
  %5 = tile.cast %4 : tensor<1024xf32, #v> -> tensor<1024xf16, #v>
  %6 = tile.cast %5 : tensor<1024xf16, #v> -> tensor<1024xf32, #v>
  return
}

// -----

// Sixteen bytes a lane, in and out of shared memory and into it from global.
#l = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
#r = #tile.layout<[16, 64], register = [[0, 1], [0, 2], [0, 4], [8, 0], [0, 32]], lane = [[0, 8], [0, 16], [1, 0], [2, 0], [4, 0]]>

// CHECK-LABEL: llvm.func @shared
// CHECK:         llvm.mlir.addressof @lath_shared
// CHECK-COUNT-4: "cp.async.cg.shared.global [$0], [$1], 16, $2;"
// CHECK-NOT:     "cp.async
// CHECK:         nvvm.cp.async.commit.group
// CHECK:         nvvm.cp.async.wait.group 1
// CHECK:         nvvm.barrier
// CHECK-COUNT-4: llvm.load %{{.*}} {alignment = 16 : i64} : !llvm.ptr<3> -> vector<8xf16>
// CHECK-NOT:     llvm.load
// CHECK-COUNT-4: llvm.store %{{.*}} {alignment = 16 : i64} : vector<8xf16>, !llvm.ptr<3>
// CHECK-NOT:     llvm.store
func.func @shared(%p: !llvm.ptr<1>, %m: i32, %slot: i32) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p extents %m : !llvm.ptr<1> -> !tile.view<?x4096xf16>
  %b = tile.alloc {offset = 256 : i32} : !tile.buffer<4 of 16x64xf16, #l>
  tile.async_copy %x[%c0, %c0], %b[%slot] : !tile.view<?x4096xf16>, !tile.buffer<4 of 16x64xf16, #l>
  tile.async_commit
  tile.async_wait 1
  tile.barrier
  %t = tile.local_load %b[%slot] : !tile.buffer<4 of 16x64xf16, #l> -> tensor<16x64xf16, #r>
  tile.local_store %t, %b[%slot] : tensor<16x64xf16, #r>, !tile.buffer<4 of 16x64xf16, #l>
  return
}

// -----

// Fewer chunks than lanes: the others copy nothing.
#l = #tile.layout<[1, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]]>

// CHECK-LABEL: llvm.func @few_chunks
// CHECK:         llvm.icmp "ult" %{{.*}}, %{{.*}}
// CHECK:         setp.ne.b32 p, $2, 0; @p cp.async.cg.shared.global [$0], [$1], 16;
// CHECK-NOT:     cp.async
// CHECK:         llvm.return
func.func @few_chunks(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<64x4096xf16>
  %b = tile.alloc {offset = 0 : i32} : !tile.buffer<1 of 1x32xf16, #l>
  tile.async_copy %x[%c0, %c0], %b[%c0] : !tile.view<64x4096xf16>, !tile.buffer<1 of 1x32xf16, #l>
  return
}

// -----

// Sums of a split: plain and atomic, and the ticket.
#c = #tile.layout<[16, 16], register = [[0, 1], [8, 0], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>

// CHECK-LABEL: llvm.func @partial_80
// CHECK-COUNT-2: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
// CHECK-NOT:     llvm.store
// CHECK-COUNT-8: "red.relaxed.gpu.global.add.f32 [$0], $1;"
// CHECK-COUNT-2: "ld.relaxed.gpu.global.v4.f32 {$0, $1, $2, $3}, [$4];"
// CHECK:         fence.acq_rel.gpu; @p atom.relaxed.gpu.global.inc.u32 t, [$1], $2; @p fence.acq_rel.gpu
// CHECK:         llvm.icmp "eq"
func.func @partial_80(%ws: !llvm.ptr<1>, %tickets: !llvm.ptr<1>, %i: i32) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %z = arith.constant 0.0 : f32
  %t = tile.splat %z : f32 -> tensor<16x16xf32, #c>
  tile.partial_store %t, %ws[%i] : tensor<16x16xf32, #c>, !llvm.ptr<1>
  tile.partial_store %t, %ws[%i] atomic : tensor<16x16xf32, #c>, !llvm.ptr<1>
  %u = tile.partial_load %ws[%i] : !llvm.ptr<1> -> tensor<16x16xf32, #c>
  %last = tile.arrive %tickets[%i] of 8 {tile.scratch = 0 : i32} : !llvm.ptr<1>
  return
}

// -----

#c = #tile.layout<[16, 16], register = [[0, 1], [8, 0], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>

// CHECK-LABEL: llvm.func @partial_90
// CHECK-COUNT-2: llvm.store %{{.*}} {alignment = 16 : i64} : vector<4xf32>, !llvm.ptr<1>
// CHECK-NOT:     llvm.store
// CHECK-COUNT-2: "red.relaxed.gpu.global.add.v4.f32 [$0], {$1, $2, $3, $4};"
// CHECK-COUNT-2: "ld.relaxed.gpu.global.v4.f32 {$0, $1, $2, $3}, [$4];"
// CHECK:         fence.acq_rel.gpu; @p atom.relaxed.gpu.global.inc.u32 t, [$1], $2; @p fence.acq_rel.gpu
// CHECK:         llvm.icmp "eq"
func.func @partial_90(%ws: !llvm.ptr<1>, %tickets: !llvm.ptr<1>, %i: i32) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>, tile.shared_bytes = 0 : i32} {
  %z = arith.constant 0.0 : f32
  %t = tile.splat %z : f32 -> tensor<16x16xf32, #c>
  tile.partial_store %t, %ws[%i] : tensor<16x16xf32, #c>, !llvm.ptr<1>
  tile.partial_store %t, %ws[%i] atomic : tensor<16x16xf32, #c>, !llvm.ptr<1>
  %u = tile.partial_load %ws[%i] : !llvm.ptr<1> -> tensor<16x16xf32, #c>
  %last = tile.arrive %tickets[%i] of 8 {tile.scratch = 0 : i32} : !llvm.ptr<1>
  return
}

// -----

// Renamed registers only.
#a = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#t = #tile.layout<[16, 4], register = [[1, 0]], lane = [[2, 0], [4, 0], [8, 0], [0, 1], [0, 2]]>
#f = #tile.layout<[64], register = [[1]], lane = [[2], [4], [8], [16], [32]]>
#o = #tile.layout<[1, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [0, 0], [0, 0]]>

// CHECK-LABEL: llvm.func @shapes
// CHECK-NOT:     llvm.load
// CHECK:         %[[ONE:.*]] = arith.constant 1.0
// CHECK-NEXT:    llvm.return
func.func @shapes() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %s = arith.constant 1.0 : f32
  %o = tile.splat %s : f32 -> tensor<1x16xf32, #o>
  %a = tile.broadcast %o : tensor<1x16xf32, #o> -> tensor<4x16xf32, #a>
  %t = tile.transpose %a : tensor<4x16xf32, #a> -> tensor<16x4xf32, #t>
  %f = tile.reshape %a : tensor<4x16xf32, #a> -> tensor<64xf32, #f>
  return
}

// -----

#v = #tile.layout<[1024], register = [[1], [2], [512]], lane = [[4], [8], [16], [32], [64]], warp = [[128], [256]]>

func.func @bf16_80(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<4096xbf16>
  %s = arith.constant 1.0 : bf16
  %v = tile.splat %s : bf16 -> tensor<1024xbf16, #v>
  // expected-error @+2 {{atomic adds of bf16 need sm_90 or later, got sm_80}}
  // expected-error @+1 {{failed to legalize operation 'tile.atomic'}}
  %was = tile.atomic add %v, %x[%c0] : tensor<1024xbf16, #v>, !tile.view<4096xbf16>
  return
}

// -----

#v = #tile.layout<[1024], register = [[1], [2], [512]], lane = [[4], [8], [16], [32], [64]], warp = [[128], [256]]>

// Without neighbours in a lane, one at a time.
// CHECK-LABEL: llvm.func @f16_singles
// CHECK: red.relaxed.gpu.global.add.noftz.f16 [$1], $2
func.func @f16_singles(%p: !llvm.ptr<1>, %n: i32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p extents %n : !llvm.ptr<1> -> !tile.view<?xf16>
  %s = arith.constant 1.0 : f16
  %v = tile.splat %s : f16 -> tensor<1024xf16, #v>
  %was = tile.atomic add %v, %x[%c0] : tensor<1024xf16, #v>, !tile.view<?xf16>
  return
}

// -----

#q = #tile.layout<[32, 8], register = [[0, 1], [0, 2], [0, 4]], lane = [[1, 0], [2, 0], [4, 0], [8, 0], [16, 0]]>
#s = #tile.layout<[1, 8], register = [[0, 1], [0, 2], [0, 4]], lane = [[0, 0], [0, 0], [0, 0], [0, 0], [0, 0]]>

func.func @nibbles_apart(%p: !llvm.ptr<1>, %ps: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<32x8xi4, packed = 0>
  %y = tile.view %ps : !llvm.ptr<1> -> !tile.view<1x8xf16>
  %q = tile.load %x[%c0, %c0] : !tile.view<32x8xi4, packed = 0> -> tensor<32x8xi4, #q>
  %s = tile.load %y[%c0, %c0] : !tile.view<1x8xf16> -> tensor<1x8xf16, #s>
  // expected-error @+2 {{expected eight elements of a word in one lane, elements i and i + 4 of one column and group, got [32, 8] register = [(0, 1), (0, 2), (0, 4)]}}
  // expected-error @+1 {{failed to legalize operation 'tile.dequant'}}
  %w = tile.dequant %q, %s : tensor<32x8xi4, #q>, tensor<1x8xf16, #s> -> tensor<32x8xf16, #q>
  return
}

// -----

#q = #tile.layout<[32, 8], register = [[1, 0], [2, 0], [4, 0]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]]>
#w = #tile.layout<[32, 8], register = [[4, 0], [1, 0], [2, 0]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]]>
#s = #tile.layout<[1, 8], lane = [[0, 1], [0, 2], [0, 4], [0, 0], [0, 0]]>

func.func @scales_apart(%p: !llvm.ptr<1>, %ps: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<32x8xi4, packed = 0>
  %y = tile.view %ps : !llvm.ptr<1> -> !tile.view<1x8xf16>
  %q = tile.load %x[%c0, %c0] : !tile.view<32x8xi4, packed = 0> -> tensor<32x8xi4, #q>
  %s = tile.load %y[%c0, %c0] : !tile.view<1x8xf16> -> tensor<1x8xf16, #s>
  // expected-error @+2 {{scales or zeros lie in other lanes than the weights}}
  // expected-error @+1 {{failed to legalize operation 'tile.dequant'}}
  %w = tile.dequant %q, %s : tensor<32x8xi4, #q>, tensor<1x8xf16, #s> -> tensor<32x8xf16, #w>
  return
}

// -----

#l = #tile.layout<[8], offset = [[1], [2], [4]]>
func.func @no_offset() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  // expected-error @+2 {{expected an offset: allocate-shared has not run}}
  // expected-error @+1 {{failed to legalize operation 'tile.alloc'}}
  %b = tile.alloc : !tile.buffer<1 of 8xf16, #l>
  return
}

// -----

#a = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#b = #tile.layout<[4, 16], register = [[2, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0]]>
func.func @other_lanes() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %s = arith.constant 1.0 : f32
  %0 = tile.splat %s : f32 -> tensor<4x16xf32, #a>
  // expected-error @+2 {{source and result lie in different lanes: [4, 16] register = [(0, 1)]}}
  // expected-error @+1 {{failed to legalize operation 'tile.convert_layout'}}
  %1 = tile.convert_layout %0 : tensor<4x16xf32, #a> -> tensor<4x16xf32, #b>
  return
}

// -----

#q = #tile.layout<[32, 8], register = [[0, 1], [0, 2], [0, 4]], lane = [[1, 0], [2, 0], [4, 0], [8, 0], [16, 0]]>
#s = #tile.layout<[1, 8], register = [[0, 1], [0, 2], [0, 4]], lane = [[0, 0], [0, 0], [0, 0], [0, 0], [0, 0]]>

func.func @bytes_apart(%p: !llvm.ptr<1>, %ps: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<32x8xsi8, packed = 0>
  %q = tile.load %x[%c0, %c0] : !tile.view<32x8xsi8, packed = 0> -> tensor<32x8xsi8, #q>
  %y = tile.view %ps : !llvm.ptr<1> -> !tile.view<1x8xf16>
  %s = tile.load %y[%c0, %c0] : !tile.view<1x8xf16> -> tensor<1x8xf16, #s>
  // expected-error @+2 {{expected four elements of a word in one lane, elements 2 i and 2 i + 1 of one column and group, got [32, 8] register = [(0, 1), (0, 2), (0, 4)]}}
  // expected-error @+1 {{failed to legalize operation 'tile.dequant'}}
  %w = tile.dequant %q, %s : tensor<32x8xsi8, #q>, tensor<1x8xf16, #s> -> tensor<32x8xf16, #q>
  return
}

// -----

#q = #tile.layout<[8, 32], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]]>
#t = #tile.layout<[32, 8], register = [[0, 1], [0, 2], [0, 4]], lane = [[1, 0], [2, 0], [4, 0], [8, 0], [16, 0]]>
func.func @packed_transpose(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<8x32xi4, packed = 0>
  %q = tile.load %x[%c0, %c0] : !tile.view<8x32xi4, packed = 0> -> tensor<8x32xi4, #q>
  // expected-error @+2 {{eight 4-bit elements share a register and stay where they are}}
  // expected-error @+1 {{failed to legalize operation 'tile.transpose'}}
  %t = tile.transpose %q : tensor<8x32xi4, #q> -> tensor<32x8xi4, #t>
  return
}

// -----

#x = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#r = #tile.layout<[4, 1], register = [[1, 0], [2, 0]], lane = [[0, 0], [0, 0], [0, 0], [0, 0], [0, 0]]>
func.func @not_the_slice() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %s = arith.constant 1.0 : f32
  %0 = tile.splat %s : f32 -> tensor<4x16xf32, #x>
  // expected-error @+2 {{the result's layout is not the source's slice: [4, 1]}}
  // expected-error @+1 {{failed to legalize operation 'tile.reduce'}}
  %1 = tile.reduce add %0 dim 1 : tensor<4x16xf32, #x> -> tensor<4x1xf32, #r>
  return
}

// -----

#a = #tile.layout<[16, 16], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[0, 8]]>
#b = #tile.layout<[16, 8], register = [[1, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[8, 0]]>
#c = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[0, 0]]>
func.func @k_in_warps() attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %s = arith.constant 1.0 : f16
  %z = arith.constant 0.0 : f32
  %a = tile.splat %s : f16 -> tensor<16x16xf16, #a>
  %b = tile.splat %s : f16 -> tensor<16x8xf16, #b>
  %c = tile.splat %z : f32 -> tensor<16x8xf32, #c>
  // expected-error @+2 {{expected a fragment's registers along rows and k}}
  // expected-error @+1 {{failed to legalize operation 'tile.dot'}}
  %d = tile.dot %a, %b, %c : tensor<16x16xf16, #a>, tensor<16x8xf16, #b>, tensor<16x8xf32, #c>
  return
}

// -----

#x = #tile.layout<[4, 16], register = [[1, 1]], lane = [[0, 2], [0, 4], [0, 8], [0, 1], [2, 0]]>
#r = #tile.layout<[4, 1], register = [[1, 0]], lane = [[0, 0], [0, 0], [0, 0], [0, 0], [2, 0]]>
func.func @mixed() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %s = arith.constant 1.0 : f32
  %0 = tile.splat %s : f32 -> tensor<4x16xf32, #x>
  // expected-error @+2 {{a layout basis mixes the reduced dimension with others: [4, 16] register = [(1, 1)]}}
  // expected-error @+1 {{failed to legalize operation 'tile.reduce'}}
  %1 = tile.reduce add %0 dim 1 : tensor<4x16xf32, #x> -> tensor<4x1xf32, #r>
  return
}

// -----

#l = #tile.layout<[1, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]]>
func.func @two_bytes(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<64x41xf16>
  %b = tile.alloc {offset = 0 : i32} : !tile.buffer<1 of 1x32xf16, #l>
  // expected-error @+2 {{cp.async moves at least 4 bytes, got 2}}
  // expected-error @+1 {{failed to legalize operation 'tile.async_copy'}}
  tile.async_copy %x[%c0, %c0], %b[%c0] : !tile.view<64x41xf16>, !tile.buffer<1 of 1x32xf16, #l>
  return
}

// -----

#p = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[0, 0]]>
func.func @not_scattered() attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c = arith.constant 1.0 : f32
  %0 = tile.splat %c : f32 -> tensor<16x8xf32, #p>
  // expected-error @+2 {{expected the result scattered over the warps, got [16, 8]}}
  // expected-error @+1 {{failed to legalize operation 'tile.sum_warps'}}
  %1 = tile.sum_warps %0 {k_warps = 2 : i32, tile.scratch = 0 : i32} : tensor<16x8xf32, #p> -> tensor<16x8xf32, #p>
  return
}

// -----

// Two registers for each of two blocks, one vector, sent with the word that so
// many bytes have come: of each thread, 64 threads of two blocks, 8 bytes. Then
// the sum of four sources: two blocks of two warps. Each block has 16 rows of 8,
// two registers a lane; one lane bit of the k warps finds no register.
#p = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[0, 0]]>
#s = #tile.layout<[16, 8], register = [[0, 1]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[0, 0]], block = [[8, 0]]>

// CHECK-LABEL: llvm.func @sum_cluster
// CHECK-SAME:    nvvm.cluster_dim = array<i32: 1, 1, 2>
// CHECK:         "fence.mbarrier_init.release.cluster;", "~{memory}"
// CHECK:         nvvm.cluster.arrive.relaxed {aligned}
// CHECK:         nvvm.cluster.wait {aligned}
// CHECK:         nvvm.mapa %{{.*}}, %{{.*}} : !llvm.ptr<3> -> !llvm.ptr<7>
// CHECK:         "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v2.f32 [$0], {$2, $3}, [$1];", "r,r,f,f,~{memory}"
// CHECK:         nvvm.mapa
// CHECK:         "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.v2.f32
// CHECK-NOT:     st.async
// CHECK-NOT:     llvm.store
// CHECK-NOT:     nvvm.cluster.arrive
// CHECK:         %[[BYTES:.*]] = llvm.mlir.constant(1024 : i32)
// CHECK:         mbarrier.arrive.expect_tx.shared::cta.b64 state, [$0], $2; }", "r,r,n,~{memory}" %{{.*}}, %{{.*}}, %[[BYTES]]
// CHECK:         scf.if
// CHECK:         %[[FIRST:.*]] = llvm.mlir.constant(0 : i32)
// CHECK-NEXT:    mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64 done, [$0], $1; @!done bra again; }", "r,r,~{memory}" %{{.*}}, %[[FIRST]]
// CHECK-COUNT-4: llvm.load %{{.*}} : !llvm.ptr<3> -> vector<2xf32>
// CHECK-NOT:     llvm.load
// CHECK:         llvm.return
func.func @sum_cluster() attributes {tile.schedule = #tile.schedule<warps = 2, k_warps = 2, stages = 1, split = 2, order = interleaved, reduce = cluster, target = sm_90a>, tile.shared_bytes = 0 : i32} {
  %sent = tile.mbarrier_alloc {offset = 1024 : i32} : !tile.mbarriers<1>
  tile.mbarrier_init %sent arrivals 1 : !tile.mbarriers<1>
  tile.cluster_arrive
  %c = arith.constant 1.0 : f32
  %0 = tile.splat %c : f32 -> tensor<16x8xf32, #p>
  tile.cluster_wait
  %1 = tile.sum_cluster %0 signals %sent {blocks = 2 : i32, k_warps = 2 : i32, tile.scratch = 0 : i32} : tensor<16x8xf32, #p>, !tile.mbarriers<1> -> tensor<16x8xf32, #s>
  return
}

// -----

#p = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[0, 0]]>

func.func @sum_cluster_layout() attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 2, order = interleaved, reduce = cluster, target = sm_90a>, tile.shared_bytes = 0 : i32} {
  %sent = tile.mbarrier_alloc {offset = 1024 : i32} : !tile.mbarriers<1>
  %c = arith.constant 1.0 : f32
  %0 = tile.splat %c : f32 -> tensor<16x8xf32, #p>
  // expected-error @+2 {{expected the result scattered over the cluster, got}}
  // expected-error @+1 {{failed to legalize operation 'tile.sum_cluster'}}
  %1 = tile.sum_cluster %0 signals %sent {blocks = 2 : i32, tile.scratch = 0 : i32} : tensor<16x8xf32, #p>, !tile.mbarriers<1> -> tensor<16x8xf32, #p>
  return
}

// -----

// Inline assembly that says it touches memory: the intrinsics do not.
// CHECK-LABEL: llvm.func @dependent
// CHECK:         llvm.inline_asm has_side_effects asm_dialect = att "griddepcontrol.launch_dependents;", "~{memory}"
// CHECK:         llvm.inline_asm has_side_effects asm_dialect = att "griddepcontrol.wait;", "~{memory}"
func.func @dependent() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a, dependent = end>, tile.shared_bytes = 0 : i32} {
  tile.launch_dependents
  tile.wait_dependency
  return
}

// -----

// Conditions are bytes in shared memory, four to a word where neighbours meet.
#v = #tile.layout<[128], register = [[1], [2]], lane = [[4], [8], [16], [32], [64]]>
#s = #tile.layout<[128], offset = [[1], [2], [4], [8], [16], [32], [64]]>

// CHECK-LABEL: llvm.func @conditions
// CHECK-COUNT-4: llvm.zext %{{.*}} : i1 to i8
// CHECK:         llvm.store %{{.*}} {alignment = 4 : i64} : i32, !llvm.ptr<3>
// CHECK-NOT:     llvm.store
// CHECK:         llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<3> -> i32
// CHECK-COUNT-4: llvm.trunc %{{.*}} : i8 to i1
func.func @conditions(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 128 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<100xf32>
  %in = tile.inside %x[%c0] : !tile.view<100xf32> -> tensor<128xi1, #v>
  %b = tile.alloc {offset = 0 : i32} : !tile.buffer<1 of 128xi1, #s>
  tile.local_store %in, %b[%c0] : tensor<128xi1, #v>, !tile.buffer<1 of 128xi1, #s>
  %0 = tile.local_load %b[%c0] : !tile.buffer<1 of 128xi1, #s> -> tensor<128xi1, #v>
  %t = tile.load %x[%c0] : !tile.view<100xf32> -> tensor<128xf32, #v>
  %1 = arith.select %0, %t, %t : tensor<128xi1, #v>, tensor<128xf32, #v>
  tile.store %1, %x[%c0] : tensor<128xf32, #v>, !tile.view<100xf32>
  return
}

// -----

// Rows 2 GB apart: where registers and lanes share a coordinate, the difference
// of coordinates becomes bytes in 64 bits.
#w = #tile.layout<[2, 32], register = [[1, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 16]]>

// CHECK-LABEL: llvm.func @far_rows
// CHECK-DAG:     %[[ROW:.*]] = llvm.mlir.constant(2147483648 : i64) : i64
// CHECK:         %[[DELTA:.*]] = llvm.sub %{{.*}}, %{{.*}} : i32
// CHECK:         %[[WIDE:.*]] = llvm.sext %[[DELTA]] : i32 to i64
// CHECK:         llvm.mul %[[WIDE]], %{{.*}} : i64
func.func @far_rows(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>, tile.shared_bytes = 0 : i32} {
  %c0 = arith.constant 0 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<2x536870912xf32>
  %t = tile.load %x[%c0, %c0] : !tile.view<2x536870912xf32> -> tensor<2x32xf32, #w>
  tile.store %t, %x[%c0, %c0] : tensor<2x32xf32, #w>, !tile.view<2x536870912xf32>
  return
}
