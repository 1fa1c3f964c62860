// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @missing(%p: !llvm.ptr<1>) {
  // expected-error @+1 {{expected 1 extents for those that the type leaves dynamic, got 0}}
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<?x64xf16>
  return
}

// -----

func.func @superfluous(%p: !llvm.ptr<1>, %m: i32) {
  // expected-error @+1 {{expected 0 extents for those that the type leaves dynamic, got 1}}
  %x = tile.view %p extents %m : !llvm.ptr<1> -> !tile.view<16x64xf16>
  return
}

// -----

func.func @strides(%p: !llvm.ptr<1>, %m: i32) {
  // expected-error @+1 {{expected 2 strides for those that the type leaves dynamic, got 1}}
  %x = tile.view %p strides %m : !llvm.ptr<1> -> !tile.view<16x64xf16, strides = [?, ?]>
  return
}

// -----

func.func @shared(%p: !llvm.ptr<3>) {
  // expected-error @+1 {{operand #0 must be pointer to global memory, but got '!llvm.ptr<3>'}}
  %x = tile.view %p : !llvm.ptr<3> -> !tile.view<16x64xf16>
  return
}
