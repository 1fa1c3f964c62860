// Sums over the blocks of a cluster and the warps of each that share a K step.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#p = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#s = #tile.layout<[4, 16], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]], block = [[0, 1]]>

// CHECK-LABEL: func.func @sums
func.func @sums(%a: tensor<16x64xf32>, %b: tensor<4x16xf32, #p>, %sent: !tile.mbarriers<1>, %too: !tile.mbarriers<1>) {
  // CHECK: tile.cluster_arrive
  tile.cluster_arrive
  // CHECK: tile.cluster_wait
  tile.cluster_wait
  // CHECK: tile.sum_cluster %{{.*}} signals %{{.*}} {blocks = 8 : i32, k_warps = 4 : i32} : tensor<16x64xf32>, <1> -> tensor<16x64xf32>
  %0 = tile.sum_cluster %a signals %sent {blocks = 8 : i32, k_warps = 4 : i32} : tensor<16x64xf32>, !tile.mbarriers<1> -> tensor<16x64xf32>
  // CHECK: tile.sum_cluster %{{.*}} signals %{{.*}} {blocks = 2 : i32} : tensor<4x16xf32, #{{.*}}>, <1> -> tensor<4x16xf32, #{{.*}}>
  %1 = tile.sum_cluster %b signals %too {blocks = 2 : i32} : tensor<4x16xf32, #p>, !tile.mbarriers<1> -> tensor<4x16xf32, #s>
  return
}
