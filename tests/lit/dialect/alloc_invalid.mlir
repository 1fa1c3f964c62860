// RUN: lath-opt %s -split-input-file -verify-diagnostics

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

func.func @offset() {
  // expected-error @+1 {{attribute 'offset' failed to satisfy constraint: 32-bit signless integer attribute}}
  %0 = tile.alloc {offset = 128 : i64} : !tile.buffer<1 of 4x16xf16, #l>
  return
}

// -----

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

func.func @type() {
  // expected-error @+1 {{result #0 must be a tile in shared memory, once for each stage, but got 'tensor<4x16xf16>'}}
  %0 = "tile.alloc"() : () -> tensor<4x16xf16>
  return
}
