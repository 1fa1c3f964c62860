// Each block's share of K, and how partial sums meet.
// RUN: lath-opt %s -tile-split-k -split-input-file -verify-diagnostics | FileCheck %s

// Nothing to split: the loop runs over all of K and the sum is the sum.
// CHECK-LABEL: func.func @none
// CHECK-NOT:     tile.program_id
// CHECK-DAG:     %[[LO:.*]] = arith.constant 0
// CHECK-DAG:     %[[HI:.*]] = arith.constant 1024
// CHECK-DAG:     %[[STEP:.*]] = arith.constant 128
// CHECK:         %[[ACC:.*]] = scf.for %{{.*}} = %{{.*}} to %[[HI]] step %[[STEP]]
// CHECK:         %[[H:.*]] = tile.cast %[[ACC]]
// CHECK-NEXT:    tile.store %[[H]]
// CHECK-NEXT:    return
func.func @none(%x: !tile.view<16x1024xf32>, %out: !tile.view<16x128xf16>, %init: tensor<16x128xf32>)
    attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>} {
  %c0 = arith.constant 0 : i32
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x128xf32>) : i32 {
    %t = tile.load %x[%c0, %k] : !tile.view<16x1024xf32> -> tensor<16x128xf32>
    %n = arith.addf %a, %t : tensor<16x128xf32>
    scf.yield %n : tensor<16x128xf32>
  }
  %sum = tile.reduce_splits %acc : tensor<16x128xf32>
  %h = tile.cast %sum : tensor<16x128xf32> -> tensor<16x128xf16>
  tile.store %h, %out[%c0, %c0] : tensor<16x128xf16>, !tile.view<16x128xf16>
  return
}

// -----

// Block s takes steps s, s + 4, ... and adds up all blocks' sums if it is the
// last of its tile to arrive, in the order of the blocks.
// CHECK-LABEL: func.func @ordered
// CHECK-SAME:    %[[WS:[a-z0-9]*]]: !llvm.ptr<1> {tile.kind = 2 : i32, tile.name = "workspace", tile.type = "f32"}
// CHECK-SAME:    %[[TICKETS:[a-z0-9]*]]: !llvm.ptr<1> {tile.kind = 3 : i32, tile.name = "tickets", tile.type = "i32"}
// CHECK:         %[[HI:.*]] = arith.constant 1024
// CHECK:         %[[S:.*]] = tile.program_id 2
// CHECK:         %[[STEP:.*]] = arith.constant 128
// CHECK:         %[[LO:.*]] = arith.muli %[[S]], %[[STEP]]
// CHECK:         %[[STRIDE:.*]] = arith.constant 512
// CHECK:         %[[ACC:.*]] = scf.for %{{.*}} = %[[LO]] to %[[HI]] step %[[STRIDE]]
// CHECK-DAG:     %[[Y:.*]] = tile.program_id 1
// CHECK-DAG:     %[[WIDTH:.*]] = tile.num_programs 0
// CHECK:         %[[ROW:.*]] = arith.muli %[[Y]], %[[WIDTH]]
// CHECK:         %[[X:.*]] = tile.program_id 0
// CHECK:         %[[TILE:.*]] = arith.addi %[[ROW]], %[[X]]
// CHECK:         %[[SPLIT:.*]] = arith.constant 4
// CHECK:         %[[FIRST:.*]] = arith.muli %[[TILE]], %[[SPLIT]]
// CHECK:         %[[SLOT:.*]] = arith.addi %[[FIRST]], %{{.*}}
// CHECK:         tile.partial_store %[[ACC]], %[[WS]][%[[SLOT]]] : tensor
// CHECK:         %[[LAST:.*]] = tile.arrive %[[TICKETS]][%[[TILE]]] of 4
// CHECK:         scf.if %[[LAST]] {
// CHECK:           %[[P0:.*]] = tile.partial_load %[[WS]][%[[FIRST]]] :
// CHECK:           %[[P1:.*]] = tile.partial_load
// CHECK:           %[[S1:.*]] = arith.addf %[[P0]], %[[P1]]
// CHECK:           %[[P2:.*]] = tile.partial_load
// CHECK:           %[[S2:.*]] = arith.addf %[[S1]], %[[P2]]
// CHECK:           %[[P3:.*]] = tile.partial_load
// CHECK:           %[[S3:.*]] = arith.addf %[[S2]], %[[P3]]
// CHECK:           %[[H:.*]] = tile.cast %[[S3]]
// CHECK:           tile.store %[[H]]
// CHECK-NEXT:    }
// CHECK-NEXT:    return
func.func @ordered(%x: !tile.view<16x1024xf32>, %out: !tile.view<16x128xf16>, %init: tensor<16x128xf32>)
    attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = interleaved, reduce = ordered, target = sm_90a>} {
  %c0 = arith.constant 0 : i32
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x128xf32>) : i32 {
    %t = tile.load %x[%c0, %k] : !tile.view<16x1024xf32> -> tensor<16x128xf32>
    %n = arith.addf %a, %t : tensor<16x128xf32>
    scf.yield %n : tensor<16x128xf32>
  }
  %sum = tile.reduce_splits %acc : tensor<16x128xf32>
  %h = tile.cast %sum : tensor<16x128xf32> -> tensor<16x128xf16>
  tile.store %h, %out[%c0, %c0] : tensor<16x128xf16>, !tile.view<16x128xf16>
  return
}

