// Between ranks.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @reshapes
func.func @reshapes(%a: tensor<16x64xf32>, %b: tensor<1024xf16>) {
  // CHECK: tile.reshape %{{.*}} : tensor<16x64xf32> -> tensor<1024xf32>
  %0 = tile.reshape %a : tensor<16x64xf32> -> tensor<1024xf32>
  // CHECK: tile.reshape %{{.*}} {note = "heads"} : tensor<1024xf16> -> tensor<4x16x16xf16>
  %1 = tile.reshape %b {note = "heads"} : tensor<1024xf16> -> tensor<4x16x16xf16>
  return
}
