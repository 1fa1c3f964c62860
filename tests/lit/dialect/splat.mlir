// One value of each type.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @splats
func.func @splats(%a: f16, %b: bf16, %c: f32, %d: i32) {
  // CHECK: tile.splat %{{.*}} : f16 -> tensor<16x64xf16>
  %0 = tile.splat %a : f16 -> tensor<16x64xf16>
  // CHECK: tile.splat %{{.*}} : bf16 -> tensor<16x64xbf16>
  %1 = tile.splat %b : bf16 -> tensor<16x64xbf16>
  // CHECK: tile.splat %{{.*}} {note = "zero"} : f32 -> tensor<1xf32>
  %2 = tile.splat %c {note = "zero"} : f32 -> tensor<1xf32>
  // CHECK: tile.splat %{{.*}} : i32 -> tensor<2x2x2xi32>
  %3 = tile.splat %d : i32 -> tensor<2x2x2xi32>
  return
}