// -----

// One slot a tile, added to atomically; the last block reads and clears it.
// CHECK-LABEL: func.func @atomic
// CHECK-SAME:    %[[WS:[a-z0-9]*]]: !llvm.ptr<1> {tile.kind = 2 : i32, tile.name = "workspace", tile.type = "f32"}
// CHECK-SAME:    %[[TICKETS:[a-z0-9]*]]: !llvm.ptr<1> {tile.kind = 3 : i32, tile.name = "tickets", tile.type = "i32"}
// CHECK:         %[[ACC:.*]] = scf.for
// CHECK:         %[[ROW:.*]] = arith.muli
// CHECK:         %[[TILE:.*]] = arith.addi %[[ROW]]
// CHECK-NOT:     arith.muli
// CHECK:         tile.partial_store %[[ACC]], %[[WS]][%[[TILE]]] atomic
// CHECK:         %[[LAST:.*]] = tile.arrive %[[TICKETS]][%[[TILE]]] of 4
// CHECK:         scf.if %[[LAST]] {
// CHECK-NEXT:      %[[SUM:.*]] = tile.partial_load %[[WS]][%[[TILE]]] clear
// CHECK-NEXT:      %[[H:.*]] = tile.cast %[[SUM]]
// CHECK-NEXT:      tile.store %[[H]]
// CHECK-NEXT:    }
func.func @atomic(%x: !tile.view<16x1024xf32>, %out: !tile.view<16x128xf16>, %init: tensor<16x128xf32>)
    attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = interleaved, reduce = atomic, target = sm_90a>} {
  %c0 = arith.constant 0 : i32
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x128xf32>) : i32 {
    %t = tile.load %x[%c0, %k] : !tile.view<16x1024xf32> -> tensor<16x128xf32>
    %n = arith.addf %a, %t : tensor<16x128xf32>
    scf.yield %n : tensor<16x128xf32>
  }
  %sum = tile.reduce_splits %acc : tensor<16x128xf32>
  %h = tile.cast %sum : tensor<16x128xf32> -> tensor<16x128xf16>
  tile.store %h, %out[%c0, %c0] : tensor<16x128xf16>, !tile.view<16x128xf16>
  return
}

// -----

// No workspace: each block adds its share into the output.
// CHECK-LABEL: func.func @atomic_out
// CHECK-NOT:     tile.kind
// CHECK:         %[[ACC:.*]] = scf.for
// CHECK:         %[[H:.*]] = tile.cast %[[ACC]]
// CHECK-NEXT:    tile.atomic add %[[H]]
// CHECK-NOT:     tile.store
// CHECK:         return
func.func @atomic_out(%x: !tile.view<16x1024xf32>, %out: !tile.view<16x128xf16>, %init: tensor<16x128xf32>)
    attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = interleaved, reduce = "atomic-out", target = sm_90a>} {
  %c0 = arith.constant 0 : i32
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x128xf32>) : i32 {
    %t = tile.load %x[%c0, %k] : !tile.view<16x1024xf32> -> tensor<16x128xf32>
    %n = arith.addf %a, %t : tensor<16x128xf32>
    scf.yield %n : tensor<16x128xf32>
  }
  %sum = tile.reduce_splits %acc : tensor<16x128xf32>
  %h = tile.cast %sum : tensor<16x128xf32> -> tensor<16x128xf16>
  tile.store %h, %out[%c0, %c0] : tensor<16x128xf16>, !tile.view<16x128xf16>
  return
}

// -----

