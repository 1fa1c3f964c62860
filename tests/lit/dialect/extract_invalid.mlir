// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @count(%a: tensor<1x2xi32>) {
  // expected-error @+1 {{expected a tile of one 'i32', got 'tensor<1x2xi32>'}}
  %0 = tile.extract %a : tensor<1x2xi32> -> i32
  return
}

// -----

func.func @type(%a: tensor<1xi32>) {
  // expected-error @+1 {{expected a tile of one 'i1', got 'tensor<1xi32>'}}
  %0 = tile.extract %a : tensor<1xi32> -> i1
  return
}
