// Atomic adds of the three float types.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @adds
// CHECK-SAME: %[[A:[^:]*]]: tensor<32xf32>, %[[B:[^:]*]]: tensor<32xf16>, %[[C:[^:]*]]: tensor<32xbf16>
func.func @adds(%a: tensor<32xf32>, %b: tensor<32xf16>, %c: tensor<32xbf16>,
                %va: !tile.view<64xf32>, %vb: !tile.view<64xf16>,
                %vc: !tile.view<64xbf16>, %i: i32) {
  // CHECK: tile.atomic_add %[[A]], %{{.*}}[%{{.*}}] : tensor<32xf32>, <64xf32>
  tile.atomic_add %a, %va[%i] : tensor<32xf32>, !tile.view<64xf32>
  // CHECK: tile.atomic_add %[[B]], %{{.*}}[%{{.*}}] {note = "sum"} : tensor<32xf16>, <64xf16>
  tile.atomic_add %b, %vb[%i] {note = "sum"} : tensor<32xf16>, !tile.view<64xf16>
  // CHECK: tile.atomic_add %[[C]], %{{.*}}[%{{.*}}] : tensor<32xbf16>, <64xbf16>
  tile.atomic_add %c, %vc[%i] : tensor<32xbf16>, !tile.view<64xbf16>
  return
}
