// Between the float types, and from and to integers.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @casts
func.func @casts(%a: tensor<16x64xf32>, %b: tensor<16x64xbf16>, %c: tensor<16x64xi64>) {
  // CHECK: tile.cast %{{.*}} : tensor<16x64xf32> -> tensor<16x64xf16>
  %0 = tile.cast %a : tensor<16x64xf32> -> tensor<16x64xf16>
  // CHECK: tile.cast %{{.*}} {note = "exact"} : tensor<16x64xbf16> -> tensor<16x64xf32>
  %1 = tile.cast %b {note = "exact"} : tensor<16x64xbf16> -> tensor<16x64xf32>
  // CHECK: tile.cast %{{.*}} : tensor<16x64xbf16> -> tensor<16x64xf8E4M3FN>
  %2 = tile.cast %b : tensor<16x64xbf16> -> tensor<16x64xf8E4M3FN>
  // CHECK: tile.cast %{{.*}} : tensor<16x64xf8E4M3FN> -> tensor<16x64xf8E5M2>
  %3 = tile.cast %2 : tensor<16x64xf8E4M3FN> -> tensor<16x64xf8E5M2>
  // CHECK: tile.cast %{{.*}} : tensor<16x64xf32> -> tensor<16x64xi32>
  %4 = tile.cast %a : tensor<16x64xf32> -> tensor<16x64xi32>
  // CHECK: tile.cast %{{.*}} unsigned : tensor<16x64xf32> -> tensor<16x64xi8>
  %5 = tile.cast %a unsigned : tensor<16x64xf32> -> tensor<16x64xi8>
  // CHECK: tile.cast %{{.*}} unsigned : tensor<16x64xi64> -> tensor<16x64xf16>
  %6 = tile.cast %c unsigned : tensor<16x64xi64> -> tensor<16x64xf16>
  return
}
