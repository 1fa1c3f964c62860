// RUN: lath-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{expected a static extent in dimension 1: only the first may be dynamic}}
func.func private @dynamic(!tile.view<16x?xf16>)

// -----

// expected-error @+1 {{expected positive extents, got 0}}
func.func private @zero(!tile.view<16x0xf16>)

// -----

// expected-error @+1 {{expected i4 elements to be packed along a dimension below 2, got -1}}
func.func private @unpacked(!tile.view<16x64xi4>)

// -----

// expected-error @+1 {{expected i4 elements to be packed along a dimension below 2, got 2}}
func.func private @dimension(!tile.view<16x64xi4, packed = 2>)

// -----

// expected-error @+1 {{expected a multiple of 8 in packed dimension 0, got 12}}
func.func private @multiple(!tile.view<12x64xi4, packed = 0>)

// -----

// expected-error @+1 {{expected a multiple of 8 in packed dimension 0, got }}
func.func private @dynamic_packed(!tile.view<?x64xi4, packed = 0>)

// -----

// expected-error @+1 {{only i4 elements are packed, got 'f16'}}
func.func private @packed(!tile.view<16x64xf16, packed = 0>)

// -----

// expected-error @+1 {{expected elements i4, i32, f16, bf16 or f32, got 'f64'}}
func.func private @element(!tile.view<16x64xf64>)

// -----

// expected-error @+1 {{expected 'packed'}}
func.func private @keyword(!tile.view<16x64xi4, along = 0>)

// -----

// expected-error @+1 {{expected at least one dimension}}
func.func private @scalar(!tile.view<f16>)
