// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @type(%a: tensor<16x64xf16>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of 32-bit float or 32-bit signless integer values, but got 'tensor<16x64xf16>'}}
  %0 = tile.reduce_splits %a : tensor<16x64xf16>
  return
}

// -----

func.func @types(%a: tensor<16x64xf32>) {
  // expected-error @+1 {{requires the same type for all operands and results}}
  %0 = "tile.reduce_splits"(%a) : (tensor<16x64xf32>) -> tensor<16x32xf32>
  return
}
