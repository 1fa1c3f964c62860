// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @codes(%a: tensor<16x64xi4>) {
  // expected-error @+1 {{expected elements that share no words, got 'tensor<16x64xi4>'}}
  tile.print "codes" %a : tensor<16x64xi4>
  return
}

// -----

func.func @numbers(%a: tensor<64xi32>) {
  // expected-error @+1 {{must be statically shaped tensor of 1-bit signless integer values, but got 'tensor<64xi32>'}}
  tile.assert %a, "positive" : tensor<64xi32>
  return
}
