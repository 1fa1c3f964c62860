// RUN: lath-opt %s -split-input-file -verify-diagnostics

#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
func.func @type(%x: !tile.buffer<1 of 16x64xf16, #x>, %w: tensor<64x64xbf16>, %c: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a and b of one type, got 'f16' and 'bf16'}}
  %0 = tile.warpgroup_dot %x, %w, %c swapped : !tile.buffer<1 of 16x64xf16, #x>, tensor<64x64xbf16>, tensor<16x64xf32>
  return
}

// -----

#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
func.func @shapes(%x: !tile.buffer<1 of 16x64xf16, #x>, %w: tensor<128x64xf16>, %c: tensor<16x64xf32>) {
  // expected-error @+1 {{expected [M, K] * [K, N] + [M, N], got [16, 64] * [128, 64] + [16, 64]}}
  %0 = tile.warpgroup_dot %x, %w, %c swapped : !tile.buffer<1 of 16x64xf16, #x>, tensor<128x64xf16>, tensor<16x64xf32>
  return
}

// -----

#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
func.func @both_in_registers(%x: tensor<16x64xf16>, %w: tensor<64x64xf16>, %c: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a in a buffer, got 'tensor<16x64xf16>'}}
  %0 = tile.warpgroup_dot %x, %w, %c swapped : tensor<16x64xf16>, tensor<64x64xf16>, tensor<16x64xf32>
  return
}

// -----

#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
func.func @registers_transposed(%x: !tile.buffer<1 of 16x64xf16, #x>, %w: tensor<64x64xf16>, %c: tensor<16x64xf32>) {
  // expected-error @+1 {{expected only buffers to be transposed, got 'tensor<64x64xf16>'}}
  %0 = tile.warpgroup_dot %x, %w transposed, %c swapped : !tile.buffer<1 of 16x64xf16, #x>, tensor<64x64xf16>, tensor<16x64xf32>
  return
}

// -----

#x = #tile.layout<[4, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16]]>
func.func @narrow(%x: !tile.buffer<1 of 4x64xf16, #x>, %w: tensor<64x64xf16>, %c: tensor<4x64xf32>) {
  // expected-error @+1 {{expected 8 to 256 columns of at least 16 k, got 4 of 64}}
  %0 = tile.warpgroup_dot %x, %w, %c swapped : !tile.buffer<1 of 4x64xf16, #x>, tensor<64x64xf16>, tensor<4x64xf32>
  return
}

// -----

#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
func.func @scales(%x: !tile.buffer<1 of 16x64xf16, #x>, %w: tensor<64x64xf16>, %c: tensor<16x64xf32>, %g: tensor<1x32xf16>) {
  // expected-error @+1 {{expected scales [G, 64] with G a divisor of 64, got [1, 32]}}
  %0 = tile.warpgroup_dot %x, %w, %c scales %g swapped : !tile.buffer<1 of 16x64xf16, #x>, tensor<64x64xf16>, tensor<16x64xf32>, tensor<1x32xf16>
  return
}

// -----

// All stages, not one of them.
#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
#w = #tile.layout<[64, 64], register = [[1, 0], [0, 8], [8, 0], [16, 0], [32, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
#c = #tile.layout<[16, 64], register = [[1, 0], [0, 8], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
func.func @stages(%x: !tile.buffer<2 of 16x64xf16, #x>, %w: tensor<64x64xf16, #w>, %c: tensor<16x64xf32, #c>) {
  // expected-error @+1 {{expected a buffer of one stage, got 2}}
  %0 = tile.warpgroup_dot %x, %w, %c swapped : !tile.buffer<2 of 16x64xf16, #x>, tensor<64x64xf16, #w>, tensor<16x64xf32, #c>
  return
}

// -----

// Rows of 128 bytes as they lie, without the swizzle.
#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0]]>
#w = #tile.layout<[64, 64], register = [[1, 0], [0, 8], [8, 0], [16, 0], [32, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
#c = #tile.layout<[16, 64], register = [[1, 0], [0, 8], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 16], [0, 32]]>
func.func @order(%x: !tile.buffer<1 of 16x64xf16, #x>, %w: tensor<64x64xf16, #w>, %c: tensor<16x64xf32, #c>) {
  // expected-error @+1 {{expected a buffer in the order [16, 64] offset = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (0, 32), (1, 8), (2, 16), (4, 32), (8, 0)], got [16, 64] offset = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (0, 32), (1, 0), (2, 0), (4, 0), (8, 0)]}}
  %0 = tile.warpgroup_dot %x, %w, %c swapped : !tile.buffer<1 of 16x64xf16, #x>, tensor<64x64xf16, #w>, tensor<16x64xf32, #c>
  return
}

