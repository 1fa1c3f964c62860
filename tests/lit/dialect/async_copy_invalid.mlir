// RUN: lath-opt %s -split-input-file -verify-diagnostics

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

func.func @starts(%x: !tile.view<8x64xf16>, %b: !tile.buffer<4 of 4x16xf16, #l>, %i: i32) {
  // expected-error @+1 {{expected 2 start indices, got 1}}
  tile.async_copy %x[%i], %b[%i] : !tile.view<8x64xf16>, !tile.buffer<4 of 4x16xf16, #l>
  return
}

// -----

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

func.func @type(%x: !tile.view<8x64xbf16>, %b: !tile.buffer<4 of 4x16xf16, #l>, %i: i32) {
  // expected-error @+1 {{expected view and buffer of one type and packed dimension, got '!tile.view<8x64xbf16>' and '!tile.buffer<4 of 4x16xf16, }}
  tile.async_copy %x[%i, %i], %b[%i] : !tile.view<8x64xbf16>, !tile.buffer<4 of 4x16xf16, #l>
  return
}

// -----

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

func.func @packed(%x: !tile.view<64x64xi4, packed = 1>, %b: !tile.buffer<4 of 32x16xi4, packed = 0, #l>, %i: i32) {
  // expected-error @+1 {{expected view and buffer of one type and packed dimension}}
  tile.async_copy %x[%i, %i], %b[%i] : !tile.view<64x64xi4, packed = 1>, !tile.buffer<4 of 32x16xi4, packed = 0, #l>
  return
}
