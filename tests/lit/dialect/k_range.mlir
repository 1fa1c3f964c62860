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

// An extent that is known at launch; one that turns out to be a number becomes
// one.
// RUN: lath-opt %s -canonicalize | FileCheck %s --check-prefix=FOLD
// CHECK-LABEL: func.func @dynamic
// FOLD-LABEL:  func.func @dynamic
func.func @dynamic(%n: i32) -> (i32, i32) {
  // CHECK: tile.k_range extent %{{.*}} step 64
  // FOLD:  %[[A:.*]], %{{.*}}, %{{.*}} = tile.k_range extent %{{.*}} step 64
  %lo, %hi, %st = tile.k_range extent %n step 64
  // FOLD:  %[[B:.*]], %{{.*}}, %{{.*}} = tile.k_range extent 256 step 64
  %c256 = arith.constant 256 : i32
  %lo2, %hi2, %st2 = tile.k_range extent %c256 step 64
  return %lo, %lo2 : i32, i32
}
