// Warps of a block share each K step; their sums meet after the loop.
// RUN: lath-opt %s -tile-split-warps -split-input-file -verify-diagnostics | FileCheck %s

#s = #tile.schedule<warps = 4, k_warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @loop
// CHECK:         %[[PART:.*]] = scf.for {{.*}} iter_args(%[[S:[a-z0-9_]+]] =
// CHECK:           %[[D:.*]] = tile.dot %{{.*}}, %{{.*}}, %[[S]] {k_warps = 2 : i32}
// CHECK:           scf.yield %[[D]]
// CHECK:         %[[SUM:.*]] = tile.sum_warps %[[PART]] {k_warps = 2 : i32}
// CHECK-NEXT:    tile.reduce_splits %[[SUM]]
func.func @loop(%a: tensor<16x128xf16>, %b: tensor<128x64xf16>, %lo: i32, %hi: i32, %st: i32) -> tensor<16x64xf32> attributes {tile.schedule = #s} {
  %zero = arith.constant 0.0 : f32
  %init = tile.splat %zero : f32 -> tensor<16x64xf32>
  %acc = scf.for %k = %lo to %hi step %st iter_args(%s = %init) -> (tensor<16x64xf32>) : i32 {
    %d = tile.dot %a, %b, %s : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
    scf.yield %d : tensor<16x64xf32>
  }
  %sum = tile.reduce_splits %acc : tensor<16x64xf32>
  return %sum : tensor<16x64xf32>
}

// -----

#s = #tile.schedule<warps = 4, k_warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @no_loop
// CHECK:         %[[D:.*]] = tile.dot {{.*}} {k_warps = 4 : i32}
// CHECK-NEXT:    %[[SUM:.*]] = tile.sum_warps %[[D]] {k_warps = 4 : i32}
// CHECK-NEXT:    return %[[SUM]]
func.func @no_loop(%a: tensor<16x128xf16>, %b: tensor<128x64xf16>) -> tensor<16x64xf32> attributes {tile.schedule = #s} {
  %zero = arith.constant 0.0 : f32
  %init = tile.splat %zero : f32 -> tensor<16x64xf32>
  %d = tile.dot %a, %b, %init : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
  return %d : tensor<16x64xf32>
}

// -----

#s = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @one
// CHECK-NOT:     k_warps
// CHECK-NOT:     tile.sum_warps
// CHECK:         return
func.func @one(%a: tensor<16x128xf16>, %b: tensor<128x64xf16>, %c: tensor<16x64xf32>) -> tensor<16x64xf32> attributes {tile.schedule = #s} {
  %d = tile.dot %a, %b, %c : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
  return %d : tensor<16x64xf32>
}

// -----

#s = #tile.schedule<warps = 4, k_warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>

func.func @not_zero(%a: tensor<16x128xf16>, %b: tensor<128x64xf16>, %c: tensor<16x64xf32>) attributes {tile.schedule = #s} {
  // expected-error @+1 {{k_warps 2 needs an accumulator that starts at zero}}
  %d = tile.dot %a, %b, %c : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
  return
}

// -----

#s = #tile.schedule<warps = 4, k_warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>

func.func @not_only_added_to(%a: tensor<16x128xf16>, %b: tensor<128x64xf16>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %zero = arith.constant 0.0 : f32
  %init = tile.splat %zero : f32 -> tensor<16x64xf32>
  %acc = scf.for %k = %lo to %hi step %st iter_args(%s = %init) -> (tensor<16x64xf32>) : i32 {
    // expected-error @+1 {{k_warps 2 needs an accumulator that the loop only adds to}}
    %d = tile.dot %a, %b, %s : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
    %e = arith.mulf %d, %d : tensor<16x64xf32>
    scf.yield %e : tensor<16x64xf32>
  }
  return
}

// -----

#s = #tile.schedule<warps = 4, k_warps = 2, stages = 1, split = 4, order = interleaved, reduce = cluster, target = sm_90a>

// Sums that are read on the way are not whole there.
func.func @read_on_the_way(%a: tensor<16x128xf16>, %b: tensor<128x64xf16>, %out: !tile.view<16x64xf32>, %lo: i32, %hi: i32, %st: i32) attributes {tile.schedule = #s} {
  %zero = arith.constant 0.0 : f32
  %c0 = arith.constant 0 : i32
  %init = tile.splat %zero : f32 -> tensor<16x64xf32>
  %acc = scf.for %k = %lo to %hi step %st iter_args(%s = %init) -> (tensor<16x64xf32>) : i32 {
    // expected-error @+1 {{k_warps 2 needs an accumulator that the loop only adds to}}
    %d = tile.dot %a, %b, %s : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
    tile.store %s, %out[%c0, %c0] : tensor<16x64xf32>, !tile.view<16x64xf32>
    scf.yield %d : tensor<16x64xf32>
  }
  return
}

// -----

#s = #tile.schedule<warps = 4, k_warps = 2, stages = 1, split = 4, order = interleaved, reduce = cluster, target = sm_90a>

// Sums that go on to a cluster meet in its one exchange.
// CHECK-LABEL: func.func @cluster
// CHECK:         %[[PART:.*]] = scf.for
// CHECK:           tile.dot {{.*}} {k_warps = 2 : i32}
// CHECK-NOT:     tile.sum_warps
// CHECK:         tile.sum_cluster %[[PART]] signals %{{.*}} {blocks = 4 : i32, k_warps = 2 : i32}
// CHECK-NEXT:    return
func.func @cluster(%a: tensor<16x128xf16>, %b: tensor<128x64xf16>, %lo: i32, %hi: i32, %st: i32) -> tensor<16x64xf32> attributes {tile.schedule = #s} {
  %sent = tile.mbarrier_alloc : !tile.mbarriers<1>
  %zero = arith.constant 0.0 : f32
  %init = tile.splat %zero : f32 -> tensor<16x64xf32>
  %acc = scf.for %k = %lo to %hi step %st iter_args(%s = %init) -> (tensor<16x64xf32>) : i32 {
    %d = tile.dot %a, %b, %s : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
    scf.yield %d : tensor<16x64xf32>
  }
  %sum = tile.sum_cluster %acc signals %sent {blocks = 4 : i32} : tensor<16x64xf32>, !tile.mbarriers<1> -> tensor<16x64xf32>
  return %sum : tensor<16x64xf32>
}
