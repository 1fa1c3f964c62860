// Along either dimension and both.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @broadcasts
func.func @broadcasts(%a: tensor<16x1xf32>, %b: tensor<1x64xf16>, %c: tensor<1x1xi32>) {
  // CHECK: tile.broadcast %{{.*}} : tensor<16x1xf32> -> tensor<16x64xf32>
  %0 = tile.broadcast %a : tensor<16x1xf32> -> tensor<16x64xf32>
  // CHECK: tile.broadcast %{{.*}} {note = "bias"} : tensor<1x64xf16> -> tensor<16x64xf16>
  %1 = tile.broadcast %b {note = "bias"} : tensor<1x64xf16> -> tensor<16x64xf16>
  // CHECK: tile.broadcast %{{.*}} : tensor<1x1xi32> -> tensor<16x64xi32>
  %2 = tile.broadcast %c : tensor<1x1xi32> -> tensor<16x64xi32>
  return
}
