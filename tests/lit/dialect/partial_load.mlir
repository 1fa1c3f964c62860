// With and without clearing.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @loads
func.func @loads(%ws: !llvm.ptr<1>, %slot: i32) {
  // CHECK: tile.partial_load %{{.*}}[%{{.*}}] : !llvm.ptr<1> -> tensor<16x64xf32>
  %0 = tile.partial_load %ws[%slot] : !llvm.ptr<1> -> tensor<16x64xf32>
  // CHECK: tile.partial_load %{{.*}}[%{{.*}}] clear {note = "acc"} : !llvm.ptr<1> -> tensor<16x64xf32>
  %1 = tile.partial_load %ws[%slot] clear {note = "acc"} : !llvm.ptr<1> -> tensor<16x64xf32>
  return
}
