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
