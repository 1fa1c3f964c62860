// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @packed(%t: tensor<32x64xi4>, %q: !tile.view<64x64xi4, packed = 0>, %i: i32) {
  // expected-error @+1 {{views packed along a dimension are read only}}
  tile.store %t, %q[%i, %i] : tensor<32x64xi4>, !tile.view<64x64xi4, packed = 0>
  return
}

// -----

func.func @starts(%t: tensor<16x64xf16>, %x: !tile.view<16x64xf16>, %i: i32) {
  // expected-error @+1 {{expected 2 start indices, got 3}}
  tile.store %t, %x[%i, %i, %i] : tensor<16x64xf16>, !tile.view<16x64xf16>
  return
}

// -----

func.func @type(%t: tensor<16x64xf32>, %x: !tile.view<16x64xf16>, %i: i32) {
  // expected-error @+1 {{expected a tile of 'f16', got 'f32'}}
  tile.store %t, %x[%i, %i] : tensor<16x64xf32>, !tile.view<16x64xf16>
  return
}
