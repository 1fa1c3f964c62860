// Layouts spread outward from the dots; coalesced loads decide the rest.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-assign-layouts -split-input-file -verify-diagnostics | FileCheck %s

// No dot: 128 bits of neighbours a lane, then lanes, warps, more registers.
// CHECK-LABEL: func.func @vector
// CHECK:         tile.load {{.*}} -> tensor<1024xf32, [[L:#tile.layout<\[1024\], register = \[\[1\], \[2\], \[512\]\], lane = \[\[4\], \[8\], \[16\], \[32\], \[64\]\], warp = \[\[128\], \[256\]\]>]]>
// CHECK:         arith.addf %{{.*}} : tensor<1024xf32, [[L]]>
// CHECK:         tile.store %{{.*}} : tensor<1024xf32, [[L]]>
func.func @vector(%a: !tile.view<4096xf32>, %b: !tile.view<4096xf32>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %i = arith.constant 1024 : i32
  %0 = tile.load %a[%i] : !tile.view<4096xf32> -> tensor<1024xf32>
  %1 = tile.load %b[%i] : !tile.view<4096xf32> -> tensor<1024xf32>
  %2 = arith.addf %0, %1 : tensor<1024xf32>
  tile.store %2, %a[%i] : tensor<1024xf32>, !tile.view<4096xf32>
  return
}

// -----

// Elements that cannot move together: neighbours lie in neighbouring lanes.
// CHECK-LABEL: func.func @scalars
// CHECK:         tile.load {{.*}} -> tensor<1024xf32, [[L:#tile.layout<\[1024\], register = \[\[128\], \[256\], \[512\]\], lane = \[\[1\], \[2\], \[4\], \[8\], \[16\]\], warp = \[\[32\], \[64\]\]>]]>
// CHECK:         tile.store %{{.*}} : tensor<1024xf32, [[L]]>
func.func @scalars(%a: !tile.view<?xf32>, %b: !tile.view<?xf32>, %i: i32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %0 = tile.load %a[%i] : !tile.view<?xf32> -> tensor<1024xf32>
  %1 = tile.load %b[%i] : !tile.view<?xf32> -> tensor<1024xf32>
  %2 = arith.addf %0, %1 : tensor<1024xf32>
  tile.store %2, %a[%i] : tensor<1024xf32>, !tile.view<?xf32>
  return
}

// -----

// The loads read what the dot needs; the accumulator keeps one layout from its
// first value to the cast. The store takes 16 bytes a lane.
// CHECK-LABEL: func.func @dot
// CHECK:         tile.splat {{.*}} -> tensor<16x64xf32, [[C:#tile.layout<[^>]*>]]>
// CHECK:         scf.for {{.*}} -> (tensor<16x64xf32, [[C]]>)
// CHECK:           tile.load {{.*}} -> tensor<16x64xf16, [[A:#tile.layout<[^>]*>]]>
// CHECK:           tile.load {{.*}} -> tensor<64x64xf16, [[B:#tile.layout<[^>]*>]]>
// CHECK:           tile.dot {{.*}} : tensor<16x64xf16, [[A]]>, tensor<64x64xf16, [[B]]>, tensor<16x64xf32, [[C]]>
// CHECK-NOT:     tile.convert_layout
// CHECK:         %[[H:.*]] = tile.cast %{{.*}} -> tensor<16x64xf16, [[C]]>
// CHECK-NEXT:    %[[S:.*]] = tile.convert_layout %[[H]] : {{.*}} -> tensor<16x64xf16, #tile.layout<[16, 64], register = {{\[\[}}8, 0], [0, 1], [0, 2], [0, 4]], lane = {{\[\[}}0, 8], [0, 16], [1, 0], [2, 0], [4, 0]], warp = {{\[\[}}0, 32]]>>
// CHECK-NEXT:    tile.store %[[S]]
// CHECK-NEXT:    return
func.func @dot(%x: !tile.view<?x4096xf16>, %w: !tile.view<4096x64xf16>, %out: !tile.view<?x64xf16>) attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %zero = arith.constant 0.0 : f32
  %init = tile.splat %zero : f32 -> tensor<16x64xf32>
  %acc = scf.for %k = %lo to %hi step %st iter_args(%s = %init) -> (tensor<16x64xf32>) : i32 {
    %a = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<16x64xf16>
    %b = tile.load %w[%k, %lo] : !tile.view<4096x64xf16> -> tensor<64x64xf16>
    %d = tile.dot %a, %b, %s : tensor<16x64xf16>, tensor<64x64xf16>, tensor<16x64xf32>
    scf.yield %d : tensor<16x64xf32>
  }
  %h = tile.cast %acc : tensor<16x64xf32> -> tensor<16x64xf16>
  tile.store %h, %out[%lo, %lo] : tensor<16x64xf16>, !tile.view<?x64xf16>
  return
}

