// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @blocks(%a: tensor<16x64xf32>, %sent: !tile.mbarriers<1>) {
  // expected-error @+1 {{requires attribute 'blocks'}}
  %0 = tile.sum_cluster %a signals %sent : tensor<16x64xf32>, !tile.mbarriers<1> -> tensor<16x64xf32>
  return
}

// -----

func.func @one(%a: tensor<16x64xf32>, %sent: !tile.mbarriers<1>) {
  // expected-error @+1 {{expected 2 to 8 blocks, got 1}}
  %0 = tile.sum_cluster %a signals %sent {blocks = 1 : i32} : tensor<16x64xf32>, !tile.mbarriers<1> -> tensor<16x64xf32>
  return
}

// -----

func.func @nine(%a: tensor<16x64xf32>, %sent: !tile.mbarriers<1>) {
  // expected-error @+1 {{expected 2 to 8 blocks, got 9}}
  %0 = tile.sum_cluster %a signals %sent {blocks = 9 : i32} : tensor<16x64xf32>, !tile.mbarriers<1> -> tensor<16x64xf32>
  return
}

// -----

func.func @nineteen(%a: tensor<16x64xf32>, %sent: !tile.mbarriers<1>) {
  // expected-error @+1 {{expected 2 to 8 blocks, got 16}}
  %0 = tile.sum_cluster %a signals %sent {blocks = 16 : i32} : tensor<16x64xf32>, !tile.mbarriers<1> -> tensor<16x64xf32>
  return
}

// -----

func.func @warps(%a: tensor<16x64xf32>, %sent: !tile.mbarriers<1>) {
  // expected-error @+1 {{expected a power of two of warps, got 3}}
  %0 = tile.sum_cluster %a signals %sent {blocks = 2 : i32, k_warps = 3 : i32} : tensor<16x64xf32>, !tile.mbarriers<1> -> tensor<16x64xf32>
  return
}

// -----

func.func @shape(%a: tensor<16x64xf32>, %sent: !tile.mbarriers<1>) {
  // expected-error @+1 {{expected the same tile, got 'tensor<16x64xf32>' and 'tensor<16x32xf32>'}}
  %0 = tile.sum_cluster %a signals %sent {blocks = 2 : i32} : tensor<16x64xf32>, !tile.mbarriers<1> -> tensor<16x32xf32>
  return
}

// -----

func.func @type(%a: tensor<16x64xf16>, %sent: !tile.mbarriers<1>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of 32-bit float or 32-bit signless integer values, but got 'tensor<16x64xf16>'}}
  %0 = tile.sum_cluster %a signals %sent {blocks = 2 : i32} : tensor<16x64xf16>, !tile.mbarriers<1> -> tensor<16x64xf16>
  return
}

// -----

func.func @mbarriers(%a: tensor<16x64xf32>, %sent: !tile.mbarriers<2>) {
  // expected-error @+1 {{expected one mbarrier, got 2}}
  %0 = tile.sum_cluster %a signals %sent {blocks = 2 : i32} : tensor<16x64xf32>, !tile.mbarriers<2> -> tensor<16x64xf32>
  return
}
