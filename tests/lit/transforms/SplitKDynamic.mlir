// Shares of a K range whose extent is known at launch.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-split-k -split-input-file | FileCheck %s

// Steps s, s + 4, ...: the end is the operand.
// CHECK-LABEL: func.func @interleaved
// CHECK-SAME:    %[[N:[a-z0-9]+]]: i32
// CHECK-DAG:     %[[S:.*]] = tile.program_id 2
// CHECK:         %[[LO:.*]] = arith.muli %[[S]], %{{.*}} : i32
// CHECK:         %[[ST:.*]] = arith.constant 256 : i32
// CHECK:         "t.use"(%[[LO]], %[[N]], %[[ST]])
func.func @interleaved(%n: i32, %a: tensor<16x16xf32>)
    attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = interleaved, reduce = atomic, target = sm_90a>} {
  %lo, %hi, %st = tile.k_range extent %n step 64
  "t.use"(%lo, %hi, %st) : (i32, i32, i32) -> ()
  %sum = tile.reduce_splits %a : tensor<16x16xf32>
  return
}

// -----

// Runs of floor(s n / 4) to floor((s + 1) n / 4) of n = ceil(max(N, 0) / 64)
// steps, by quotient and rest: no product is larger than N.
// CHECK-LABEL: func.func @contiguous
// CHECK-SAME:    %[[N:[a-z0-9]+]]: i32
// CHECK:         %[[S:.*]] = tile.program_id 2
// CHECK:         %[[LEAST:.*]] = arith.maxsi %[[N]], %{{.*}}
// CHECK:         %[[UP:.*]] = arith.addi %[[LEAST]], %{{.*}}
// CHECK:         %[[STEPS:.*]] = arith.divui %[[UP]], %{{.*}}
// CHECK:         %[[WHOLE:.*]] = arith.divui %[[STEPS]], %{{.*}}
// CHECK:         %[[REST:.*]] = arith.remui %[[STEPS]], %{{.*}}
// CHECK:         arith.muli %[[S]], %[[REST]]
// CHECK:         arith.muli %[[S]], %[[WHOLE]]
// CHECK:         %[[HI:.*]] = arith.minsi %{{.*}}, %[[N]]
// CHECK:         "t.use"(%{{.*}}, %[[HI]], %{{.*}})
func.func @contiguous(%n: i32, %a: tensor<16x16xf32>)
    attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = contiguous, reduce = atomic, target = sm_90a>} {
  %lo, %hi, %st = tile.k_range extent %n step 64
  "t.use"(%lo, %hi, %st) : (i32, i32, i32) -> ()
  %sum = tile.reduce_splits %a : tensor<16x16xf32>
  return
}