// -----

// Through a transpose: eight consecutive k of a column are one lane's.
// CHECK-LABEL: func.func @transposed
// CHECK:         tile.load {{.*}} -> tensor<64x64xf16, #tile.layout<[64, 64], register = {{\[\[}}0, 1], [0, 2], [0, 4],
// CHECK:         tile.transpose {{.*}} -> tensor<64x64xf16, [[B:#tile.layout<[^>]*>]]>
// CHECK-NOT:     tile.convert_layout
// CHECK:         tile.dot {{.*}}, tensor<64x64xf16, [[B]]>,
func.func @transposed(%x: !tile.view<?x64xf16>, %w: !tile.view<64x64xf16>, %acc: tensor<16x64xf32>) attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %c0 = arith.constant 0 : i32
  %zero = arith.constant 0.0 : f32
  %init = tile.splat %zero : f32 -> tensor<16x64xf32>
  %a = tile.load %x[%c0, %c0] : !tile.view<?x64xf16> -> tensor<16x64xf16>
  %n = tile.load %w[%c0, %c0] : !tile.view<64x64xf16> -> tensor<64x64xf16>
  %b = tile.transpose %n : tensor<64x64xf16> -> tensor<64x64xf16>
  %d = tile.dot %a, %b, %init : tensor<16x64xf16>, tensor<64x64xf16>, tensor<16x64xf32>
  return
}

// -----

// Packed weights: eight k of a word are one lane's, scales and zeros follow
// the columns. Nothing stands between the load and the dot.
// CHECK-LABEL: func.func @dequant
// CHECK:         tile.load {{.*}} -> tensor<64x64xi4, #tile.layout<[64, 64], register = {{\[\[}}1, 0], [2, 0], [4, 0],
// CHECK:         tile.load {{.*}} -> tensor<2x64xf16, [[S:#tile.layout<[^>]*>]]>
// CHECK:         tile.load {{.*}} -> tensor<2x64xi4, [[S]]>
// CHECK-NEXT:    tile.dequant {{.*}} tensor<2x64xf16, [[S]]>, tensor<2x64xi4, [[S]]> -> tensor<64x64xf16, [[W:#tile.layout<[^>]*>]]>
// CHECK-NOT:     tile.convert_layout
// CHECK:         tile.dot {{.*}} swapped {{.*}}, tensor<64x64xf16, [[W]]>,
func.func @dequant(%x: !tile.view<?x64xf16>, %q: !tile.view<64x64xi4, packed = 0>, %s: !tile.view<2x64xf16>,
                   %z: !tile.view<2x64xi4, packed = 1>) attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %c0 = arith.constant 0 : i32
  %zero = arith.constant 0.0 : f32
  %init = tile.splat %zero : f32 -> tensor<16x64xf32>
  %a = tile.load %x[%c0, %c0] : !tile.view<?x64xf16> -> tensor<16x64xf16>
  %qt = tile.load %q[%c0, %c0] : !tile.view<64x64xi4, packed = 0> -> tensor<64x64xi4>
  %st = tile.load %s[%c0, %c0] : !tile.view<2x64xf16> -> tensor<2x64xf16>
  %zt = tile.load %z[%c0, %c0] : !tile.view<2x64xi4, packed = 1> -> tensor<2x64xi4>
  %w = tile.dequant %qt, %st zeros %zt : tensor<64x64xi4>, tensor<2x64xf16>, tensor<2x64xi4> -> tensor<64x64xf16>
  %d = tile.dot %a, %w, %init swapped : tensor<16x64xf16>, tensor<64x64xf16>, tensor<16x64xf32>
  return
}

// -----

