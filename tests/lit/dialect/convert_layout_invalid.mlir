// RUN: lath-opt %s -split-input-file -verify-diagnostics

#l0 = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#l1 = #tile.layout<[4, 16], register = [[2, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0]]>

func.func @shape(%a: tensor<4x16xf32, #l0>) {
  // expected-error @+1 {{expected the same tile, got 'tensor<4x16xf32, #tile.layout<[4, 16], register = }}
  %0 = tile.convert_layout %a : tensor<4x16xf32, #l0> -> tensor<64xf32>
  return
}

// -----

#l0 = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#l1 = #tile.layout<[4, 16], register = [[2, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0]]>

func.func @type(%a: tensor<4x16xf32, #l0>) {
  // expected-error @+1 {{expected the same tile}}
  %0 = tile.convert_layout %a : tensor<4x16xf32, #l0> -> tensor<4x16xf16, #l1>
  return
}