// Runs of two and three steps: five steps are divided at floor(5 s / 2).
// CHECK-LABEL: func.func @contiguous
// CHECK:         %[[K:.*]] = arith.constant 640
// CHECK:         %[[STEP:.*]] = arith.constant 128
// CHECK:         %[[S:.*]] = tile.program_id 2
// CHECK:         %[[FIVE:.*]] = arith.constant 5
// CHECK:         %[[SCALED:.*]] = arith.muli %[[S]], %[[FIVE]]
// CHECK:         %[[TWO:.*]] = arith.constant 2
// CHECK:         %[[FIRST:.*]] = arith.divui %[[SCALED]], %[[TWO]]
// CHECK:         %[[LO:.*]] = arith.muli %[[FIRST]], %{{.*}}
// CHECK:         %[[NEXT:.*]] = arith.addi %[[S]], %{{.*}}
// CHECK:         %[[SCALED2:.*]] = arith.muli %[[NEXT]], %{{.*}}
// CHECK:         %[[LAST:.*]] = arith.divui %[[SCALED2]], %{{.*}}
// CHECK:         %[[END:.*]] = arith.muli %[[LAST]], %{{.*}}
// CHECK:         %[[HI:.*]] = arith.minsi %[[END]], %[[K]]
// CHECK:         scf.for %{{.*}} = %[[LO]] to %[[HI]] step %[[STEP]]
// CHECK:         tile.partial_store
func.func @contiguous(%x: !tile.view<16x640xf32>, %out: !tile.view<16x128xf16>, %init: tensor<16x128xf32>)
    attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 2, order = contiguous, reduce = ordered, target = sm_90a>} {
  %c0 = arith.constant 0 : i32
  %lo, %hi, %st = tile.k_range extent 640 step 128
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x128xf32>) : i32 {
    %t = tile.load %x[%c0, %k] : !tile.view<16x640xf32> -> tensor<16x128xf32>
    %n = arith.addf %a, %t : tensor<16x128xf32>
    scf.yield %n : tensor<16x128xf32>
  }
  %sum = tile.reduce_splits %acc : tensor<16x128xf32>
  %h = tile.cast %sum : tensor<16x128xf32> -> tensor<16x128xf16>
  tile.store %h, %out[%c0, %c0] : tensor<16x128xf16>, !tile.view<16x128xf16>
  return
}

// -----

// Where the split divides the steps, nothing is divided.
// CHECK-LABEL: func.func @contiguous_atomic
// CHECK-NOT:     arith.divui
// CHECK:         %[[LO:.*]] = arith.muli
// CHECK:         %[[HI:.*]] = arith.minsi
// CHECK:         scf.for %{{.*}} = %[[LO]] to %[[HI]]
// CHECK:         tile.partial_store %{{.*}} atomic
func.func @contiguous_atomic(%x: !tile.view<16x1024xf32>, %out: !tile.view<16x128xf16>, %init: tensor<16x128xf32>)
    attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 8, order = contiguous, reduce = atomic, target = sm_90a>} {
  %c0 = arith.constant 0 : i32
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x128xf32>) : i32 {
    %t = tile.load %x[%c0, %k] : !tile.view<16x1024xf32> -> tensor<16x128xf32>
    %n = arith.addf %a, %t : tensor<16x128xf32>
    scf.yield %n : tensor<16x128xf32>
  }
  %sum = tile.reduce_splits %acc : tensor<16x128xf32>
  %h = tile.cast %sum : tensor<16x128xf32> -> tensor<16x128xf16>
  tile.store %h, %out[%c0, %c0] : tensor<16x128xf16>, !tile.view<16x128xf16>
  return
}

// -----

// CHECK-LABEL: func.func @contiguous_atomic_out
// CHECK:         %[[LO:.*]] = arith.muli
// CHECK:         %[[HI:.*]] = arith.minsi
// CHECK:         scf.for %{{.*}} = %[[LO]] to %[[HI]]
// CHECK:         tile.atomic add
func.func @contiguous_atomic_out(%x: !tile.view<16x1024xf32>, %out: !tile.view<16x128xf16>, %init: tensor<16x128xf32>)
    attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 8, order = contiguous, reduce = "atomic-out", target = sm_90a>} {
  %c0 = arith.constant 0 : i32
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x128xf32>) : i32 {
    %t = tile.load %x[%c0, %k] : !tile.view<16x1024xf32> -> tensor<16x128xf32>
    %n = arith.addf %a, %t : tensor<16x128xf32>
    scf.yield %n : tensor<16x128xf32>
  }
  %sum = tile.reduce_splits %acc : tensor<16x128xf32>
  %h = tile.cast %sum : tensor<16x128xf32> -> tensor<16x128xf16>
  tile.store %h, %out[%c0, %c0] : tensor<16x128xf16>, !tile.view<16x128xf16>
  return
}

