// The view may be of any type that is not packed; only where it ends counts.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @inside
func.func @inside(%x: !tile.view<?x1000xf16>, %i: i32) {
  // CHECK: tile.inside %{{.*}}[%{{.*}}, %{{.*}}] : <?x1000xf16> -> tensor<1x1024xi1>
  %0 = tile.inside %x[%i, %i] : !tile.view<?x1000xf16> -> tensor<1x1024xi1>
  // CHECK: tile.inside %{{.*}}[%{{.*}}, %{{.*}}] {note = "ones"}
  %1 = tile.inside %x[%i, %i] {note = "ones"} : !tile.view<?x1000xf16> -> tensor<1x1024xi1>
  return
}
