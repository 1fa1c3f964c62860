// Between the float types.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @casts
func.func @casts(%a: tensor<16x64xf32>, %b: tensor<16x64xbf16>) {
  // CHECK: tile.cast %{{.*}} : tensor<16x64xf32> -> tensor<16x64xf16>
  %0 = tile.cast %a : tensor<16x64xf32> -> tensor<16x64xf16>
  // CHECK: tile.cast %{{.*}} {note = "exact"} : tensor<16x64xbf16> -> tensor<16x64xf32>
  %1 = tile.cast %b {note = "exact"} : tensor<16x64xbf16> -> tensor<16x64xf32>
  return
}