// Of bytes a lane has eight k as well, two words, in their order.
// CHECK-LABEL: func.func @dequant_bytes
// CHECK:         tile.load {{.*}} -> tensor<64x64xsi8, [[W:#tile.layout<\[64, 64\], register = \[\[1, 0\], \[2, 0\], \[4, 0\], \[0, 1\], \[0, 2\],[^>]*>]]>
// CHECK:         tile.dequant {{.*}} tensor<64x64xsi8, [[W]]>, {{.*}} -> tensor<64x64xf16, [[W]]>
// CHECK-NOT:     tile.convert_layout
// CHECK:         tile.dot {{.*}} swapped {{.*}}, tensor<64x64xf16, [[W]]>,
func.func @dequant_bytes(%x: !tile.view<?x64xf16>, %q: !tile.view<64x64xsi8, packed = 0>, %s: !tile.view<2x64xf16>) attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %c0 = arith.constant 0 : i32
  %zero = arith.constant 0.0 : f32
  %init = tile.splat %zero : f32 -> tensor<16x64xf32>
  %a = tile.load %x[%c0, %c0] : !tile.view<?x64xf16> -> tensor<16x64xf16>
  %b = tile.load %q[%c0, %c0] : !tile.view<64x64xsi8, packed = 0> -> tensor<64x64xsi8>
  %g = tile.load %s[%c0, %c0] : !tile.view<2x64xf16> -> tensor<2x64xf16>
  %w = tile.dequant %b, %g : tensor<64x64xsi8>, tensor<2x64xf16> -> tensor<64x64xf16>
  %d = tile.dot %a, %w, %init swapped : tensor<16x64xf16>, tensor<64x64xf16>, tensor<16x64xf32>
  return
}

// -----

// A row's maximum lies where the row does, and goes back without a conversion.
// CHECK-LABEL: func.func @softmax
// CHECK:         tile.load {{.*}} -> tensor<4x256xf32, [[X:#tile.layout<[^>]*>]]>
// CHECK:         tile.reduce max {{.*}} -> tensor<4x1xf32, [[R:#tile.layout<[^>]*>]]>
// CHECK-NEXT:    tile.broadcast %{{.*}} : tensor<4x1xf32, [[R]]> -> tensor<4x256xf32, [[X]]>
// CHECK-NEXT:    arith.subf
func.func @softmax(%x: !tile.view<?x256xf32>, %i: i32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %c0 = arith.constant 0 : i32
  %0 = tile.load %x[%i, %c0] : !tile.view<?x256xf32> -> tensor<4x256xf32>
  %1 = tile.reduce max %0 dim 1 : tensor<4x256xf32> -> tensor<4x1xf32>
  %2 = tile.broadcast %1 : tensor<4x1xf32> -> tensor<4x256xf32>
  %3 = arith.subf %0, %2 : tensor<4x256xf32>
  tile.store %3, %x[%i, %c0] : tensor<4x256xf32>, !tile.view<?x256xf32>
  return
}

// -----

// The sum was promised the layout of the load before it; it leaves its own and
// is converted.
// CHECK-LABEL: func.func @reduce_after_load
// CHECK:         tile.load {{.*}} -> tensor<16x1xf32, [[Y:#tile.layout<[^>]*>]]>
// CHECK:         %[[SUM:.*]] = tile.reduce add
// CHECK-NEXT:    %[[C:.*]] = tile.convert_layout %[[SUM]] : {{.*}} -> tensor<16x1xf32, [[Y]]>
// CHECK-NEXT:    arith.addf %{{.*}}, %[[C]] : tensor<16x1xf32, [[Y]]>
func.func @reduce_after_load(%x: !tile.view<16x1024xf32>, %y: !tile.view<16x1xf32>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %c0 = arith.constant 0 : i32
  %0 = tile.load %y[%c0, %c0] : !tile.view<16x1xf32> -> tensor<16x1xf32>
  %1 = tile.load %x[%c0, %c0] : !tile.view<16x1024xf32> -> tensor<16x1024xf32>
  %2 = tile.reduce add %1 dim 1 : tensor<16x1024xf32> -> tensor<16x1xf32>
  %3 = arith.addf %0, %2 : tensor<16x1xf32>
  tile.store %3, %y[%c0, %c0] : tensor<16x1xf32>, !tile.view<16x1xf32>
  return
}

// -----

