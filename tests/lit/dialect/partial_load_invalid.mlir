// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @type(%ws: !llvm.ptr<1>, %slot: i32) {
  // expected-error @+1 {{result #0 must be statically shaped tensor of 32-bit float or 32-bit signless integer values, but got 'tensor<16x64xf16>'}}
  %0 = tile.partial_load %ws[%slot] : !llvm.ptr<1> -> tensor<16x64xf16>
  return
}
