// RUN: lath-opt %s -split-input-file -verify-diagnostics

#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0]]>
func.func @type(%x: !tile.buffer<1 of 16x64xf16, #x>, %s: i32, %w: tensor<64x64xbf16>, %c: tensor<16x64xf32>) {
  // expected-error @+1 {{expected x and w of one type, got 'f16' and 'bf16'}}
  %0 = tile.warpgroup_dot %x[%s], %w, %c : !tile.buffer<1 of 16x64xf16, #x>, tensor<64x64xbf16>, tensor<16x64xf32>
  return
}

// -----

#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0]]>
func.func @shapes(%x: !tile.buffer<1 of 16x64xf16, #x>, %s: i32, %w: tensor<128x64xf16>, %c: tensor<16x64xf32>) {
  // expected-error @+1 {{expected [M, K] * [K, N] + [M, N], got [16, 64] * [128, 64] + [16, 64]}}
  %0 = tile.warpgroup_dot %x[%s], %w, %c : !tile.buffer<1 of 16x64xf16, #x>, tensor<128x64xf16>, tensor<16x64xf32>
  return
}

// -----

#x = #tile.layout<[16, 32], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [1, 0], [2, 0], [4, 0], [8, 0]]>
func.func @narrow(%x: !tile.buffer<1 of 16x32xf16, #x>, %s: i32, %w: tensor<32x64xf16>, %c: tensor<16x64xf32>) {
  // expected-error @+1 {{expected x of 8 to 256 rows and at least 64 k, got [16, 32]}}
  %0 = tile.warpgroup_dot %x[%s], %w, %c : !tile.buffer<1 of 16x32xf16, #x>, tensor<32x64xf16>, tensor<16x64xf32>
  return
}

// -----

#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0]]>
func.func @scales(%x: !tile.buffer<1 of 16x64xf16, #x>, %s: i32, %w: tensor<64x64xf16>, %c: tensor<16x64xf32>, %g: tensor<1x32xf16>) {
  // expected-error @+1 {{expected scales [G, 64] with G a divisor of 64, got [1, 32]}}
  %0 = tile.warpgroup_dot %x[%s], %w, %c scales %g : !tile.buffer<1 of 16x64xf16, #x>, tensor<64x64xf16>, tensor<16x64xf32>, tensor<1x32xf16>
  return
}

// -----

// Rows of 128 bytes as they lie, without the swizzle.
#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0]]>
#w = #tile.layout<[64, 64], register = [[1, 0], [0, 8], [8, 0], [16, 0], [32, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
#c = #tile.layout<[16, 64], register = [[1, 0], [0, 8], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
func.func @order(%x: !tile.buffer<1 of 16x64xf16, #x>, %s: i32, %w: tensor<64x64xf16, #w>, %c: tensor<16x64xf32, #c>) {
  // expected-error @+1 {{expected x in the order [16, 64] offset = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (0, 32), (1, 8), (2, 16), (4, 32), (8, 0)], got [16, 64] offset = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (0, 32), (1, 0), (2, 0), (4, 0), (8, 0)]}}
  %0 = tile.warpgroup_dot %x[%s], %w, %c : !tile.buffer<1 of 16x64xf16, #x>, tensor<64x64xf16, #w>, tensor<16x64xf32, #c>
  return
}

// -----

// Weights of one warp, repeated: no four warps share 64 rows.
#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
#w = #tile.layout<[64, 16], register = [[1, 0], [0, 8], [8, 0], [16, 0], [32, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 0], [0, 0]]>
#c = #tile.layout<[16, 16], register = [[1, 0], [0, 8], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 0], [0, 0]]>
func.func @warps(%x: !tile.buffer<1 of 16x64xf16, #x>, %s: i32, %w: tensor<64x16xf16, #w>, %c: tensor<16x16xf32, #c>) {
  // expected-error @+1 {{expected w in fragments of wgmma, got}}
  %0 = tile.warpgroup_dot %x[%s], %w, %c : !tile.buffer<1 of 16x64xf16, #x>, tensor<64x16xf16, #w>, tensor<16x16xf32, #c>
  return
}
