// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @warps(%a: tensor<16x64xf32>) {
  // expected-error @+1 {{requires attribute 'k_warps'}}
  %0 = tile.sum_warps %a : tensor<16x64xf32> -> tensor<16x64xf32>
  return
}

// -----

func.func @type(%a: tensor<16x64xf16>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of 32-bit float or 32-bit signless integer values, but got 'tensor<16x64xf16>'}}
  %0 = tile.sum_warps %a {k_warps = 2 : i32} : tensor<16x64xf16> -> tensor<16x64xf16>
  return
}
