// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @rank(%q: tensor<128xi4>, %s: tensor<128xf16>) {
  // expected-error @+1 {{expected matrices, got 'tensor<128xi4>' and 'tensor<128xf16>'}}
  %0 = tile.dequant %q, %s : tensor<128xi4>, tensor<128xf16> -> tensor<128xf16>
  return
}

// -----

func.func @result(%q: tensor<128x64xi4>, %s: tensor<1x64xf16>) {
  // expected-error @+1 {{expected a result of the shape of q and the type of the scales, got 'tensor<128x64xbf16>'}}
  %0 = tile.dequant %q, %s : tensor<128x64xi4>, tensor<1x64xf16> -> tensor<128x64xbf16>
  return
}

// -----

func.func @columns(%q: tensor<128x64xi4>, %s: tensor<1x32xf16>) {
  // expected-error @+1 {{expected scales [G, 64] with G a divisor of 128, got [1, 32]}}
  %0 = tile.dequant %q, %s : tensor<128x64xi4>, tensor<1x32xf16> -> tensor<128x64xf16>
  return
}

// -----

func.func @groups(%q: tensor<128x64xi4>, %s: tensor<256x64xf16>) {
  // expected-error @+1 {{expected scales [G, 64] with G a divisor of 128, got [256, 64]}}
  %0 = tile.dequant %q, %s : tensor<128x64xi4>, tensor<256x64xf16> -> tensor<128x64xf16>
  return
}

// -----

func.func @zeros(%q: tensor<128x64xi4>, %s: tensor<1x64xf16>, %z: tensor<2x64xi4>) {
  // expected-error @+1 {{expected zeros of the scales' shape [1, 64], got [2, 64]}}
  %0 = tile.dequant %q, %s zeros %z : tensor<128x64xi4>, tensor<1x64xf16>, tensor<2x64xi4> -> tensor<128x64xf16>
  return
}

// -----

func.func @zeros_of_bytes(%q: tensor<128x64xsi8>, %s: tensor<1x64xf16>, %z: tensor<1x64xi4>) {
  // expected-error @+1 {{expected zeros only with i4 weights, got 'tensor<128x64xsi8>'}}
  %0 = tile.dequant %q, %s zeros %z : tensor<128x64xsi8>, tensor<1x64xf16>, tensor<1x64xi4> -> tensor<128x64xf16>
  return
}

// -----

func.func @type(%q: tensor<128x64xi16>, %s: tensor<1x64xf16>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of 4-bit signless integer or 8-bit signed integer values, but got 'tensor<128x64xi16>'}}
  %0 = tile.dequant %q, %s : tensor<128x64xi16>, tensor<1x64xf16> -> tensor<128x64xf16>
  return
}

// -----

func.func @scales(%q: tensor<128x64xi4>, %s: tensor<1x64xf32>) {
  // expected-error @+1 {{operand #1 must be statically shaped tensor of 16-bit float or bfloat16 type values, but got 'tensor<1x64xf32>'}}
  %0 = tile.dequant %q, %s : tensor<128x64xi4>, tensor<1x64xf32> -> tensor<128x64xf32>
  return
}
