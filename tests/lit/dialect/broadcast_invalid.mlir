// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @extent(%a: tensor<16x2xf32>) {
  // expected-error @+1 {{expected extent 1 or 64 in dimension 1, got 2}}
  %0 = tile.broadcast %a : tensor<16x2xf32> -> tensor<16x64xf32>
  return
}

// -----

func.func @rank(%a: tensor<16xf32>) {
  // expected-error @+1 {{expected operand and result of one rank and type, got 'tensor<16xf32>' and 'tensor<16x64xf32>'}}
  %0 = tile.broadcast %a : tensor<16xf32> -> tensor<16x64xf32>
  return
}

// -----

func.func @type(%a: tensor<16x1xf32>) {
  // expected-error @+1 {{expected operand and result of one rank and type}}
  %0 = tile.broadcast %a : tensor<16x1xf32> -> tensor<16x64xf16>
  return
}
