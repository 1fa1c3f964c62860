// How many groups may be in flight.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @wait
func.func @wait() {
  // CHECK-NEXT: tile.async_wait 0
  tile.async_wait 0
  // CHECK-NEXT: tile.async_wait 2 {note = "oldest"}
  tile.async_wait 2 {note = "oldest"}
  return
}
