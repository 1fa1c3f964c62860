// RUN: lath-opt %s -split-input-file -verify-diagnostics

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

func.func @shape(%b: !tile.buffer<4 of 4x16xf16, #l>, %i: i32) {
  // expected-error @+1 {{expected a tile of [4, 16] 'f16', got [64] 'f16'}}
  %0 = tile.local_load %b[%i] : !tile.buffer<4 of 4x16xf16, #l> -> tensor<64xf16>
  return
}

// -----

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

func.func @type(%b: !tile.buffer<4 of 4x16xf16, #l>, %i: i32) {
  // expected-error @+1 {{expected a tile of [4, 16] 'f16', got [4, 16] 'f32'}}
  %0 = tile.local_load %b[%i] : !tile.buffer<4 of 4x16xf16, #l> -> tensor<4x16xf32, #r>
  return
}

// -----

// Fewer rows repeat; more would be left out.
#l = #tile.layout<[8, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0], [4, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

func.func @rows(%b: !tile.buffer<1 of 8x16xf16, #l>, %i: i32) {
  // expected-error @+1 {{expected a tile of [8, 16] 'f16', got [4, 16] 'f16'}}
  %0 = tile.local_load %b[%i] : !tile.buffer<1 of 8x16xf16, #l> -> tensor<4x16xf16, #r>
  return
}
