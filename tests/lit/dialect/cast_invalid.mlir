// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @shape(%a: tensor<16x64xf32>) {
  // expected-error @+1 {{expected equal shapes, got [16, 64] and [64, 16]}}
  %0 = tile.cast %a : tensor<16x64xf32> -> tensor<64x16xf16>
  return
}

// -----

func.func @integer(%a: tensor<16x64xi32>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of 16-bit float or bfloat16 type or 32-bit float values, but got 'tensor<16x64xi32>'}}
  %0 = tile.cast %a : tensor<16x64xi32> -> tensor<16x64xf32>
  return
}
