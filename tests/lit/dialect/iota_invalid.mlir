// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @extent() {
  // expected-error @+1 {{expected a power-of-two extent, got 48}}
  %0 = tile.iota : tensor<48xi32>
  return
}

// -----

func.func @type() {
  // expected-error @+1 {{result #0 must be 1D tensor of 32-bit signless integer values, but got 'tensor<64xf32>'}}
  %0 = tile.iota : tensor<64xf32>
  return
}

// -----

func.func @rank() {
  // expected-error @+1 {{result #0 must be 1D tensor of 32-bit signless integer values, but got 'tensor<4x16xi32>'}}
  %0 = tile.iota : tensor<4x16xi32>
  return
}
