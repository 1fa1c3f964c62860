// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @count(%a: tensor<16x64xf32>) {
  // expected-error @+1 {{expected 1024 elements of 'f32', got 2048 of 'f32'}}
  %0 = tile.reshape %a : tensor<16x64xf32> -> tensor<2048xf32>
  return
}

// -----

func.func @type(%a: tensor<16x64xf32>) {
  // expected-error @+1 {{expected 1024 elements of 'f32', got 1024 of 'i32'}}
  %0 = tile.reshape %a : tensor<16x64xf32> -> tensor<1024xi32>
  return
}
