// Dense tiles come by tensor copies, of tensors that the launch describes.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-bulk-copies -split-input-file -verify-diagnostics | FileCheck %s

#l = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0]]>
#t = #tile.layout<[1, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32]]>
#x = #tile.layout<[16, 64], register = [[0, 1], [0, 2], [8, 0], [0, 16], [0, 32]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#y = #tile.layout<[1, 64], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [0, 16], [0, 32]]>
#s = #tile.schedule<warps = 1, stages = 3, copies = tensor, split = 1, order = interleaved, reduce = none, target = sm_90a>

// All tiles: nobody waits for copies of cp.async any more, the barrier stays.
// CHECK-LABEL: func.func @all
// CHECK-SAME:    %[[P:[a-z0-9]+]]: !llvm.ptr<1> {tile.name = "x", tile.type = "f16"}, %[[M:[a-z0-9]+]]: i32, %{{[a-z0-9]+}}: i32, %[[MAP:[a-z0-9]+]]: !llvm.ptr {tile.kind = 4 : i32, tile.name = "x", tile.type = "f16"})
// CHECK:         %[[X:.*]] = tile.view
// CHECK:         %[[B:.*]] = tile.alloc : <3 of 16x64xf16, {{.*}}[1, 8], [2, 16], [4, 32], [8, 0]]>>
// CHECK-NEXT:    %[[FULL:.*]] = tile.mbarrier_alloc : <3>
// CHECK-NEXT:    tile.mbarrier_init %[[FULL]] arrivals 1 : <3>
// CHECK:         scf.for %[[S:[a-z0-9_]+]] =
// CHECK:           tile.tensor_copy %[[MAP]] of %[[X]][%{{.*}}], %[[B]][%[[S]]] signals %[[FULL]]
// CHECK-NOT:       tile.async_commit
// CHECK:         scf.for {{.*}} iter_args(%[[READ:[a-z0-9_]+]] = %{{[a-z0-9_]+}}, %[[WRITE:[a-z0-9_]+]] = %{{[a-z0-9_]+}}, %[[PARITY:[a-z0-9_]+]] = %{{[a-z0-9_]+}})
// CHECK-NEXT:      tile.barrier
// CHECK:           tile.tensor_copy %[[MAP]] of %[[X]][%{{.*}}], %[[B]][%[[WRITE]]] signals %[[FULL]]
// CHECK-NOT:       tile.async_commit
// CHECK:           tile.mbarrier_wait %[[FULL]][%[[READ]]] parity %[[PARITY]] : <3>
// CHECK-NEXT:      tile.local_load %[[B]][%[[READ]]]
func.func @all(%p: !llvm.ptr<1> {tile.name = "x", tile.type = "f16"}, %m: i32, %hi: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %st = arith.constant 64 : i32
  %far = arith.constant 128 : i32
  %x = tile.view %p extents %m : !llvm.ptr<1> -> !tile.view<?x4096xf16>
  %b = tile.alloc : !tile.buffer<3 of 16x64xf16, #l>
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %k = arith.muli %i, %st : i32
    %in = arith.cmpi slt, %k, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %k], %b[%i] : !tile.view<?x4096xf16>, !tile.buffer<3 of 16x64xf16, #l>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  scf.for %k = %c0 to %hi step %st iter_args(%read = %c0, %write = %c2) -> (i32, i32) : i32 {
    tile.async_wait 1 for_matrix_operands
    tile.barrier
    %ahead = arith.addi %k, %far : i32
    %in = arith.cmpi slt, %ahead, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %ahead], %b[%write] : !tile.view<?x4096xf16>, !tile.buffer<3 of 16x64xf16, #l>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
    %v = tile.local_load %b[%read] : !tile.buffer<3 of 16x64xf16, #l> -> tensor<16x64xf16, #x>
    "test.use"(%v) : (tensor<16x64xf16, #x>) -> ()
    scf.yield %write, %read : i32, i32
  } {tile.part = #tile.part<ring>}
  return
}

