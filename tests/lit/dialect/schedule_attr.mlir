// Words in the order of the table, as they are said; options that are no
// identifiers in quotes.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK: func.func private @a() attributes {tile.schedule = #tile.schedule<warps = 4, stages = 4, split = 8, order = interleaved, reduce = ordered, target = sm_90a>}
func.func private @a() attributes {tile.schedule = #tile.schedule<warps = 4, stages = 4,
    split = 8, order = interleaved, reduce = ordered, target = sm_90a>}
// CHECK: order = contiguous, reduce = none, rows = 4, target = sm_80>
func.func private @b() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1,
    split = 1, order = contiguous, reduce = none, rows = 4, target = sm_80>}
// CHECK: warps = 8, k_warps = 4, stages = 1, split = 2, order = contiguous, reduce = atomic,
func.func private @c() attributes {tile.schedule = #tile.schedule<warps = 8, k_warps = 4, stages = 1,
    split = 2, order = contiguous, reduce = atomic, target = sm_80>}
// CHECK: reduce = "atomic-out",
func.func private @d() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1,
    split = 2, order = contiguous, reduce = "atomic-out", target = sm_80>}
// CHECK: warps = 2, stages = 3, scales = sums>
func.func private @e() attributes {tile.schedule = #tile.schedule<warps = 2, stages = 3,
    scales = sums>}
// CHECK: stages = 3, weights = bulk, producers = 1, dependent = half, target = sm_90a>
func.func private @f() attributes {tile.schedule = #tile.schedule<warps = 2, stages = 3,
    weights = bulk, producers = 1, dependent = half, target = sm_90a>}
// CHECK: mma = warpgroup
func.func private @g() attributes {tile.schedule = #tile.schedule<stages = 2, mma = warpgroup, target = sm_90a>}
// CHECK: tile.schedule = #tile.schedule<>
func.func private @h() attributes {tile.schedule = #tile.schedule<>}

// A loop and a dot may have words of their own.
// CHECK: func.func @own
func.func @own(%a: tensor<16x16xf16>, %b: tensor<16x16xf16>, %c: tensor<16x16xf32>, %n: i32)
    attributes {tile.schedule = #tile.schedule<stages = 4>} {
  %r = scf.for %i = %n to %n step %n iter_args(%s = %c) -> (tensor<16x16xf32>) : i32 {
    // CHECK: tile.dot {{.*}} {tile.schedule = #tile.schedule<k_warps = 2>}
    %d = tile.dot %a, %b, %s {tile.schedule = #tile.schedule<k_warps = 2>} : tensor<16x16xf16>, tensor<16x16xf16>, tensor<16x16xf32>
    scf.yield %d : tensor<16x16xf32>
  // CHECK: } {tile.schedule = #tile.schedule<stages = 2>}
  } {tile.schedule = #tile.schedule<stages = 2>}
  return
}
