// mbarriers: allocation, arrivals, waits.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @all
func.func @all(%slot: i32, %p: i32) {
  // CHECK: %[[FULL:.*]] = tile.mbarrier_alloc : <4>
  %full = tile.mbarrier_alloc : !tile.mbarriers<4>
  // CHECK: tile.mbarrier_alloc {offset = 128 : i32} : <1>
  %one = tile.mbarrier_alloc {offset = 128 : i32} : !tile.mbarriers<1>
  // CHECK: tile.mbarrier_init %[[FULL]] arrivals 33 : <4>
  tile.mbarrier_init %full arrivals 33 : !tile.mbarriers<4>
  // CHECK: tile.mbarrier_wait %[[FULL]][%arg0] parity %arg1 : <4>
  tile.mbarrier_wait %full[%slot] parity %p : !tile.mbarriers<4>
  // CHECK: tile.mbarrier_arrive %[[FULL]][%arg0] : <4>
  tile.mbarrier_arrive %full[%slot] : !tile.mbarriers<4>
  // CHECK: tile.async_arrive %[[FULL]][%arg0] : <4>
  tile.async_arrive %full[%slot] : !tile.mbarriers<4>
  return
}
