// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @axis() {
  // expected-error @+1 {{attribute 'axis' failed to satisfy constraint: 32-bit signless integer attribute whose minimum value is 0 whose maximum value is 2}}
  %x = tile.num_programs 3
  return
}
