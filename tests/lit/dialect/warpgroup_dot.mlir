// Operands in shared memory in the order of wgmma, one of them perhaps in
// registers.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
#w = #tile.layout<[64, 64], register = [[1, 0], [0, 8], [8, 0], [16, 0], [32, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
#c = #tile.layout<[16, 64], register = [[1, 0], [0, 8], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
#a = #tile.layout<[64, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0], [16, 0], [32, 0]]>
#b = #tile.layout<[64, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0], [2, 0], [4, 8], [8, 0], [16, 0], [32, 0]]>
#sum = #tile.layout<[64, 16], register = [[8, 0], [0, 1], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[16, 0], [32, 0]]>

// CHECK-LABEL: func.func @registers
func.func @registers(%x: !tile.buffer<1 of 16x64xf16, #x>,
                     %w: tensor<64x64xf16, #w>, %acc: tensor<16x64xf32, #c>,
                     %v: tensor<64x64xf16>, %sum: tensor<16x64xf32>,
                     %g: tensor<2x64xf16>) -> tensor<16x64xf32, #c> {
  // CHECK: tile.warpgroup_dot %{{.*}}, %{{.*}}, %{{.*}} swapped : !tile.buffer<1 of 16x64xf16, #{{.*}}>, tensor<64x64xf16, #{{.*}}>, tensor<16x64xf32, #{{.*}}>
  %0 = tile.warpgroup_dot %x, %w, %acc swapped : !tile.buffer<1 of 16x64xf16, #x>, tensor<64x64xf16, #w>, tensor<16x64xf32, #c>
  // CHECK: tile.warpgroup_dot %{{.*}}, %{{.*}}, %{{.*}} scales %{{.*}} swapped : !tile.buffer<1 of 16x64xf16, #{{.*}}>, tensor<64x64xf16>, tensor<16x64xf32>, tensor<2x64xf16>
  %1 = tile.warpgroup_dot %x, %v, %sum scales %g swapped : !tile.buffer<1 of 16x64xf16, #x>, tensor<64x64xf16>, tensor<16x64xf32>, tensor<2x64xf16>
  // CHECK: tile.async_wait 1 for_matrix_operands
  tile.async_wait 1 for_matrix_operands
  return %0 : tensor<16x64xf32, #c>
}

// b lies as [K, N], of 16 columns: rows of 32 bytes, of which two chunks are
// permuted; x, transposed, is a [16, 64] matrix with k last.
// CHECK-LABEL: func.func @shared
func.func @shared(%a: !tile.buffer<1 of 64x64xf16, #a>, %b: !tile.buffer<1 of 64x16xf16, #b>,
                  %x: !tile.buffer<1 of 16x64xf16, #x>, %sum: tensor<64x16xf32, #sum>) {
  // CHECK: tile.warpgroup_dot %{{.*}}, %{{.*}}, %{{.*}} : !tile.buffer<1 of 64x64xf16, #{{.*}}>, !tile.buffer<1 of 64x16xf16, #{{.*}}>, tensor<64x16xf32, #{{.*}}>
  %0 = tile.warpgroup_dot %a, %b, %sum : !tile.buffer<1 of 64x64xf16, #a>, !tile.buffer<1 of 64x16xf16, #b>, tensor<64x16xf32, #sum>
  // CHECK: tile.warpgroup_dot %{{.*}} transposed, %{{.*}} transposed, %{{.*}} : 
  %1 = tile.warpgroup_dot %a transposed, %x transposed, %sum : !tile.buffer<1 of 64x64xf16, #a>, !tile.buffer<1 of 16x64xf16, #x>, tensor<64x16xf32, #sum>
  return
}
