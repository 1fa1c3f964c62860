// Plain and atomic.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @stores
func.func @stores(%t: tensor<16x64xf32>, %ws: !llvm.ptr<1>, %slot: i32) {
  // CHECK: tile.partial_store %{{.*}}, %{{.*}}[%{{.*}}] : tensor<16x64xf32>, !llvm.ptr<1>
  tile.partial_store %t, %ws[%slot] : tensor<16x64xf32>, !llvm.ptr<1>
  // CHECK: tile.partial_store %{{.*}}, %{{.*}}[%{{.*}}] atomic {note = "acc"} : tensor<16x64xf32>, !llvm.ptr<1>
  tile.partial_store %t, %ws[%slot] atomic {note = "acc"} : tensor<16x64xf32>, !llvm.ptr<1>
  return
}
