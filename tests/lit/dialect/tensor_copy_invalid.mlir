// RUN: lath-opt %s -split-input-file -verify-diagnostics

#p = #tile.layout<[8, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [0, 64]]>
func.func @stages(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %b: !tile.buffer<3 of 8x128xf16, #p>, %full: !tile.mbarriers<4>, %i: i32) {
  // expected-error @+1 {{expected an mbarrier for each of 3 stages, got 4}}
  tile.tensor_copy %map of %x[%i, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<4>
  return
}

// -----

#p = #tile.layout<[8, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [0, 64]]>
func.func @starts(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %b: !tile.buffer<3 of 8x128xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{expected 2 start indices, got 1}}
  tile.tensor_copy %map of %x[%i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<3>
  return
}

// -----

#p = #tile.layout<[8, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [0, 64]]>
func.func @types(%map: !llvm.ptr, %x: !tile.view<?x4096xbf16>, %b: !tile.buffer<3 of 8x128xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{expected view and buffer of one type, got '!tile.view<?x4096xbf16>' and}}
  tile.tensor_copy %map of %x[%i, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xbf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<3>
  return
}

// -----

#p = #tile.layout<[8, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [0, 64]]>
func.func @memory(%map: !llvm.ptr<1>, %x: !tile.view<?x4096xf16>, %b: !tile.buffer<3 of 8x128xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{must be pointer to a tensor map, but got '!llvm.ptr<1>'}}
  tile.tensor_copy %map of %x[%i, %i], %b[%i] signals %full : !llvm.ptr<1>, !tile.view<?x4096xf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<3>
  return
}

// -----

#p = #tile.layout<[8, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [0, 64]]>
func.func @rows(%map: !llvm.ptr, %x: !tile.view<?x4092xf16>, %b: !tile.buffer<3 of 8x128xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{the view's rows are 8184 bytes; tensor copies take multiples of 16}}
  tile.tensor_copy %map of %x[%i, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4092xf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<3>
  return
}

// -----

#p = #tile.layout<[128, 4], offset = [[0, 1], [0, 2], [1, 0], [2, 0], [4, 0], [8, 0], [16, 0], [32, 0], [64, 0]]>
func.func @short_tile(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %b: !tile.buffer<3 of 128x4xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{the tile's rows are 8 bytes; tensor copies take 16 or more}}
  tile.tensor_copy %map of %x[%i, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 128x4xf16, #p>, !tile.mbarriers<3>
  return
}

// -----

#p = #tile.layout<[512, 8], offset = [[0, 1], [0, 2], [0, 4], [1, 0], [2, 0], [4, 0], [8, 0], [16, 0], [32, 0], [64, 0], [128, 0], [256, 0]]>
func.func @long_box(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %b: !tile.buffer<3 of 512x8xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{a tensor copy has at most 256 elements along a dimension, got 512}}
  tile.tensor_copy %map of %x[%i, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 512x8xf16, #p>, !tile.mbarriers<3>
  return
}

// -----

// The swizzle of the next stage would begin within its period.
#p = #tile.layout<[4, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16]]>
func.func @small_stage(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %b: !tile.buffer<3 of 4x64xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{a stage of 4 rows of 128 bytes does not fill the swizzle's period of 1024}}
  tile.tensor_copy %map of %x[%i, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 4x64xf16, #p>, !tile.mbarriers<3>
  return
}

// -----

// Two panels of 512 bytes: addresses of the second say so in a bit that permutes.
#p = #tile.layout<[4, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [0, 64]]>
func.func @short_panels(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %b: !tile.buffer<3 of 4x128xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{a stage of 4 rows of 256 bytes does not fill the swizzle's period of 1024}}
  tile.tensor_copy %map of %x[%i, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 4x128xf16, #p>, !tile.mbarriers<3>
  return
}

// -----

#p = #tile.layout<[8, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 0], [2, 16], [4, 32], [0, 64]]>
func.func @order(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %b: !tile.buffer<3 of 8x128xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{expected a buffer in the order [8, 128] offset = [(0, 1), (0, 2), (0, 4), (0, 8), (0, 16), (0, 32), (1, 8), (2, 16), (4, 32), (0, 64)], got}}
  tile.tensor_copy %map of %x[%i, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<3>
  return
}

// -----

#p = #tile.layout<[8, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [0, 64]]>
func.func @turned(%map: !llvm.ptr, %x: !tile.view<?x4x4096xf16>, %b: !tile.buffer<3 of 8x128xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{tensor copies bring dimensions in the order of the view}}
  tile.tensor_copy %map of %x[%i along 1, %i, %i along 0], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4x4096xf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<3>
  return
}

// -----

#p = #tile.layout<[8, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [0, 64]]>
func.func @column(%map: !llvm.ptr, %x: !tile.view<?x128x4096xf16>, %b: !tile.buffer<3 of 8x128xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{tensor copies bring the last dimension of the view}}
  tile.tensor_copy %map of %x[%i along 0, %i along 1, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x128x4096xf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<3>
  return
}

// -----

#p = #tile.layout<[8, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [0, 64]]>
func.func @unknown_rows(%map: !llvm.ptr, %x: !tile.view<?x?xf16>, %b: !tile.buffer<3 of 8x128xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{the length of the view's rows is known at run time only}}
  tile.tensor_copy %map of %x[%i, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x?xf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<3>
  return
}

// -----

#p = #tile.layout<[8, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [0, 64]]>
func.func @gather(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %b: !tile.buffer<3 of 8x128xf16, #p>, %full: !tile.mbarriers<3>, %i: i32, %ids: tensor<8x1xi32>) {
  // expected-error @+1 {{expected starts that are numbers, got}}
  tile.tensor_copy %map of %x[%ids : tensor<8x1xi32>, %i along 1], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<3>
  return
}
