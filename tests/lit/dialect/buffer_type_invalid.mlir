// RUN: lath-opt %s -split-input-file -verify-diagnostics

#l = #tile.layout<[4, 8], offset = [[0, 1], [0, 2], [0, 4], [1, 0], [2, 0]]>
// expected-error @+1 {{expected at least one stage, got 0}}
func.func private @stages(!tile.buffer<0 of 4x8xf16, #l>)

// -----

#l = #tile.layout<[4, 8], offset = [[0, 1], [0, 2], [0, 4], [1, 0], [2, 0]]>
// expected-error @+1 {{expected a layout of [8, 8], got [4, 8]}}
func.func private @shape(!tile.buffer<2 of 8x8xf16, #l>)

// -----

// Of a packed buffer the layout places words, not elements.
#l = #tile.layout<[32, 8], offset = [[0, 1], [0, 2], [0, 4], [1, 0], [2, 0], [4, 0], [8, 0], [16, 0]]>
// expected-error @+1 {{expected a layout of [4, 8], got [32, 8]}}
func.func private @words(!tile.buffer<2 of 32x8xi4, packed = 0, #l>)

// -----

#l = #tile.layout<[4, 8], offset = [[0, 1], [0, 2], [0, 4], [1, 0]]>
// expected-error @+1 {{expected a layout with an offset for every element}}
func.func private @holes(!tile.buffer<2 of 4x8xf16, #l>)

// -----

#l = #tile.layout<[4, 8], offset = [[0, 1], [0, 2], [0, 4], [1, 0], [2, 0], [1, 1]]>
// expected-error @+1 {{expected a layout with an offset for every element}}
func.func private @twice(!tile.buffer<2 of 4x8xf16, #l>)

// -----

#l = #tile.layout<[4, 8], offset = [[0, 1], [0, 2], [0, 4], [1, 0], [2, 0]]>
// expected-error @+1 {{only i4 and si8 elements are packed, got 'f16'}}
func.func private @packed(!tile.buffer<2 of 32x8xf16, packed = 0, #l>)
