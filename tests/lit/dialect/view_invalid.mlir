// RUN: lath-opt %s -split-input-file -verify-diagnostics

func.func @missing(%p: !llvm.ptr<1>) {
  // expected-error @+1 {{expected an extent for the dynamic first dimension}}
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<?x64xf16>
  return
}

// -----

func.func @superfluous(%p: !llvm.ptr<1>, %m: i32) {
  // expected-error @+1 {{the first extent is static already}}
  %x = tile.view %p extent %m : !llvm.ptr<1> -> !tile.view<16x64xf16>
  return
}

// -----

func.func @shared(%p: !llvm.ptr<3>) {
  // expected-error @+1 {{operand #0 must be pointer to global memory, but got '!llvm.ptr<3>'}}
  %x = tile.view %p : !llvm.ptr<3> -> !tile.view<16x64xf16>
  return
}