// -----

// What comes before the sum stays with every block, what follows moves.
// CHECK-LABEL: func.func @epilogue
// CHECK:         scf.if
// CHECK:           %[[SUM:.*]] = tile.partial_load
// CHECK:           %[[TWICE:.*]] = arith.addf %[[SUM]], %[[SUM]]
// CHECK:           tile.cast %[[TWICE]]
func.func @epilogue(%x: !tile.view<16x1024xf32>, %out: !tile.view<16x128xf16>, %init: tensor<16x128xf32>)
    attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = interleaved, reduce = atomic, target = sm_90a>} {
  %c0 = arith.constant 0 : i32
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x128xf32>) : i32 {
    %t = tile.load %x[%c0, %k] : !tile.view<16x1024xf32> -> tensor<16x128xf32>
    %n = arith.addf %a, %t : tensor<16x128xf32>
    scf.yield %n : tensor<16x128xf32>
  }
  %sum = tile.reduce_splits %acc : tensor<16x128xf32>
  %twice = arith.addf %sum, %sum : tensor<16x128xf32>
  %h = tile.cast %twice : tensor<16x128xf32> -> tensor<16x128xf16>
  tile.store %h, %out[%c0, %c0] : tensor<16x128xf16>, !tile.view<16x128xf16>
  return
}

// -----

// expected-error @+1 {{expected a tile.schedule attribute}}
func.func @no_schedule() {
  return
}

// -----

// expected-error @+1 {{split 4 needs one k_range and one reduce_splits, got 0 and 0}}
func.func @nothing_to_split() attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = interleaved, reduce = ordered, target = sm_90a>} {
  return
}

// -----

// expected-error @+1 {{split 4 needs one k_range and one reduce_splits, got 2 and 1}}
func.func @two_ranges(%a: tensor<16x16xf32>) -> (i32, i32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = interleaved, reduce = ordered, target = sm_90a>} {
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  %lo1, %hi1, %st1 = tile.k_range extent 512 step 128
  %sum = tile.reduce_splits %a : tensor<16x16xf32>
  return %hi, %hi1 : i32, i32
}

// -----

func.func @axis(%a: tensor<16x16xf32>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = interleaved, reduce = ordered, target = sm_90a>} {
  // expected-error @+1 {{axis 2 of the grid holds the splits; use 0 and 1}}
  %id = tile.program_id 2
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  %sum = tile.reduce_splits %a : tensor<16x16xf32>
  return
}

// -----

func.func @extent_of_axis(%a: tensor<16x16xf32>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = interleaved, reduce = ordered, target = sm_90a>} {
  // expected-error @+1 {{axis 2 of the grid holds the splits; use 0 and 1}}
  %count = tile.num_programs 2
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  %sum = tile.reduce_splits %a : tensor<16x16xf32>
  return
}

// -----

func.func @not_stored(%a: tensor<16x16xf32>, %out: !tile.view<16x16xf32>, %i: i32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = interleaved, reduce = "atomic-out", target = sm_90a>} {
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  %sum = tile.reduce_splits %a : tensor<16x16xf32>
  // expected-error @+1 {{atomic adds into the output are possible only where the sum is cast and stored}}
  %twice = arith.addf %sum, %sum : tensor<16x16xf32>
  tile.store %twice, %out[%i, %i] : tensor<16x16xf32>, !tile.view<16x16xf32>
  return
}

// -----

func.func @in_a_loop(%a: tensor<16x16xf32>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = interleaved, reduce = ordered, target = sm_90a>} {
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  scf.for %k = %lo to %hi step %st : i32 {
    // expected-error @+1 {{expected at the top level of the kernel}}
    %sum = tile.reduce_splits %a : tensor<16x16xf32>
  }
  return
}

// -----

