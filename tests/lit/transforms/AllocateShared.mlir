// What moves between lanes goes through shared memory; everything there gets
// an offset.
// RUN: lath-opt %s -tile-allocate-shared -split-input-file -verify-diagnostics | FileCheck %s

#l0 = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#l1 = #tile.layout<[4, 16], register = [[2, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0]]>

// CHECK-LABEL: func.func @convert
// CHECK-SAME:    %[[A:.*]]: tensor<4x16xf32, [[L0:#tile.layout<[^>]*>]]>) -> tensor<4x16xf32, [[L1:#tile.layout<[^>]*>]]> attributes {tile.shared_bytes = 256 : i32} {
// CHECK:         %[[ZERO:.*]] = arith.constant 0 : i32
// CHECK:         %[[S:.*]] = tile.alloc {offset = 0 : i32} : <1 of 4x16xf32
// CHECK-NEXT:    tile.barrier
// CHECK-NEXT:    tile.local_store %[[A]], %[[S]][%[[ZERO]]]
// CHECK-NEXT:    tile.barrier
// CHECK-NEXT:    %[[B:.*]] = tile.local_load %[[S]][%[[ZERO]]] {{.*}} -> tensor<4x16xf32, [[L1]]>
// CHECK-NEXT:    return %[[B]]
func.func @convert(%a: tensor<4x16xf32, #l0>) -> tensor<4x16xf32, #l1> {
  %0 = tile.convert_layout %a : tensor<4x16xf32, #l0> -> tensor<4x16xf32, #l1>
  return %0 : tensor<4x16xf32, #l1>
}

// -----

// Only registers are renamed: no memory.
#l0 = #tile.layout<[8, 16], register = [[0, 1], [4, 0]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#l1 = #tile.layout<[8, 16], register = [[4, 0], [0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

// CHECK-LABEL: func.func @rename
// CHECK-SAME:    tile.shared_bytes = 0 : i32
// CHECK-NEXT:    tile.convert_layout
// CHECK-NEXT:    return
func.func @rename(%a: tensor<8x16xf32, #l0>) -> tensor<8x16xf32, #l1> {
  %0 = tile.convert_layout %a : tensor<8x16xf32, #l0> -> tensor<8x16xf32, #l1>
  return %0 : tensor<8x16xf32, #l1>
}

// -----

// Register and lane bits change places by shuffles: no memory.
#l0 = #tile.layout<[8, 16], register = [[0, 1], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#l1 = #tile.layout<[8, 16], register = [[0, 1], [0, 2]], lane = [[0, 8], [0, 4], [1, 0], [2, 0], [4, 0]]>

// CHECK-LABEL: func.func @shuffle
// CHECK-SAME:    tile.shared_bytes = 0 : i32
// CHECK-NEXT:    tile.convert_layout
// CHECK-NEXT:    return
func.func @shuffle(%a: tensor<8x16xf16, #l0>) -> tensor<8x16xf16, #l1> {
  %0 = tile.convert_layout %a : tensor<8x16xf16, #l0> -> tensor<8x16xf16, #l1>
  return %0 : tensor<8x16xf16, #l1>
}

// -----

// The second loop's buffer lies where the first's was, behind a barrier; what
// both need lies beside them.
#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#t = #tile.layout<[4, 16], register = [[2, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0]]>

// CHECK-LABEL: func.func @loops
// CHECK-SAME:    tile.shared_bytes = 384 : i32
// CHECK:         tile.alloc {offset = 0 : i32} : <1 of 4x16xf32
// CHECK-NEXT:    tile.alloc {offset = 256 : i32} : <1 of 4x16xf16
// CHECK:         scf.for
// CHECK:         }
// CHECK:         tile.alloc {offset = 0 : i32} : <2 of 4x16xf16
// CHECK-NEXT:    tile.barrier
// CHECK-NEXT:    scf.for
// CHECK:         return
func.func @loops(%a: tensor<4x16xf32, #t>, %h: tensor<4x16xf16, #t>, %n: i32) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %first = tile.alloc : !tile.buffer<1 of 4x16xf32, #l>
  %both = tile.alloc : !tile.buffer<1 of 4x16xf16, #l>
  scf.for %i = %c0 to %n step %c1 : i32 {
    tile.local_store %a, %first[%c0] : tensor<4x16xf32, #t>, !tile.buffer<1 of 4x16xf32, #l>
    tile.local_store %h, %both[%c0] : tensor<4x16xf16, #t>, !tile.buffer<1 of 4x16xf16, #l>
  }
  %second = tile.alloc : !tile.buffer<2 of 4x16xf16, #l>
  scf.for %i = %c0 to %n step %c1 : i32 {
    tile.local_store %h, %second[%i] : tensor<4x16xf16, #t>, !tile.buffer<2 of 4x16xf16, #l>
    tile.local_store %h, %both[%c0] : tensor<4x16xf16, #t>, !tile.buffer<1 of 4x16xf16, #l>
  }
  return
}

