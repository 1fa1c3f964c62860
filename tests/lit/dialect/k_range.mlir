// Bounds of the K loop.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @bounds
func.func @bounds() -> (i32, i32, i32) {
  // CHECK: %[[LO:.*]], %[[HI:.*]], %[[STEP:.*]] = tile.k_range extent 4096 step 128 {note = "k"}
  // CHECK: return %[[LO]], %[[HI]], %[[STEP]]
  %lo, %hi, %st = tile.k_range extent 4096 step 128 {note = "k"}
  return %lo, %hi, %st : i32, i32, i32
}
