// Activations in shared memory in the order of wgmma, weights in registers.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
#w = #tile.layout<[64, 64], register = [[1, 0], [0, 8], [8, 0], [16, 0], [32, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
#c = #tile.layout<[16, 64], register = [[1, 0], [0, 8], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>

// CHECK-LABEL: func.func @dots
func.func @dots(%x: !tile.buffer<4 of 16x64xf16, #x>, %s: i32,
                %w: tensor<64x64xf16, #w>, %acc: tensor<16x64xf32, #c>,
                %v: tensor<64x64xf16>, %sum: tensor<16x64xf32>,
                %g: tensor<2x64xf16>) -> tensor<16x64xf32, #c> {
  // CHECK: tile.warpgroup_dot %{{.*}}[%{{.*}}], %{{.*}}, %{{.*}} : <4 of 16x64xf16, #{{.*}}>, tensor<64x64xf16, #{{.*}}>, tensor<16x64xf32, #{{.*}}>
  %0 = tile.warpgroup_dot %x[%s], %w, %acc : !tile.buffer<4 of 16x64xf16, #x>, tensor<64x64xf16, #w>, tensor<16x64xf32, #c>
  // CHECK: tile.warpgroup_dot %{{.*}}[%{{.*}}], %{{.*}}, %{{.*}} scales %{{.*}} : <4 of 16x64xf16, #{{.*}}>, tensor<64x64xf16>, tensor<16x64xf32>, tensor<2x64xf16>
  %1 = tile.warpgroup_dot %x[%s], %v, %sum scales %g : !tile.buffer<4 of 16x64xf16, #x>, tensor<64x64xf16>, tensor<16x64xf32>, tensor<2x64xf16>
  // CHECK: tile.async_wait 1 for_matrix_operands
  tile.async_wait 1 for_matrix_operands
  return %0 : tensor<16x64xf32, #c>
}
