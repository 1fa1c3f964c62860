// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @shape(%a: tensor<16x64xf16>) {
  // expected-error @+1 {{expected the transpose of a matrix, got 'tensor<16x64xf16>' to 'tensor<16x64xf16>'}}
  %0 = tile.transpose %a : tensor<16x64xf16> -> tensor<16x64xf16>
  return
}

// -----

func.func @rank(%a: tensor<64xf16>) {
  // expected-error @+1 {{expected the transpose of a matrix}}
  %0 = tile.transpose %a : tensor<64xf16> -> tensor<64xf16>
  return
}

// -----

func.func @type(%a: tensor<16x64xf16>) {
  // expected-error @+1 {{expected the transpose of a matrix}}
  %0 = tile.transpose %a : tensor<16x64xf16> -> tensor<64x16xf32>
  return
}

// -----

func.func @order(%t: tensor<4x16x64xf32>) {
  // expected-error @+1 {{expected an order of 3 dimensions, got [2, 0, 2]}}
  %0 = tile.transpose %t order [2, 0, 2] : tensor<4x16x64xf32> -> tensor<64x4x64xf32>
  return
}

// -----

func.func @ordered_shape(%t: tensor<4x16x64xf32>) {
  // expected-error @+1 {{expected a result of shape [64, 4, 16], got [16, 4, 64]}}
  %0 = tile.transpose %t order [2, 0, 1] : tensor<4x16x64xf32> -> tensor<16x4x64xf32>
  return
}
