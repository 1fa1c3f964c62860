// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @starts(%x: !tile.view<16x64xf16>, %i: i32) {
  // expected-error @+1 {{expected 2 start indices, got 1}}
  %0 = tile.load %x[%i] : !tile.view<16x64xf16> -> tensor<16x64xf16>
  return
}

// -----

func.func @rank(%x: !tile.view<16x64xf16>, %i: i32) {
  // expected-error @+1 {{expected a tile of rank 2, got 1}}
  %0 = tile.load %x[%i, %i] : !tile.view<16x64xf16> -> tensor<64xf16>
  return
}

// -----

func.func @type(%x: !tile.view<16x64xf16>, %i: i32) {
  // expected-error @+1 {{expected a tile of 'f16', got 'f32'}}
  %0 = tile.load %x[%i, %i] : !tile.view<16x64xf16> -> tensor<16x64xf32>
  return
}

// -----

func.func @extent(%x: !tile.view<16x64xf16>, %i: i32) {
  // expected-error @+1 {{expected power-of-two tile extents, got 48}}
  %0 = tile.load %x[%i, %i] : !tile.view<16x64xf16> -> tensor<16x48xf16>
  return
}

// -----

func.func @packed(%q: !tile.view<64x64xi4, packed = 0>, %i: i32) {
  // expected-error @+1 {{expected at least 8 elements along the packed dimension, got 4}}
  %0 = tile.load %q[%i, %i] : !tile.view<64x64xi4, packed = 0> -> tensor<4x64xi4>
  return
}

// -----

func.func @dynamic(%x: !tile.view<16x64xf16>, %i: i32) {
  // expected-error @+1 {{result #0 must be statically shaped tensor of any type values, but got 'tensor<?x64xf16>'}}
  %0 = tile.load %x[%i, %i] : !tile.view<16x64xf16> -> tensor<?x64xf16>
  return
}

// -----

#atom = #tile.layout<[4, 4], offset = [[0, 1], [2, 0], [1, 0], [0, 2]]>
func.func @atoms(%q: !tile.view<8x8xi4, atom = #atom>, %i: i32) {
  // expected-error @+1 {{expected a tile of whole atoms of [4, 4], got [2, 8]}}
  %0 = tile.load %q[%i, %i] : !tile.view<8x8xi4, atom = #atom> -> tensor<2x8xi4>
  return
}
