// All words of both enumerations.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK: func.func private @a() attributes {tile.schedule = #tile.schedule<warps = 4, stages = 4, split = 8, order = interleaved, reduce = ordered, capability = 90>}
func.func private @a() attributes {tile.schedule = #tile.schedule<warps = 4, stages = 4,
    split = 8, order = interleaved, reduce = ordered, capability = 90>}
// CHECK: order = contiguous, reduce = none
func.func private @b() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1,
    split = 1, order = contiguous, reduce = none, capability = 80>}
// CHECK: warps = 8, k_warps = 4, stages = 1, split = 2, order = contiguous, reduce = atomic,
func.func private @c() attributes {tile.schedule = #tile.schedule<warps = 8, k_warps = 4, stages = 1,
    split = 2, order = contiguous, reduce = atomic, capability = 80>}
// CHECK: reduce = atomic_out,
func.func private @d() attributes {tile.schedule = #tile.schedule<warps = 1, stages = 1,
    split = 2, order = contiguous, reduce = atomic_out, capability = 80>}
// CHECK: warps = 2, stages = 3, scale_sums = true, split = 1,
func.func private @e() attributes {tile.schedule = #tile.schedule<warps = 2, stages = 3,
    scale_sums = true, split = 1, order = contiguous, reduce = none, capability = 80>}
// CHECK: stages = 3, bulk_weights = true, producers = 1, split = 1,
func.func private @f() attributes {tile.schedule = #tile.schedule<warps = 2, stages = 3,
    bulk_weights = true, producers = 1, split = 1, order = contiguous, reduce = none, capability = 90>}
