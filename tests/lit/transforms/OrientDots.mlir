// Weights take the 16-row side of the tensor core where M is narrow.
// RUN: lath-opt %s -tile-orient-dots -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @wide
func.func @wide(%a: tensor<16x64xf16>, %b: tensor<64x32xf16>, %acc: tensor<16x32xf32>) -> tensor<16x32xf32> {
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} :
  %0 = tile.dot %a, %b, %acc : tensor<16x64xf16>, tensor<64x32xf16>, tensor<16x32xf32>
  return %0 : tensor<16x32xf32>
}

// -----

// CHECK-LABEL: func.func @narrow
func.func @narrow(%a: tensor<8x64xbf16>, %b: tensor<64x32xbf16>, %acc: tensor<8x32xf32>) -> tensor<8x32xf32> {
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} swapped :
  %0 = tile.dot %a, %b, %acc : tensor<8x64xbf16>, tensor<64x32xbf16>, tensor<8x32xf32>
  return %0 : tensor<8x32xf32>
}

// -----

// One packed layout serves every M, so dequantised weights are always A.
// CHECK-LABEL: func.func @dequantised
func.func @dequantised(%a: tensor<64x64xf16>, %q: tensor<64x32xi4>, %s: tensor<1x32xf16>,
                       %acc: tensor<64x32xf32>) -> tensor<64x32xf32> {
  %b = tile.dequant %q, %s : tensor<64x32xi4>, tensor<1x32xf16> -> tensor<64x32xf16>
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} swapped :
  %0 = tile.dot %a, %b, %acc : tensor<64x64xf16>, tensor<64x32xf16>, tensor<64x32xf32>
  return %0 : tensor<64x32xf32>
}

// -----

// An attribute that stands there already is decided anew.
// CHECK-LABEL: func.func @again
func.func @again(%a: tensor<16x64xf16>, %b: tensor<64x8xf16>, %acc: tensor<16x8xf32>) -> tensor<16x8xf32> {
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} :
  %0 = tile.dot %a, %b, %acc swapped : tensor<16x64xf16>, tensor<64x8xf16>, tensor<16x8xf32>
  return %0 : tensor<16x8xf32>
}

// -----

func.func @rows(%a: tensor<8x64xf16>, %b: tensor<64x8xf16>, %acc: tensor<8x8xf32>) {
  // expected-error @+1 {{expected at least 16 x 8 x 16 for the tensor core, got 8 x 8 x 64}}
  %0 = tile.dot %a, %b, %acc : tensor<8x64xf16>, tensor<64x8xf16>, tensor<8x8xf32>
  return
}

// -----

func.func @columns(%a: tensor<4x64xf16>, %b: tensor<64x64xf16>, %acc: tensor<4x64xf32>) {
  // expected-error @+1 {{expected at least 16 x 8 x 16 for the tensor core, got 64 x 4 x 64}}
  %0 = tile.dot %a, %b, %acc : tensor<4x64xf16>, tensor<64x64xf16>, tensor<4x64xf32>
  return
}

// -----

func.func @depth(%a: tensor<16x8xf16>, %b: tensor<8x64xf16>, %acc: tensor<16x64xf32>) {
  // expected-error @+1 {{expected at least 16 x 8 x 16 for the tensor core, got 16 x 64 x 8}}
  %0 = tile.dot %a, %b, %acc : tensor<16x8xf16>, tensor<8x64xf16>, tensor<16x64xf32>
  return
}

// -----

func.func @depth_of_bytes(%a: tensor<16x16xi8>, %b: tensor<16x64xi8>, %acc: tensor<16x64xi32>) {
  // expected-error @+1 {{expected at least 16 x 8 x 32 for the tensor core, got 16 x 64 x 16}}
  %0 = tile.dot %a, %b, %acc : tensor<16x16xi8>, tensor<16x64xi8>, tensor<16x64xi32>
  return
}

// -----

// Without a schedule the target is the oldest.
func.func @byte_floats(%a: tensor<16x64xf8E4M3FN>, %b: tensor<64x64xf8E5M2>, %acc: tensor<16x64xf32>) {
  // expected-error @+1 {{products of 'f8E4M3FN' need sm_89 or later, got sm_80, which multiplies f16, bf16, f32 and i8}}
  %0 = tile.dot %a, %b, %acc : tensor<16x64xf8E4M3FN>, tensor<64x64xf8E5M2>, tensor<16x64xf32>
  return
}
