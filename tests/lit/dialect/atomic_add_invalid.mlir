// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @integers(%t: tensor<32xi32>, %v: !tile.view<64xi32>, %i: i32) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of 16-bit float or bfloat16 type or 32-bit float values, but got 'tensor<32xi32>'}}
  tile.atomic_add %t, %v[%i] : tensor<32xi32>, !tile.view<64xi32>
  return
}

// -----

func.func @rank(%t: tensor<32xf32>, %v: !tile.view<8x64xf32>, %i: i32) {
  // expected-error @+1 {{expected a tile of rank 2, got 1}}
  tile.atomic_add %t, %v[%i, %i] : tensor<32xf32>, !tile.view<8x64xf32>
  return
}
