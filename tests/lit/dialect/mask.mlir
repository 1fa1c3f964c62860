// The value outside may be an infinity; the view may be of another type.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @masks
func.func @masks(%t: tensor<1x1024xf32>, %x: !tile.view<?x1000xf16>, %i: i32) {
  // CHECK: tile.mask %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}] else 0xFF800000 : tensor<1x1024xf32>, <?x1000xf16> -> tensor<1x1024xf32>
  %0 = tile.mask %t, %x[%i, %i] else 0xFF800000 : tensor<1x1024xf32>, !tile.view<?x1000xf16> -> tensor<1x1024xf32>
  // CHECK: tile.mask %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}] else 1.000000e+00 {note = "ones"}
  %1 = tile.mask %t, %x[%i, %i] else 1.0 {note = "ones"} : tensor<1x1024xf32>, !tile.view<?x1000xf16> -> tensor<1x1024xf32>
  return
}
