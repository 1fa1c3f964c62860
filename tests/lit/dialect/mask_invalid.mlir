// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @result(%t: tensor<1x64xf32>, %x: !tile.view<8x60xf32>, %i: i32) {
  // expected-error @+1 {{expected a result of 'tensor<1x64xf32>', got 'tensor<1x64xf16>'}}
  %0 = tile.mask %t, %x[%i, %i] else 0.0 : tensor<1x64xf32>, !tile.view<8x60xf32> -> tensor<1x64xf16>
  return
}

// -----

func.func @ranks(%t: tensor<64xf32>, %x: !tile.view<8x60xf32>, %i: i32) {
  // expected-error @+1 {{expected ranks of tile, view and start to agree, got 1, 2 and 2}}
  %0 = tile.mask %t, %x[%i, %i] else 0.0 : tensor<64xf32>, !tile.view<8x60xf32> -> tensor<64xf32>
  return
}

// -----

func.func @packed(%t: tensor<8x64xf32>, %x: !tile.view<8x64xi4, packed = 0>, %i: i32) {
  // expected-error @+1 {{expected a view that is not packed}}
  %0 = tile.mask %t, %x[%i, %i] else 0.0 : tensor<8x64xf32>, !tile.view<8x64xi4, packed = 0> -> tensor<8x64xf32>
  return
}