// -----

// Inside of a loop the first one follows the second, too: a barrier each way,
// where there is none yet.
#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#t = #tile.layout<[4, 16], register = [[2, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0]]>

// CHECK-LABEL: func.func @in_a_loop
// CHECK-SAME:    tile.shared_bytes = 256 : i32
// CHECK:         scf.for
// CHECK-NEXT:      tile.alloc {offset = 0 : i32}
// CHECK-NEXT:      tile.barrier
// CHECK-NEXT:      tile.local_store
// CHECK-NEXT:      tile.barrier
// CHECK-NEXT:      tile.alloc {offset = 0 : i32}
// CHECK-NEXT:      tile.local_store
// CHECK-NEXT:    }
func.func @in_a_loop(%a: tensor<4x16xf32, #t>, %n: i32) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  scf.for %i = %c0 to %n step %c1 : i32 {
    %first = tile.alloc : !tile.buffer<1 of 4x16xf32, #l>
    tile.local_store %a, %first[%c0] : tensor<4x16xf32, #t>, !tile.buffer<1 of 4x16xf32, #l>
    tile.barrier
    %second = tile.alloc : !tile.buffer<1 of 4x16xf32, #l>
    tile.local_store %a, %second[%c0] : tensor<4x16xf32, #t>, !tile.buffer<1 of 4x16xf32, #l>
  }
  return
}

// -----

// Scratch that is written behind a barrier shares, that of a ticket does not.
#n = #tile.layout<[2, 256], register = [[1, 0], [0, 128]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]], warp = [[0, 32], [0, 64]]>
#r = #tile.layout<[2, 1], register = [[1, 0]], lane = [[0, 0], [0, 0], [0, 0], [0, 0], [0, 0]], warp = [[0, 0], [0, 0]]>

// CHECK-LABEL: func.func @scratches
// CHECK-SAME:    tile.shared_bytes = 1028 : i32
// CHECK:         tile.reduce max %{{.*}} dim 1 {tile.scratch = 0 : i32}
// CHECK:         tile.arrive %{{.*}} {tile.scratch = 1024 : i32}
// CHECK:         tile.reduce add %{{.*}} dim 1 {tile.scratch = 0 : i32}
func.func @scratches(%p: !llvm.ptr<1>, %i: i32, %t: tensor<2x256xf32, #n>) -> (i1, tensor<2x1xf32, #r>, tensor<2x1xf32, #r>) {
  %m = tile.reduce max %t dim 1 : tensor<2x256xf32, #n> -> tensor<2x1xf32, #r>
  %last = tile.arrive %p[%i] of 8 : !llvm.ptr<1>
  %s = tile.reduce add %t dim 1 : tensor<2x256xf32, #n> -> tensor<2x1xf32, #r>
  return %last, %m, %s : i1, tensor<2x1xf32, #r>, tensor<2x1xf32, #r>
}

// -----

// Offsets are multiples of 128 in program order: 3 stages of 16 bytes, then
// the ticket's word, then four warps' partial maxima.
#m = #tile.layout<[8], offset = [[1], [2], [4]]>
#n = #tile.layout<[2, 256], register = [[1, 0], [0, 128]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]], warp = [[0, 32], [0, 64]]>
#r = #tile.layout<[2, 1], register = [[1, 0]], lane = [[0, 0], [0, 0], [0, 0], [0, 0], [0, 0]], warp = [[0, 0], [0, 0]]>