// What one dot leaves is not where the next one wants it: one conversion.
// CHECK-LABEL: func.func @two_demands
// CHECK:         %[[H:.*]] = tile.dot
// CHECK:         tile.convert_layout %[[H]]
// CHECK-NOT:     tile.convert_layout
// CHECK:         tile.dot
func.func @two_demands(%x: !tile.view<?x64xf16>, %w: !tile.view<64x64xf16>) attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %c0 = arith.constant 0 : i32
  %zero = arith.constant 0.0 : f32
  %init = tile.splat %zero : f32 -> tensor<16x64xf32>
  %a = tile.load %x[%c0, %c0] : !tile.view<?x64xf16> -> tensor<16x64xf16>
  %b = tile.load %w[%c0, %c0] : !tile.view<64x64xf16> -> tensor<64x64xf16>
  %d = tile.dot %a, %b, %init : tensor<16x64xf16>, tensor<64x64xf16>, tensor<16x64xf32>
  %h = tile.cast %d : tensor<16x64xf32> -> tensor<16x64xf16>
  %e = tile.dot %h, %b, %init : tensor<16x64xf16>, tensor<64x64xf16>, tensor<16x64xf32>
  return
}

// -----

// What a loop carries and what it returns lie in one place, also where the
// second dot reaches the result of the first loop before the first dot does.
// CHECK-LABEL: func.func @carried
// CHECK:         scf.for {{.*}} iter_args(%[[A:[a-z0-9_]+]] = %{{.*}}) -> (tensor<16x64xf32, [[C:#tile.layout<[^>]*>]]>)
// CHECK:           tile.dot %{{.*}}, %{{.*}}, %[[A]] : {{.*}}, tensor<16x64xf32, [[C]]>
// CHECK:         scf.for
// CHECK:         %[[R:.*]] = tile.convert_layout %{{.*}} : tensor<16x64xf32, [[C]]>
// CHECK:         tile.transpose %[[R]]
func.func @carried(%a: !tile.view<16x64xf16>, %b: !tile.view<64x64xf16>, %c: !tile.view<64x64xf16>, %d: !tile.view<64x16xf16>) attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 64 : i32
  %st = arith.constant 16 : i32
  %zero = arith.constant 0.0 : f32
  %z0 = tile.splat %zero : f32 -> tensor<16x64xf32>
  %z1 = tile.splat %zero : f32 -> tensor<64x16xf32>
  %r0 = scf.for %k = %lo to %hi step %st iter_args(%s = %z0) -> (tensor<16x64xf32>) : i32 {
    %x = tile.load %a[%lo, %k] : !tile.view<16x64xf16> -> tensor<16x16xf16>
    %y = tile.load %b[%k, %lo] : !tile.view<64x64xf16> -> tensor<16x64xf16>
    %n = tile.dot %x, %y, %s : tensor<16x16xf16>, tensor<16x64xf16>, tensor<16x64xf32>
    scf.yield %n : tensor<16x64xf32>
  }
  %r1 = scf.for %k = %lo to %hi step %st iter_args(%s = %z1) -> (tensor<64x16xf32>) : i32 {
    %x = tile.load %c[%lo, %k] : !tile.view<64x64xf16> -> tensor<64x16xf16>
    %y = tile.load %d[%k, %lo] : !tile.view<64x16xf16> -> tensor<16x16xf16>
    %n = tile.dot %x, %y, %s : tensor<64x16xf16>, tensor<16x16xf16>, tensor<64x16xf32>
    scf.yield %n : tensor<64x16xf32>
  }
  %t = tile.transpose %r0 : tensor<16x64xf32> -> tensor<64x16xf32>
  %sum = arith.addf %r1, %t : tensor<64x16xf32>
  return
}

// -----

// Partial sums are read back as they were written.
// CHECK-LABEL: func.func @partial_sums
// CHECK:         tile.partial_store %{{.*}} : tensor<16x64xf32, [[C:#tile.layout<[^>]*>]]>
// CHECK:         tile.partial_load {{.*}} -> tensor<16x64xf32, [[C]]>
func.func @partial_sums(%x: !tile.view<16x64xf32>, %ws: !llvm.ptr<1>, %i: i32) attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 2, order = interleaved, reduce = ordered, target = sm_80>} {
  %0 = tile.load %x[%i, %i] : !tile.view<16x64xf32> -> tensor<16x64xf32>
  tile.partial_store %0, %ws[%i] : tensor<16x64xf32>, !llvm.ptr<1>
  %1 = tile.partial_load %ws[%i] : !llvm.ptr<1> -> tensor<16x64xf32>
  tile.store %1, %x[%i, %i] : tensor<16x64xf32>, !tile.view<16x64xf32>
  return
}

