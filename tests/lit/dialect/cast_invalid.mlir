// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @shape(%a: tensor<16x64xf32>) {
  // expected-error @+1 {{expected equal shapes, got [16, 64] and [64, 16]}}
  %0 = tile.cast %a : tensor<16x64xf32> -> tensor<64x16xf16>
  return
}

// -----

func.func @integers(%a: tensor<16x64xi32>) {
  // expected-error @+1 {{expected two types, a float among them, got 'i32' and 'i8'}}
  %0 = tile.cast %a : tensor<16x64xi32> -> tensor<16x64xi8>
  return
}

// -----

func.func @same(%a: tensor<16x64xf16>) {
  // expected-error @+1 {{expected two types, a float among them, got 'f16' and 'f16'}}
  %0 = tile.cast %a : tensor<16x64xf16> -> tensor<16x64xf16>
  return
}

// -----

func.func @unsigned_floats(%a: tensor<16x64xf32>) {
  // expected-error @+1 {{expected an integer type to be unsigned, got 'f32' and 'f16'}}
  %0 = tile.cast %a unsigned : tensor<16x64xf32> -> tensor<16x64xf16>
  return
}

// -----

func.func @condition(%a: tensor<16x64xi1>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of}}
  %0 = tile.cast %a : tensor<16x64xi1> -> tensor<16x64xf32>
  return
}

// -----

func.func @codes(%a: tensor<16x64xsi8>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of}}
  %0 = tile.cast %a : tensor<16x64xsi8> -> tensor<16x64xf32>
  return
}
