// RUN: lath-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{expected 2 strides, one a dimension, got 1}}
func.func private @strides(!tile.view<16x?xf16, strides = [1]>)

// -----

// expected-error @+1 {{expected strides of 0 and more, got -1}}
func.func private @negative(!tile.view<16x?xf16, strides = [?, -1]>)

// -----

// expected-error @+1 {{expected positive extents, got 0}}
func.func private @zero(!tile.view<16x0xf16>)

// -----

// expected-error @+1 {{expected 'i4' elements to be packed along a dimension below 2, got -1}}
func.func private @unpacked(!tile.view<16x64xi4>)

// -----

// expected-error @+1 {{expected 'i4' elements to be packed along a dimension below 2, got 2}}
func.func private @dimension(!tile.view<16x64xi4, packed = 2>)

// -----

// expected-error @+1 {{expected 'si8' elements to be packed along a dimension below 2, got -1}}
func.func private @unpacked_bytes(!tile.view<16x64xsi8>)

// -----

// expected-error @+1 {{expected a multiple of 4 in packed dimension 0, got 14}}
func.func private @multiple_of_bytes(!tile.view<14x64xsi8, packed = 0>)

// -----

// expected-error @+1 {{expected a multiple of 8 in packed dimension 0, got 12}}
func.func private @multiple(!tile.view<12x64xi4, packed = 0>)

// -----

// expected-error @+1 {{expected a multiple of 8 in packed dimension 0, got }}
func.func private @dynamic_packed(!tile.view<?x64xi4, packed = 0>)

// -----

// expected-error @+1 {{only i4 and si8 elements are packed, got 'f16'}}
func.func private @packed(!tile.view<16x64xf16, packed = 0>)

// -----

// expected-error @+1 {{expected elements i4, si8, i8, i32, i64, f8E4M3FN, f8E5M2, f16, bf16 or f32, got 'f64'}}
func.func private @element(!tile.view<16x64xf64>)

// -----

// expected-error @+1 {{expected 'packed'}}
func.func private @keyword(!tile.view<16x64xi4, along = 0>)

// -----

// expected-error @+1 {{expected at least one dimension}}
func.func private @scalar(!tile.view<f16>)

// -----

#atom = #tile.layout<[4, 4], offset = [[0, 1], [2, 0], [1, 0], [0, 2]]>
// expected-error @+1 {{expected extents that are multiples of the atom's [4, 4], got [8, 6]}}
func.func private @ragged_atoms(!tile.view<8x6xi4, atom = #atom>)

// -----

#atom = #tile.layout<[4, 4], offset = [[0, 1], [2, 0], [1, 0], [0, 2]]>
// expected-error @+1 {{expected an atom only for i4 matrices that are not packed along a dimension}}
func.func private @atoms_of_halves(!tile.view<8x8xf16, atom = #atom>)

// -----

#atom = #tile.layout<[4, 4], offset = [[0, 1], [2, 0], [1, 0]]>
// expected-error @+1 {{expected an atom with an offset for every element}}
func.func private @partial_atom(!tile.view<8x8xi4, atom = #atom>)

// -----

// expected-error @+1 {{expected elements i4, si8, i8, i32, i64, f8E4M3FN, f8E5M2, f16, bf16 or f32, got 'i1'}}
func.func private @conditions(!tile.view<16x64xi1>)
