// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @halves(%x: !tile.view<16x64xf16>, %i: i32, %c: i1) {
  // expected-error @+1 {{expected a view of i4, got}}
  %0 = tile.guarded_load %x[%i, %i] if %c : !tile.view<16x64xf16> -> tensor<16x64xf16>
  return
}

// -----

func.func @old(%q: !tile.view<64x64xi4, packed = 0>, %old: tensor<16x64xi4>, %i: i32, %c: i1) {
  // expected-error @+1 {{expected an old tile of 'tensor<32x64xi4>', got 'tensor<16x64xi4>'}}
  %0 = tile.guarded_load %q[%i, %i] if %c else %old : tensor<16x64xi4> : !tile.view<64x64xi4, packed = 0> -> tensor<32x64xi4>
  return
}

// -----

func.func @starts(%q: !tile.view<64x64xi4, packed = 0>, %i: i32, %c: i1) {
  // expected-error @+1 {{expected 2 start indices, got 1}}
  %0 = tile.guarded_load %q[%i] if %c : !tile.view<64x64xi4, packed = 0> -> tensor<32x64xi4>
  return
}
