// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @extent() {
  // expected-error @+1 {{expected a positive extent and step, got 0 and 128}}
  %lo, %hi, %st = tile.k_range extent 0 step 128
  return
}

// -----

func.func @step() {
  // expected-error @+1 {{expected a positive extent and step, got 4096 and -128}}
  %lo, %hi, %st = tile.k_range extent 4096 step -128
  return
}

// -----

func.func @none() {
  // expected-error @+1 {{expected one extent, a number or an operand}}
  %lo, %hi, %st = "tile.k_range"() {step = 64 : i32} : () -> (i32, i32, i32)
  return
}
