// Atomic operations of all kinds; what was there before is the result.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @adds
// CHECK-SAME: %[[A:[^:]*]]: tensor<32xf32>, %[[B:[^:]*]]: tensor<32xf16>, %[[C:[^:]*]]: tensor<32xbf16>, %[[D:[^:]*]]: tensor<32xi64>
func.func @adds(%a: tensor<32xf32>, %b: tensor<32xf16>, %c: tensor<32xbf16>,
                %d: tensor<32xi64>,
                %va: !tile.view<64xf32>, %vb: !tile.view<64xf16>,
                %vc: !tile.view<64xbf16>, %vd: !tile.view<64xi64>, %i: i32) {
  // CHECK: tile.atomic add %[[A]], %{{.*}}[%{{.*}}] : tensor<32xf32>, <64xf32>
  %0 = tile.atomic add %a, %va[%i] : tensor<32xf32>, !tile.view<64xf32>
  // CHECK: tile.atomic add %[[B]], %{{.*}}[%{{.*}}] {note = "sum"} : tensor<32xf16>, <64xf16>
  %1 = tile.atomic add %b, %vb[%i] {note = "sum"} : tensor<32xf16>, !tile.view<64xf16>
  // CHECK: tile.atomic add %[[C]], %{{.*}}[%{{.*}}] : tensor<32xbf16>, <64xbf16>
  %2 = tile.atomic add %c, %vc[%i] : tensor<32xbf16>, !tile.view<64xbf16>
  // CHECK: tile.atomic add %[[D]], %{{.*}}[%{{.*}}] : tensor<32xi64>, <64xi64>
  %3 = tile.atomic add %d, %vd[%i] : tensor<32xi64>, !tile.view<64xi64>
  return
}

// CHECK-LABEL: func.func @kinds
func.func @kinds(%t: tensor<32xi32>, %ids: tensor<32xi32>,
                 %v: !tile.view<?x64xi32>, %i: i32) {
  // CHECK: tile.atomic max %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}} along 0] : tensor<32xi32>, <?x64xi32>
  %0 = tile.atomic max %t, %v[%i, %i along 0] : tensor<32xi32>, !tile.view<?x64xi32>
  // CHECK: tile.atomic umin %{{.*}}, %{{.*}}[%{{.*}} : tensor<32xi32>, %{{.*}}] : tensor<32xi32>, <?x64xi32>
  %1 = tile.atomic umin %t, %v[%ids : tensor<32xi32>, %i] : tensor<32xi32>, !tile.view<?x64xi32>
  // CHECK: tile.atomic exchange %{{.*}}, %{{.*}}[%{{.*}} : tensor<32xi32>, %{{.*}} : tensor<32xi32>] : tensor<32xi32>, <?x64xi32>
  %2 = tile.atomic exchange %t, %v[%ids : tensor<32xi32>, %ids : tensor<32xi32>] : tensor<32xi32>, !tile.view<?x64xi32>
  // CHECK: tile.atomic compare_exchange %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}} along 0] expects %{{.*}} : tensor<32xi32>, <?x64xi32>, tensor<32xi32>
  %3 = tile.atomic compare_exchange %t, %v[%i, %i along 0] expects %ids : tensor<32xi32>, !tile.view<?x64xi32>, tensor<32xi32>
  return
}
