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

// -----

func.func @along(%x: !tile.view<8x16x64xf16>, %i: i32) {
  // expected-error @+1 {{expected a dimension below 2, got 2}}
  %0 = tile.load %x[%i, %i along 1, %i along 2] : !tile.view<8x16x64xf16> -> tensor<16x64xf16>
  return
}

// -----

func.func @twice(%x: !tile.view<8x16x64xf16>, %i: i32) {
  // expected-error @+1 {{expected one start that is a number along dimension 0 of the tile}}
  %0 = tile.load %x[%i along 0, %i along 0, %i along 1] : !tile.view<8x16x64xf16> -> tensor<16x64xf16>
  return
}

// -----

func.func @nowhere(%x: !tile.view<8x16x64xf16>, %i: i32) {
  // expected-error @+1 {{expected a start along dimension 0 of the tile}}
  %0 = tile.load %x[%i, %i, %i along 1] : !tile.view<8x16x64xf16> -> tensor<16x64xf16>
  return
}

// -----

func.func @gather(%x: !tile.view<?x64xf16>, %ids: tensor<8x1xi32>, %i: i32) {
  // expected-error @+1 {{expected starts of extent 1 or 16 in dimension 0, got 8}}
  %0 = tile.load %x[%ids : tensor<8x1xi32>, %i along 1] : !tile.view<?x64xf16> -> tensor<16x64xf16>
  return
}

// -----

func.func @ranks(%x: !tile.view<?x64xf16>, %ids: tensor<16xi32>, %i: i32) {
  // expected-error @+1 {{expected starts of rank 2, got 'tensor<16xi32>'}}
  %0 = tile.load %x[%ids : tensor<16xi32>, %i along 1] : !tile.view<?x64xf16> -> tensor<16x64xf16>
  return
}

// -----

func.func @codes(%q: !tile.view<64x64xi4, packed = 0>, %i: i32) {
  // expected-error @+1 {{dimension by dimension}}
  %0 = tile.load %q[%i along 1, %i along 0] : !tile.view<64x64xi4, packed = 0> -> tensor<64x64xi4>
  return
}
