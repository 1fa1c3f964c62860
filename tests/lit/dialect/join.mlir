// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @joins
func.func @joins(%a: tensor<16x64xf16>, %b: tensor<16x64xf16>, %c: tensor<8xi1>) {
  // CHECK: tile.join %{{.*}}, %{{.*}} : tensor<16x64xf16>, tensor<16x64xf16> -> tensor<16x64x2xf16>
  %0 = tile.join %a, %b : tensor<16x64xf16>, tensor<16x64xf16> -> tensor<16x64x2xf16>
  // CHECK: tile.join %{{.*}}, %{{.*}} {note = "twice"} : tensor<8xi1>, tensor<8xi1> -> tensor<8x2xi1>
  %1 = tile.join %c, %c {note = "twice"} : tensor<8xi1>, tensor<8xi1> -> tensor<8x2xi1>
  return
}
