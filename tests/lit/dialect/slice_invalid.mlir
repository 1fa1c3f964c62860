// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @dim(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a dimension below 2, got 2}}
  %0 = tile.slice %t dim 2 start 0 : tensor<16x64xf32> -> tensor<16x64xf32>
  return
}

// -----

func.func @rank(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a result of rank 2, got 1}}
  %0 = tile.slice %t dim 0 start 0 : tensor<16x64xf32> -> tensor<64xf32>
  return
}

// -----

func.func @extent(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a power-of-two extent up to 64, got 48}}
  %0 = tile.slice %t dim 1 start 0 : tensor<16x64xf32> -> tensor<16x48xf32>
  return
}

// -----

func.func @start(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a start below 64 that is a multiple of 16, got 8}}
  %0 = tile.slice %t dim 1 start 8 : tensor<16x64xf32> -> tensor<16x16xf32>
  return
}

// -----

func.func @end(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a start below 64 that is a multiple of 16, got 64}}
  %0 = tile.slice %t dim 1 start 64 : tensor<16x64xf32> -> tensor<16x16xf32>
  return
}

// -----

func.func @shape(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a result of shape [16, 16], got [8, 16]}}
  %0 = tile.slice %t dim 1 start 0 : tensor<16x64xf32> -> tensor<8x16xf32>
  return
}

// -----

func.func @type(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a result of 'f32', got 'f16'}}
  %0 = tile.slice %t dim 1 start 0 : tensor<16x64xf32> -> tensor<16x16xf16>
  return
}
