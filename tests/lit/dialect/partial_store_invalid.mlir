// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @type(%t: tensor<16x64xf16>, %ws: !llvm.ptr<1>, %slot: i32) {
  // expected-error @+1 {{operand #0 must be statically shaped tensor of 32-bit float or 32-bit signless integer values, but got 'tensor<16x64xf16>'}}
  tile.partial_store %t, %ws[%slot] : tensor<16x64xf16>, !llvm.ptr<1>
  return
}

// -----

func.func @space(%t: tensor<16x64xf32>, %ws: !llvm.ptr<3>, %slot: i32) {
  // expected-error @+1 {{operand #1 must be pointer to global memory, but got '!llvm.ptr<3>'}}
  tile.partial_store %t, %ws[%slot] : tensor<16x64xf32>, !llvm.ptr<3>
  return
}