// The blocks of a tile are one cluster: no workspace, no ticket, and no branch,
// since every block stores a part.
// CHECK-LABEL: func.func @cluster
// CHECK-NOT:     tile.kind
// CHECK:         %[[SENT:.*]] = tile.mbarrier_alloc : <1>
// CHECK-NEXT:    tile.mbarrier_init %[[SENT]] arrivals 1
// CHECK-NEXT:    tile.cluster_arrive
// CHECK:         %[[ACC:.*]] = scf.for
// CHECK:         tile.cluster_wait
// CHECK-NEXT:    %[[SUM:.*]] = tile.sum_cluster %[[ACC]] signals %[[SENT]] {blocks = 4 : i32}
// CHECK-NEXT:    %[[H:.*]] = tile.cast %[[SUM]]
// CHECK-NEXT:    tile.store %[[H]]
// CHECK-NEXT:    return
func.func @cluster(%x: !tile.view<16x1024xf32>, %out: !tile.view<16x128xf16>, %init: tensor<16x128xf32>)
    attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 4, order = interleaved, reduce = cluster, target = sm_90a>} {
  %c0 = arith.constant 0 : i32
  %lo, %hi, %st = tile.k_range extent 1024 step 128
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<16x128xf32>) : i32 {
    %t = tile.load %x[%c0, %k] : !tile.view<16x1024xf32> -> tensor<16x128xf32>
    %n = arith.addf %a, %t : tensor<16x128xf32>
    scf.yield %n : tensor<16x128xf32>
  }
  %sum = tile.reduce_splits %acc : tensor<16x128xf32>
  %h = tile.cast %sum : tensor<16x128xf32> -> tensor<16x128xf16>
  tile.store %h, %out[%c0, %c0] : tensor<16x128xf16>, !tile.view<16x128xf16>
  return
}

// -----

// Kernels count K in 32 bits: strides that would wrap are refused.
func.func @wide_strides(%a: tensor<16x16xf32>) -> (i32, i32, i32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 4, split = 65535, order = interleaved, reduce = ordered, target = sm_90a>} {
  // expected-error @+1 {{extent 1048576 in strides of 536862720, of which 4 go ahead, counts k to 2148499456; at most 2147483647 fits}}
  %lo, %hi, %st = tile.k_range extent 1048576 step 8192
  %sum = tile.reduce_splits %a : tensor<16x16xf32>
  return %lo, %hi, %st : i32, i32, i32
}

// -----

func.func @many_steps(%a: tensor<16x16xf32>) -> (i32, i32, i32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 4, split = 65535, order = contiguous, reduce = ordered, target = sm_90a>} {
  // expected-error @+1 {{split 65535 of 65538 steps counts to 4295032830; at most 4294967295 fits}}
  %lo, %hi, %st = tile.k_range extent 1048608 step 16
  %sum = tile.reduce_splits %a : tensor<16x16xf32>
  return %lo, %hi, %st : i32, i32, i32
}

// -----

// The most that fits: 65535 of 65537 steps.
// CHECK-LABEL: func.func @most_steps
// CHECK:         arith.constant 65537 : i32
// CHECK:         arith.divui
func.func @most_steps(%a: !tile.view<16x16xf32>, %t: tensor<16x16xf32>) -> (i32, i32, i32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 4, split = 65535, order = contiguous, reduce = "atomic-out", target = sm_90a>} {
  %c0 = arith.constant 0 : i32
  %lo, %hi, %st = tile.k_range extent 1048592 step 16
  %sum = tile.reduce_splits %t : tensor<16x16xf32>
  tile.store %sum, %a[%c0, %c0] : tensor<16x16xf32>, !tile.view<16x16xf32>
  return %lo, %hi, %st : i32, i32, i32
}

// -----

// All blocks of a cluster go on behind the sum.
func.func @counted(%a: !tile.view<16x16xf32>, %n: !tile.view<64xi32>, %t: tensor<16x16xf32>, %one: tensor<1xi32>) -> (i32, i32, i32) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 4, split = 4, order = contiguous, reduce = cluster, target = sm_90a>} {
  %c0 = arith.constant 0 : i32
  %lo, %hi, %st = tile.k_range extent 1024 step 16
  %before = tile.atomic add %one, %n[%c0] : tensor<1xi32>, !tile.view<64xi32>
  %sum = tile.reduce_splits %t : tensor<16x16xf32>
  tile.store %sum, %a[%c0, %c0] : tensor<16x16xf32>, !tile.view<16x16xf32>
  // expected-error @+1 {{behind a sum with reduce=cluster, which every block of the cluster goes on with, atomics would be done by each; use reduce=ordered}}
  %old = tile.atomic add %one, %n[%c0] : tensor<1xi32>, !tile.view<64xi32>
  return %lo, %hi, %st : i32, i32, i32
}