// -----

// expected-error @+1 {{expected a tile.schedule attribute}}
func.func @no_schedule() {
  return
}

// -----

func.func @too_many_warps(%a: tensor<16x64xf16>, %b: tensor<64x8xf16>, %acc: tensor<16x8xf32>) attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  // expected-error @+1 {{2 warps are too many for a tile of 16 x 8; each needs 16 x 8}}
  %0 = tile.dot %a, %b, %acc : tensor<16x64xf16>, tensor<64x8xf16>, tensor<16x8xf32>
  return
}

// -----

func.func @shallow(%x: tensor<16x16xf16>, %q: tensor<16x64xi4>, %s: tensor<1x64xf16>, %acc: tensor<16x64xf32>) attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %w = tile.dequant %q, %s : tensor<16x64xi4>, tensor<1x64xf16> -> tensor<16x64xf16>
  // expected-error @+1 {{4-bit weights need a K step of at least 32 a warp, got 16}}
  %0 = tile.dot %x, %w, %acc swapped : tensor<16x16xf16>, tensor<16x64xf16>, tensor<16x64xf32>
  return
}

// -----

func.func @k_warps_too_many(%a: tensor<16x16xf16>, %b: tensor<16x64xf16>, %acc: tensor<16x64xf32>) attributes {tile.schedule = #tile.schedule<warps = 2, k_warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  // expected-error @+1 {{2 warps along k are too many for 2 warps and a K step of 16}}
  %0 = tile.dot %a, %b, %acc {k_warps = 2 : i32} : tensor<16x16xf16>, tensor<16x64xf16>, tensor<16x64xf32>
  return
}

// -----

// A constant tensor, which folding leaves behind, becomes a splat.
// CHECK-LABEL: func.func @folded
// CHECK:         [[ZERO:%.*]] = arith.constant 0 : i32
// CHECK:         [[TILE:%.*]] = tile.splat [[ZERO]] : i32 -> tensor<1024xi32, #tile.layout<{{.*}}>>
// CHECK:         tile.store [[TILE]]
func.func @folded(%a: !tile.view<?xi32>, %i: i32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %0 = arith.constant dense<0> : tensor<1024xi32>
  tile.store %0, %a[%i] : tensor<1024xi32>, !tile.view<?xi32>
  return
}

// -----

// An operation that says nothing of layouts takes its tiles where they are, and
// its result is laid out as a load would be.
// CHECK-LABEL: func.func @unknown
// CHECK:         %[[D:.*]] = tile.dot {{.*}}, tensor<16x64xf32, [[C:#tile.layout<[^>]*>]]>
// CHECK-NOT:     tile.convert_layout
// CHECK:         "test.use"(%[[D]]) : (tensor<16x64xf32, [[C]]>) -> tensor<16x64xf32, [[B:#tile.layout<[^>]*>]]>
// CHECK:         tile.store %{{.*}} : tensor<16x64xf32, [[B]]>
func.func @unknown(%x: !tile.view<?x64xf16>, %w: !tile.view<64x64xf16>, %out: !tile.view<?x64xf32>) attributes {tile.schedule = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>} {
  %c0 = arith.constant 0 : i32
  %zero = arith.constant 0.0 : f32
  %init = tile.splat %zero : f32 -> tensor<16x64xf32>
  %a = tile.load %x[%c0, %c0] : !tile.view<?x64xf16> -> tensor<16x64xf16>
  %b = tile.load %w[%c0, %c0] : !tile.view<64x64xf16> -> tensor<64x64xf16>
  %0 = tile.dot %a, %b, %init : tensor<16x64xf16>, tensor<64x64xf16>, tensor<16x64xf32>
  %1 = "test.use"(%0) : (tensor<16x64xf32>) -> tensor<16x64xf32>
  tile.store %1, %out[%c0, %c0] : tensor<16x64xf32>, !tile.view<?x64xf32>
  return
}
