// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @result(%x: !tile.view<8x60xf32>, %i: i32) {
  // expected-error @+1 {{result #0 must be statically shaped tensor of 1-bit signless integer values, but got 'tensor<1x64xf16>'}}
  %0 = tile.inside %x[%i, %i] : !tile.view<8x60xf32> -> tensor<1x64xf16>
  return
}

// -----

func.func @ranks(%x: !tile.view<8x60xf32>, %i: i32) {
  // expected-error @+1 {{expected a tile of rank 2, got 1}}
  %0 = tile.inside %x[%i, %i] : !tile.view<8x60xf32> -> tensor<64xi1>
  return
}

// -----

func.func @packed(%x: !tile.view<8x64xi4, packed = 0>, %i: i32) {
  // expected-error @+1 {{expected a view that is not packed}}
  %0 = tile.inside %x[%i, %i] : !tile.view<8x64xi4, packed = 0> -> tensor<8x64xi1>
  return
}
