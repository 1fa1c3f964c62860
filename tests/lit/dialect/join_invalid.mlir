// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @shape(%a: tensor<16x64xf16>) {
  // expected-error @+1 {{expected a result of shape [16, 64, 2], got [16, 128]}}
  %0 = tile.join %a, %a : tensor<16x64xf16>, tensor<16x64xf16> -> tensor<16x128xf16>
  return
}

// -----

func.func @type(%a: tensor<16x64xf16>) {
  // expected-error @+1 {{expected a result of 'f16', got 'f32'}}
  %0 = tile.join %a, %a : tensor<16x64xf16>, tensor<16x64xf16> -> tensor<16x64x2xf32>
  return
}

// -----

func.func @operands(%a: tensor<16x64xf16>, %b: tensor<64x16xf16>) {
  // expected-error @+1 {{failed to verify that all of {a, b} have same type}}
  %0 = tile.join %a, %b : tensor<16x64xf16>, tensor<64x16xf16> -> tensor<16x64x2xf16>
  return
}
