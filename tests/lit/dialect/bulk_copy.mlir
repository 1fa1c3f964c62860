// Bulk copies of packed weights, with and without a hint, and what they leave.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#o = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>

// CHECK-LABEL: func.func @copies
// CHECK-SAME:    %[[Q:[a-z0-9]+]]: !tile.view<{{.*}}>, %[[B:[a-z0-9]+]]: !tile.buffer<{{.*}}>, %[[FULL:[a-z0-9]+]]: !tile.mbarriers<3>, %[[I:[a-z0-9]+]]: i32
func.func @copies(%q: !tile.view<64x64xi4, atom = #a>, %b: !tile.buffer<3 of 16x8xi4, atom = #a, #o>, %full: !tile.mbarriers<3>, %i: i32) {
  // CHECK: tile.bulk_copy %[[Q]][%[[I]], %[[I]]], %[[B]][%[[I]]] signals %[[FULL]] :
  tile.bulk_copy %q[%i, %i], %b[%i] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #o>, !tile.mbarriers<3>
  // CHECK: tile.bulk_copy %[[Q]][%[[I]], %[[I]]], %[[B]][%[[I]]] signals %[[FULL]] evict_first :
  tile.bulk_copy %q[%i, %i], %b[%i] signals %full evict_first : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #o>, !tile.mbarriers<3>
  // CHECK: tile.zero_outside %[[Q]][%[[I]], %[[I]]], %[[B]][%[[I]]] :
  tile.zero_outside %q[%i, %i], %b[%i] : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #o>
  // CHECK: %{{.*}} = tile.producer_warp
  %p = tile.producer_warp
  return
}
