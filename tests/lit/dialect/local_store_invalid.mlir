// RUN: lath-opt %s -split-input-file -verify-diagnostics

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

func.func @packed(%t: tensor<32x16xi4>, %b: !tile.buffer<1 of 32x16xi4, packed = 0, #l>, %i: i32) {
  // expected-error @+1 {{packed buffers are filled by async_copy only}}
  tile.local_store %t, %b[%i] : tensor<32x16xi4>, !tile.buffer<1 of 32x16xi4, packed = 0, #l>
  return
}

// -----

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

func.func @type(%t: tensor<4x16xf32, #r>, %b: !tile.buffer<1 of 4x16xf16, #l>, %i: i32) {
  // expected-error @+1 {{expected a tile of [4, 16] 'f16', got [4, 16] 'f32'}}
  tile.local_store %t, %b[%i] : tensor<4x16xf32, #r>, !tile.buffer<1 of 4x16xf16, #l>
  return
}