// -----

// Weights of one warp, repeated: no four warps share 64 rows.
#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
#w = #tile.layout<[64, 16], register = [[1, 0], [0, 8], [8, 0], [16, 0], [32, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 0], [0, 0]]>
#c = #tile.layout<[16, 16], register = [[1, 0], [0, 8], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 0], [0, 0]]>
func.func @warps(%x: !tile.buffer<1 of 16x64xf16, #x>, %w: tensor<64x16xf16, #w>, %c: tensor<16x16xf32, #c>) {
  // expected-error @+1 {{expected b in fragments of wgmma, got}}
  %0 = tile.warpgroup_dot %x, %w, %c swapped : !tile.buffer<1 of 16x64xf16, #x>, tensor<64x16xf16, #w>, tensor<16x16xf32, #c>
  return
}

// -----

// The first warp has rows 0 to 7 and 16 to 23.
#a = #tile.layout<[64, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0], [16, 0], [32, 0]]>
#b = #tile.layout<[64, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0], [2, 0], [4, 8], [8, 0], [16, 0], [32, 0]]>
#sum = #tile.layout<[64, 16], register = [[16, 0], [0, 1], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[8, 0], [32, 0]]>
func.func @sums(%a: !tile.buffer<1 of 64x64xf16, #a>, %b: !tile.buffer<1 of 64x16xf16, #b>, %sum: tensor<64x16xf32, #sum>) {
  // expected-error @+1 {{expected sums in the order of wgmma, got}}
  %0 = tile.warpgroup_dot %a, %b, %sum : !tile.buffer<1 of 64x64xf16, #a>, !tile.buffer<1 of 64x16xf16, #b>, tensor<64x16xf32, #sum>
  return
}

// -----

// Eight columns, rows of 16 bytes: there is no swizzle of these.
#a = #tile.layout<[64, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0], [16, 0], [32, 0]]>
#b = #tile.layout<[64, 8], offset = [[0, 1], [0, 2], [0, 4], [1, 0], [2, 0], [4, 0], [8, 0], [16, 0], [32, 0]]>
#sum = #tile.layout<[64, 8], register = [[8, 0], [0, 1]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[16, 0], [32, 0]]>
func.func @short_rows(%a: !tile.buffer<1 of 64x64xf16, #a>, %b: !tile.buffer<1 of 64x8xf16, #b>, %sum: tensor<64x8xf32, #sum>) {
  // expected-error @+1 {{expected rows of at least 32 bytes, of at least 128 where the k of registers are permuted, got [64, 8] 'f16'}}
  %0 = tile.warpgroup_dot %a, %b, %sum : !tile.buffer<1 of 64x64xf16, #a>, !tile.buffer<1 of 64x8xf16, #b>, tensor<64x8xf32, #sum>
  return
}

// -----

// Of bytes k is along rows.
#a = #tile.layout<[64, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 16], [4, 32], [8, 0], [16, 0], [32, 0]]>
#sum = #tile.layout<[64, 64], register = [[8, 0], [0, 1], [0, 8], [0, 16], [0, 32]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], warp = [[16, 0], [32, 0]]>
func.func @byte_columns(%a: !tile.buffer<1 of 64x64xi8, #a>, %sum: tensor<64x64xi32, #sum>) {
  // expected-error @+1 {{expected k along rows, which wgmma does not transpose for 'i8', got a buffer of [64, 64]}}
  %0 = tile.warpgroup_dot %a, %a, %sum : !tile.buffer<1 of 64x64xi8, #a>, !tile.buffer<1 of 64x64xi8, #a>, tensor<64x64xi32, #sum>
  return
}

// -----

func.func @words(%a: tensor<64x64xf32>, %b: !tile.buffer<1 of 64x64xf32, #tile.layout<[64, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0], [16, 0], [32, 0]]>>, %sum: tensor<64x64xf32>) {
  // expected-error @+1 {{expected elements of 16 or 8 bits, got 'f32'}}
  %0 = tile.warpgroup_dot %a, %b, %sum : tensor<64x64xf32>, !tile.buffer<1 of 64x64xf32, #tile.layout<[64, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 0], [4, 0], [8, 0], [16, 0], [32, 0]]>>, tensor<64x64xf32>
  return
}