// CHECK-LABEL: func.func @offsets
// CHECK-SAME:    tile.shared_bytes = 1280 : i32
// CHECK:         tile.alloc {offset = 0 : i32} : <3 of 8xf16
// CHECK:         tile.arrive %{{.*}} {tile.scratch = 128 : i32}
// CHECK:         tile.reduce max %{{.*}} dim 1 {tile.scratch = 256 : i32}
func.func @offsets(%p: !llvm.ptr<1>, %i: i32, %t: tensor<2x256xf32, #n>) -> (i1, tensor<2x1xf32, #r>) {
  %b = tile.alloc : !tile.buffer<3 of 8xf16, #m>
  %last = tile.arrive %p[%i] of 8 : !llvm.ptr<1>
  %m = tile.reduce max %t dim 1 : tensor<2x256xf32, #n> -> tensor<2x1xf32, #r>
  return %last, %m : i1, tensor<2x1xf32, #r>
}

// -----

// A reduction inside a warp exchanges by shuffles alone.
#n = #tile.layout<[4, 32], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]], warp = [[1, 0], [2, 0]]>
#r = #tile.layout<[4, 1], lane = [[0, 0], [0, 0], [0, 0], [0, 0], [0, 0]], warp = [[1, 0], [2, 0]]>

// CHECK-LABEL: func.func @in_a_warp
// CHECK-SAME:    tile.shared_bytes = 0 : i32
// CHECK:         tile.reduce add %{{.*}} dim 1 : tensor
func.func @in_a_warp(%t: tensor<4x32xf32, #n>) -> tensor<4x1xf32, #r> {
  %s = tile.reduce add %t dim 1 : tensor<4x32xf32, #n> -> tensor<4x1xf32, #r>
  return %s : tensor<4x1xf32, #r>
}

// -----

#l0 = #tile.layout<[8, 32], register = [[1, 0], [2, 0], [4, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16]]>
#l1 = #tile.layout<[8, 32], register = [[0, 1], [0, 2], [0, 4]], lane = [[0, 8], [0, 16], [1, 0], [2, 0], [4, 0]]>

func.func @packed(%q: tensor<8x32xi4, #l0>) -> tensor<8x32xi4, #l1> {
  // expected-error @+1 {{4-bit tiles are not moved between lanes: a conversion stands on the weight path}}
  %0 = tile.convert_layout %q : tensor<8x32xi4, #l0> -> tensor<8x32xi4, #l1>
  return %0 : tensor<8x32xi4, #l1>
}

// -----

// A block of a cluster receives its half of both blocks' 128 floats a warp.
#p = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#s = #tile.layout<[16, 8], register = [[0, 1]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], block = [[8, 0]]>
#t = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], block = [[0, 0]]>

// CHECK-LABEL: func.func @cluster
// CHECK-SAME:    tile.shared_bytes = 640 : i32
// CHECK:         tile.mbarrier_alloc {offset = 0 : i32}
// CHECK:         tile.sum_cluster {{.*}} {blocks = 2 : i32, tile.scratch = 128 : i32}
func.func @cluster(%a: tensor<16x8xf32, #p>) -> tensor<16x8xf32, #s> {
  %sent = tile.mbarrier_alloc : !tile.mbarriers<1>
  %0 = tile.sum_cluster %a signals %sent {blocks = 2 : i32} : tensor<16x8xf32, #p>, !tile.mbarriers<1> -> tensor<16x8xf32, #s>
  return %0 : tensor<16x8xf32, #s>
}

// -----

#s = #tile.layout<[16, 8], register = [[0, 1]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], block = [[8, 0]]>
#t = #tile.layout<[16, 8], register = [[8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], block = [[0, 1]]>

func.func @parts(%a: tensor<16x8xf32, #s>) -> tensor<16x8xf32, #t> {
  // expected-error @+1 {{the blocks of a cluster hold parts of the sum, which may only be changed by element and stored}}
  %0 = tile.convert_layout %a : tensor<16x8xf32, #s> -> tensor<16x8xf32, #t>
  return %0 : tensor<16x8xf32, #t>
}

// -----

// Eight bytes for each mbarrier.
#l0 = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

