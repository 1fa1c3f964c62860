// One value of each type.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @splats
func.func @splats(%a: f16, %b: bf16, %c: f32, %d: i32, %e: i1, %f: i64, %g: f8E4M3FN) {
  // CHECK: tile.splat %{{.*}} : f16 -> tensor<16x64xf16>
  %0 = tile.splat %a : f16 -> tensor<16x64xf16>
  // CHECK: tile.splat %{{.*}} : bf16 -> tensor<16x64xbf16>
  %1 = tile.splat %b : bf16 -> tensor<16x64xbf16>
  // CHECK: tile.splat %{{.*}} {note = "zero"} : f32 -> tensor<1xf32>
  %2 = tile.splat %c {note = "zero"} : f32 -> tensor<1xf32>
  // CHECK: tile.splat %{{.*}} : i32 -> tensor<2x2x2xi32>
  %3 = tile.splat %d : i32 -> tensor<2x2x2xi32>
  // CHECK: tile.splat %{{.*}} : i1 -> tensor<4xi1>
  %4 = tile.splat %e : i1 -> tensor<4xi1>
  // CHECK: tile.splat %{{.*}} : i64 -> tensor<4xi64>
  %5 = tile.splat %f : i64 -> tensor<4xi64>
  // CHECK: tile.splat %{{.*}} : f8E4M3FN -> tensor<4xf8E4M3FN>
  %6 = tile.splat %g : f8E4M3FN -> tensor<4xf8E4M3FN>
  return
}
