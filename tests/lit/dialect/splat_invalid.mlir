// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @type(%a: f32) {
  // expected-error @+1 {{expected a value of 'f16', got 'f32'}}
  %0 = tile.splat %a : f32 -> tensor<16x64xf16>
  return
}

// -----

func.func @operand(%a: f64) {
  // expected-error-re @+1 {{operand #0 must be {{.*}} but got 'f64'}}
  %0 = tile.splat %a : f64 -> tensor<16x64xf64>
  return
}
