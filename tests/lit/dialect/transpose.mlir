// Of a matrix.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @transposes
func.func @transposes(%a: tensor<16x64xf16>) -> tensor<64x16xf16> {
  // CHECK: %[[T:.*]] = tile.transpose %{{.*}} {note = "b"} : tensor<16x64xf16> -> tensor<64x16xf16>
  // CHECK: return %[[T]]
  %0 = tile.transpose %a {note = "b"} : tensor<16x64xf16> -> tensor<64x16xf16>
  return %0 : tensor<64x16xf16>
}

// CHECK-LABEL: func.func @in_order
func.func @in_order(%t: tensor<4x16x64xf32>) {
  // CHECK: tile.transpose %{{.*}} order [2, 0, 1] : tensor<4x16x64xf32> -> tensor<64x4x16xf32>
  %0 = tile.transpose %t order [2, 0, 1] : tensor<4x16x64xf32> -> tensor<64x4x16xf32>
  return
}
