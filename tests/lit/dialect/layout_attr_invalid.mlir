// RUN: lath-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{expected power-of-two extents, got 12}}
#l = #tile.layout<[12, 8], register = [[0, 1]]>

// -----

// expected-error @+1 {{expected register, lane, warp, block or offset, got cluster}}
#l = #tile.layout<[16, 8], cluster = [[0, 1]]>

// -----

// expected-error @+1 {{expected 2 coordinates, got 1}}
#l = #tile.layout<[16, 8], register = [[1]]>

// -----

// expected-error @+1 {{expected coordinates inside [16, 8], got 8}}
#l = #tile.layout<[16, 8], register = [[0, 8]]>

// -----

// expected-error @+1 {{expected coordinates inside [16, 8], got -1}}
#l = #tile.layout<[16, 8], register = [[-1, 0]]>

// -----

#l = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
// expected-error @+1 {{expected a layout of [8, 16], got [16, 8]}}
func.func private @shape(tensor<8x16xf32, #l>)

// -----

#l = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]], offset = [[0, 1]]>
// expected-error @+1 {{a register tile has no offsets}}
func.func private @offsets(tensor<16x8xf32, #l>)

// -----

#l = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0]]>
// expected-error @+1 {{expected 5 lane bases, got 4}}
func.func private @lanes(tensor<16x8xf32, #l>)

// -----

#l = #tile.layout<[16, 8], register = [[0, 1]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
// expected-error @+1 {{the layout leaves elements without a place}}
func.func private @holes(tensor<16x8xf32, #l>)
