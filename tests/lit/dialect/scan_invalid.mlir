// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @dim(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a dimension below 2, got -1}}
  %0 = tile.scan add %t dim -1 : tensor<16x64xf32> -> tensor<16x64xf32>
  return
}

// -----

func.func @shape(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{failed to verify that all of {source, result} have same type}}
  %0 = tile.scan add %t dim 1 : tensor<16x64xf32> -> tensor<16x1xf32>
  return
}

// -----

func.func @bits_of_floats(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected an operation of 'f32', got xor}}
  %0 = tile.scan xor %t dim 1 : tensor<16x64xf32> -> tensor<16x64xf32>
  return
}