// CHECK-LABEL: func.func @mbarriers
// CHECK-SAME:    tile.shared_bytes = 408 : i32
// CHECK-NEXT:    tile.alloc {offset = 0 : i32}
// CHECK-NEXT:    tile.mbarrier_alloc {offset = 256 : i32} : <4>
// CHECK-NEXT:    tile.mbarrier_alloc {offset = 384 : i32} : <3>
func.func @mbarriers() {
  %b = tile.alloc : !tile.buffer<2 of 4x16xf16, #l0>
  %full = tile.mbarrier_alloc : !tile.mbarriers<4>
  %empty = tile.mbarrier_alloc : !tile.mbarriers<3>
  return
}

// -----

// Offsets are 32 bits: what would not fit is refused, whatever the target has.
#l0 = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

func.func @beyond() {
  %b = tile.alloc : !tile.buffer<16777215 of 4x16xf16, #l0>
  // expected-error @+1 {{ends at byte 2147483656 of shared memory; offsets reach 2147483647}}
  %full = tile.mbarrier_alloc : !tile.mbarriers<17>
  return
}

// -----

// What reads a buffer says what its place must be a multiple of: wgmma, 1024.
#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>

// CHECK-LABEL: func.func @matrix_operand
// CHECK-SAME:    tile.shared_bytes = 9216 : i32
// CHECK:         tile.alloc {offset = 0 : i32}
// CHECK:         tile.alloc {offset = 1024 : i32} : <4 of 16x64xf16
func.func @matrix_operand(%s: i32) {
  %b = tile.alloc : !tile.buffer<1 of 4x16xf16, #l>
  %x = tile.alloc : !tile.buffer<4 of 16x64xf16, #x>
  %0 = tile.stage %x[%s] : !tile.buffer<4 of 16x64xf16, #x> -> !tile.buffer<1 of 16x64xf16, #x>
  return
}

// -----

// What tensor copies filled they may fill for the next loop, behind a barrier;
// what threads write lies apart, as a barrier does not order the two.
#p = #tile.layout<[8, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32]]>
#t = #tile.layout<[8, 64], register = [[0, 1], [0, 32], [2, 0], [4, 0]], lane = [[0, 2], [0, 4], [0, 8], [0, 16], [1, 0]]>

// CHECK-LABEL: func.func @by_the_engine
// CHECK-SAME:    tile.shared_bytes = 3200 : i32
// CHECK:         tile.alloc {offset = 0 : i32} : <2 of 8x64xf16
// CHECK-NEXT:    tile.mbarrier_alloc {offset = 2048 : i32}
// CHECK:         scf.for
// CHECK:         tile.alloc {offset = 0 : i32} : <2 of 8x64xf16
// CHECK-NEXT:    tile.barrier
// CHECK-NEXT:    scf.for
// CHECK:         tile.alloc {offset = 2176 : i32} : <1 of 8x64xf16
// CHECK-NEXT:    tile.local_store
func.func @by_the_engine(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %h: tensor<8x64xf16, #t>, %n: i32) {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %first = tile.alloc : !tile.buffer<2 of 8x64xf16, #p>
  %full = tile.mbarrier_alloc : !tile.mbarriers<2>
  scf.for %i = %c0 to %n step %c1 : i32 {
    tile.tensor_copy %map of %x[%c0, %i], %first[%c0] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<2 of 8x64xf16, #p>, !tile.mbarriers<2>
    %v = tile.local_load %first[%c0] : !tile.buffer<2 of 8x64xf16, #p> -> tensor<8x64xf16, #t>
  }
  %second = tile.alloc : !tile.buffer<2 of 8x64xf16, #p>
  scf.for %i = %c0 to %n step %c1 : i32 {
    tile.tensor_copy %map of %x[%c0, %i], %second[%c0] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<2 of 8x64xf16, #p>, !tile.mbarriers<2>
    %v = tile.local_load %second[%c0] : !tile.buffer<2 of 8x64xf16, #p> -> tensor<8x64xf16, #t>
  }
  %third = tile.alloc : !tile.buffer<1 of 8x64xf16, #p>
  tile.local_store %h, %third[%c0] : tensor<8x64xf16, #t>, !tile.buffer<1 of 8x64xf16, #p>
  return
}
