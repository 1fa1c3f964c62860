// Of eight blocks.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @arrives
func.func @arrives(%tickets: !llvm.ptr<1>, %tile: i32) -> i1 {
  // CHECK: %[[LAST:.*]] = tile.arrive %{{.*}}[%{{.*}}] of 8 {note = "k"} : !llvm.ptr<1>
  // CHECK: return %[[LAST]]
  %last = tile.arrive %tickets[%tile] of 8 {note = "k"} : !llvm.ptr<1>
  return %last : i1
}
