// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @rank(%a: tensor<128xf16>, %b: tensor<128x64xf16>, %acc: tensor<16x64xf32>) {
  // expected-error @+1 {{expected matrices, got 'tensor<128xf16>', 'tensor<128x64xf16>' and 'tensor<16x64xf32>'}}
  %0 = tile.dot %a, %b, %acc : tensor<128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
  return
}

// -----

func.func @types(%a: tensor<16x128xf16>, %b: tensor<128x64xbf16>, %acc: tensor<16x64xf32>) {
  // expected-error @+1 {{expected a and b of one type, got 'f16' and 'bf16'}}
  %0 = tile.dot %a, %b, %acc : tensor<16x128xf16>, tensor<128x64xbf16>, tensor<16x64xf32>
  return
}

// -----

func.func @shapes(%a: tensor<16x128xf16>, %b: tensor<64x64xf16>, %acc: tensor<16x64xf32>) {
  // expected-error @+1 {{expected [M, K] * [K, N] + [M, N], got [16, 128] * [64, 64] + [16, 64]}}
  %0 = tile.dot %a, %b, %acc : tensor<16x128xf16>, tensor<64x64xf16>, tensor<16x64xf32>
  return
}

// -----

func.func @acc(%a: tensor<16x128xf16>, %b: tensor<128x64xf16>, %acc: tensor<16x64xf16>) {
  // expected-error @+1 {{operand #2 must be statically shaped tensor of 32-bit float or 32-bit signless integer values, but got 'tensor<16x64xf16>'}}
  %0 = tile.dot %a, %b, %acc : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf16>
  return
}

// -----

func.func @operand(%a: tensor<16x128xf64>, %b: tensor<128x64xf32>, %acc: tensor<16x64xf32>) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of 16-bit float or bfloat16 type or 32-bit float or 8-bit signless integer or f8E4M3FN type or f8E5M2 type values, but got 'tensor<16x128xf64>'}}
  %0 = tile.dot %a, %b, %acc : tensor<16x128xf64>, tensor<128x64xf32>, tensor<16x64xf32>
  return
}

// -----

func.func @scales(%a: tensor<16x128xf16>, %b: tensor<128x64xf16>, %acc: tensor<16x64xf32>, %s: tensor<1x32xf16>) {
  // expected-error @+1 {{expected scales [G, 64] with G a divisor of 128, got [1, 32]}}
  %0 = tile.dot %a, %b, %acc scales %s : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>, tensor<1x32xf16>
  return
}

// -----

// Lanes 0 and 1 of B hold other k than those of A.
#a = #tile.layout<[16, 16], register = [[0, 1], [8, 0], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#b = #tile.layout<[16, 8], register = [[2, 0], [8, 0]], lane = [[1, 0], [4, 0], [0, 1], [0, 2], [0, 4]]>
#c = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>

func.func @k(%a: tensor<16x16xf16, #a>, %b: tensor<16x8xf16, #b>, %acc: tensor<16x8xf32, #c>) {
  // expected-error @+1 {{lane bit 0 is not congruent: [16, 16] register = [(0, 1), (8, 0), (0, 8)]}}
  %0 = tile.dot %a, %b, %acc : tensor<16x16xf16, #a>, tensor<16x8xf16, #b>, tensor<16x8xf32, #c>
  return
}

// -----

// Lanes 2 to 4 of A and of the accumulator disagree on rows.
#a = #tile.layout<[16, 16], register = [[0, 1], [8, 0], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [4, 0], [2, 0]]>
#b = #tile.layout<[16, 8], register = [[1, 0], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]]>
#c = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>

func.func @rows(%a: tensor<16x16xf16, #a>, %b: tensor<16x8xf16, #b>, %acc: tensor<16x8xf32, #c>) {
  // expected-error @+1 {{lane bit 3 is not congruent}}
  %0 = tile.dot %a, %b, %acc : tensor<16x16xf16, #a>, tensor<16x8xf16, #b>, tensor<16x8xf32, #c>
  return
}

// -----

func.func @bytes(%a: tensor<16x128xi8>, %b: tensor<128x64xf8E4M3FN>, %acc: tensor<16x64xi32>) {
  // expected-error @+1 {{expected a and b of one type, got 'i8' and 'f8E4M3FN'}}
  %0 = tile.dot %a, %b, %acc : tensor<16x128xi8>, tensor<128x64xf8E4M3FN>, tensor<16x64xi32>
  return
}

// -----

func.func @sums_of_integers(%a: tensor<16x128xi8>, %b: tensor<128x64xi8>, %acc: tensor<16x64xf32>) {
  // expected-error @+1 {{expected sums of i32 of products of 'i8', got 'f32'}}
  %0 = tile.dot %a, %b, %acc : tensor<16x128xi8>, tensor<128x64xi8>, tensor<16x64xf32>
  return
}

// -----

func.func @sums_of_floats(%a: tensor<16x128xf8E5M2>, %b: tensor<128x64xf8E4M3FN>, %acc: tensor<16x64xi32>) {
  // expected-error @+1 {{expected sums of f32 of products of 'f8E5M2', got 'i32'}}
  %0 = tile.dot %a, %b, %acc : tensor<16x128xf8E5M2>, tensor<128x64xf8E4M3FN>, tensor<16x64xi32>
  return
}
