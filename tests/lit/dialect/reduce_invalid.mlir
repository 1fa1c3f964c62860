// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @dim(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a dimension below 2, got 2}}
  %0 = tile.reduce add %t dim 2 : tensor<16x64xf32> -> tensor<16x1xf32>
  return
}

// -----

func.func @shape(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a result of shape [16, 1], got [1, 64]}}
  %0 = tile.reduce add %t dim 1 : tensor<16x64xf32> -> tensor<1x64xf32>
  return
}

// -----

func.func @type(%t: tensor<16x64xf16>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of 32-bit float or 1-bit signless integer or 32-bit signless integer or 64-bit signless integer values, but got 'tensor<16x64xf16>'}}
  %0 = tile.reduce add %t dim 1 : tensor<16x64xf16> -> tensor<16x1xf16>
  return
}

// -----

func.func @combine(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected string or keyword containing one of the following enum values for attribute 'combine' [add, max, min, umax, umin, and, or, xor]}}
  %0 = tile.reduce mul %t dim 1 : tensor<16x64xf32> -> tensor<16x1xf32>
  return
}

// -----

func.func @bits_of_floats(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected an operation of 'f32', got and}}
  %0 = tile.reduce and %t dim 1 : tensor<16x64xf32> -> tensor<16x1xf32>
  return
}

// -----

func.func @unsigned_floats(%t: tensor<16x64xf32>) {
  // expected-error @+1 {{expected an operation of 'f32', got umax}}
  %0 = tile.reduce umax %t dim 1 : tensor<16x64xf32> -> tensor<16x1xf32>
  return
}

// -----

func.func @sum_of_conditions(%t: tensor<16x64xi1>) {
  // expected-error @+1 {{expected an operation of 'i1', got add}}
  %0 = tile.reduce add %t dim 1 : tensor<16x64xi1> -> tensor<16x1xi1>
  return
}
