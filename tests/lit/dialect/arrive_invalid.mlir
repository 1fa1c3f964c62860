// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @space(%tickets: !llvm.ptr, %tile: i32) {
  // expected-error @+1 {{operand #0 must be pointer to global memory, but got '!llvm.ptr'}}
  %last = tile.arrive %tickets[%tile] of 8 : !llvm.ptr
  return
}
