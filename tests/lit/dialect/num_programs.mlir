// The three axes of the grid.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @axes
func.func @axes() -> (i32, i32, i32) {
  // CHECK: %[[X:.*]] = tile.num_programs 0
  // CHECK: %[[Y:.*]] = tile.num_programs 1
  // CHECK: %[[Z:.*]] = tile.num_programs 2 {note = "splits"}
  %x = tile.num_programs 0
  %y = tile.num_programs 1
  %z = tile.num_programs 2 {note = "splits"}
  // CHECK: return %[[X]], %[[Y]], %[[Z]]
  return %x, %y, %z : i32, i32, i32
}
