// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @bytes(%t: tensor<32xi8>, %v: !tile.view<64xi8>, %i: i32) {
  // expected-error @+1 {{there is no atomic add of 'i8'}}
  %0 = tile.atomic add %t, %v[%i] : tensor<32xi8>, !tile.view<64xi8>
  return
}

// -----

func.func @floats(%t: tensor<32xf32>, %v: !tile.view<64xf32>, %i: i32) {
  // expected-error @+1 {{there is no atomic max of 'f32'}}
  %0 = tile.atomic max %t, %v[%i] : tensor<32xf32>, !tile.view<64xf32>
  return
}

// -----

func.func @rank(%t: tensor<32xf32>, %v: !tile.view<8x64xf32>, %i: i32) {
  // expected-error @+1 {{expected a tile of rank 2, got 1}}
  %0 = tile.atomic add %t, %v[%i, %i] : tensor<32xf32>, !tile.view<8x64xf32>
  return
}

// -----

func.func @expects(%t: tensor<32xi32>, %v: !tile.view<64xi32>, %i: i32) {
  // expected-error @+1 {{expected what to compare with}}
  %0 = tile.atomic compare_exchange %t, %v[%i] : tensor<32xi32>, !tile.view<64xi32>
  return
}

// -----

func.func @superfluous(%t: tensor<32xi32>, %v: !tile.view<64xi32>, %i: i32) {
  // expected-error @+1 {{only compare_exchange expects a value}}
  %0 = tile.atomic add %t, %v[%i] expects %t : tensor<32xi32>, !tile.view<64xi32>, tensor<32xi32>
  return
}
