// The two ends of a dependent launch.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @both
func.func @both() {
  // CHECK: tile.launch_dependents
  tile.launch_dependents
  // CHECK: tile.wait_dependency
  tile.wait_dependency
  return
}