// A row of 128 bytes does not fill the swizzle: the threads copy it.
// CHECK-LABEL: func.func @some
// CHECK:         scf.for
// CHECK:           tile.tensor_copy
// CHECK-NEXT:      tile.async_copy
// CHECK:           tile.async_commit
// CHECK:         scf.for
// CHECK-NEXT:      tile.async_wait 1
// CHECK:           tile.tensor_copy
// CHECK-NEXT:      tile.async_copy
func.func @some(%p: !llvm.ptr<1> {tile.name = "x", tile.type = "f16"}, %q: !llvm.ptr<1> {tile.name = "y", tile.type = "f16"}, %m: i32, %hi: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c2 = arith.constant 2 : i32
  %st = arith.constant 64 : i32
  %far = arith.constant 128 : i32
  %x = tile.view %p extents %m : !llvm.ptr<1> -> !tile.view<?x4096xf16>
  %y = tile.view %q : !llvm.ptr<1> -> !tile.view<1x4096xf16>
  %b = tile.alloc : !tile.buffer<3 of 16x64xf16, #l>
  %d = tile.alloc : !tile.buffer<3 of 1x64xf16, #t>
  scf.for %i = %c0 to %c2 step %c1 : i32 {
    %k = arith.muli %i, %st : i32
    %in = arith.cmpi slt, %k, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %k], %b[%i] : !tile.view<?x4096xf16>, !tile.buffer<3 of 16x64xf16, #l>
      tile.async_copy %y[%c0, %k], %d[%i] : !tile.view<1x4096xf16>, !tile.buffer<3 of 1x64xf16, #t>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
  } {tile.part = #tile.part<prologue>}
  scf.for %k = %c0 to %hi step %st iter_args(%read = %c0, %write = %c2) -> (i32, i32) : i32 {
    tile.async_wait 1
    tile.barrier
    %ahead = arith.addi %k, %far : i32
    %in = arith.cmpi slt, %ahead, %hi : i32
    scf.if %in {
      tile.async_copy %x[%c0, %ahead], %b[%write] : !tile.view<?x4096xf16>, !tile.buffer<3 of 16x64xf16, #l>
      tile.async_copy %y[%c0, %ahead], %d[%write] : !tile.view<1x4096xf16>, !tile.buffer<3 of 1x64xf16, #t>
    } {tile.part = #tile.part<issue>}
    tile.async_commit
    %v = tile.local_load %b[%read] : !tile.buffer<3 of 16x64xf16, #l> -> tensor<16x64xf16, #x>
    %u = tile.local_load %d[%read] : !tile.buffer<3 of 1x64xf16, #t> -> tensor<1x64xf16, #y>
    "test.use"(%v, %u) : (tensor<16x64xf16, #x>, tensor<1x64xf16, #y>) -> ()
    scf.yield %write, %read : i32, i32
  } {tile.part = #tile.part<ring>}
  return
}

// -----

#l = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0]]>
#x = #tile.layout<[16, 64], register = [[0, 1], [0, 2], [8, 0], [0, 16], [0, 32]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, copies = tensor, split = 1, order = interleaved, reduce = none, target = sm_90a>

// expected-error @+1 {{tensor copies are asked for, and no tile can be brought by one: the view's rows are 8198 bytes; tensor copies take multiples of 16}}
func.func @odd_rows(%p: !llvm.ptr<1>, %hi: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %st = arith.constant 64 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<16x4099xf16>
  %b = tile.alloc : !tile.buffer<3 of 16x64xf16, #l>
  scf.for %k = %c0 to %hi step %st iter_args(%read = %c0) -> (i32) : i32 {
    tile.async_copy %x[%c0, %k], %b[%read] : !tile.view<16x4099xf16>, !tile.buffer<3 of 16x64xf16, #l>
    %v = tile.local_load %b[%read] : !tile.buffer<3 of 16x64xf16, #l> -> tensor<16x64xf16, #x>
    "test.use"(%v) : (tensor<16x64xf16, #x>) -> ()
    scf.yield %read : i32
  } {tile.part = #tile.part<ring>}
  return
}

// -----

#s = #tile.schedule<warps = 1, stages = 3, copies = tensor, split = 1, order = interleaved, reduce = none, target = sm_90a>
// expected-error @+1 {{tensor copies are asked for, and no tile can be brought by one: no loop reads any through stages}}
func.func @no_loop() attributes {tile.schedule = #s} {
  return
}

// -----

// Bytes 4 k of a row: the engine takes multiples of 16.
#l = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0]]>
#x = #tile.layout<[16, 64], register = [[0, 1], [0, 2], [8, 0], [0, 16], [0, 32]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#s = #tile.schedule<warps = 1, stages = 3, copies = tensor, split = 1, order = interleaved, reduce = none, target = sm_90a>
// expected-error @+1 {{no tile can be brought by one: tiles are known to start at multiples of 4 bytes of a row; tensor copies take multiples of 16}}
func.func @odd_start(%p: !llvm.ptr<1>, %hi: i32, %n: i32) attributes {tile.schedule = #s} {
  %c0 = arith.constant 0 : i32
  %c2 = arith.constant 2 : i32
  %st = arith.constant 64 : i32
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<16x4096xf16>
  %b = tile.alloc : !tile.buffer<3 of 16x64xf16, #l>
  %from = arith.muli %n, %c2 : i32
  scf.for %k = %c0 to %hi step %st iter_args(%read = %c0) -> (i32) : i32 {
    tile.async_copy %x[%c0, %from], %b[%read] : !tile.view<16x4096xf16>, !tile.buffer<3 of 16x64xf16, #l>
    %v = tile.local_load %b[%read] : !tile.buffer<3 of 16x64xf16, #l> -> tensor<16x64xf16, #x>
    "test.use"(%v) : (tensor<16x64xf16, #x>) -> ()
    scf.yield %read : i32
  } {tile.part = #tile.part<ring>}
  return
}
