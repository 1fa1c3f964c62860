// The three axes of the grid.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @axes
func.func @axes() -> (i32, i32, i32) {
  // CHECK: %[[X:.*]] = tile.program_id 0
  // CHECK: %[[Y:.*]] = tile.program_id 1
  // CHECK: %[[Z:.*]] = tile.program_id 2 {note = "splits"}
  %x = tile.program_id 0
  %y = tile.program_id 1
  %z = tile.program_id 2 {note = "splits"}
  // CHECK: return %[[X]], %[[Y]], %[[Z]]
  return %x, %y, %z : i32, i32, i32
}
