// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @shape(%q: tensor<128x64xi4>) {
  // expected-error @+1 {{expected matrices of one shape, got 'tensor<128x64xi4>' and 'tensor<64x128xf16>'}}
  %0 = tile.unpack %q : tensor<128x64xi4> -> tensor<64x128xf16>
  return
}

// -----

func.func @zeros(%q: tensor<128x64xi4>, %z: tensor<1x32xi4>) {
  // expected-error @+1 {{expected zeros [G, 64] with G a divisor of 128, got [1, 32]}}
  %0 = tile.unpack %q zeros %z : tensor<128x64xi4>, tensor<1x32xi4> -> tensor<128x64xf16>
  return
}

// -----

func.func @type(%q: tensor<128x64xi4>) {
  // expected-error @+1 {{result #0 must be statically shaped tensor of 16-bit float or bfloat16 type values, but got 'tensor<128x64xf32>'}}
  %0 = tile.unpack %q : tensor<128x64xi4> -> tensor<128x64xf32>
  return
}
