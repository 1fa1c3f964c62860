// A tile of two panels from a view of run-time rows.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#p = #tile.layout<[8, 128], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [0, 64]]>

// CHECK-LABEL: func.func @copies
// CHECK-SAME:    %[[MAP:[a-z0-9]+]]: !llvm.ptr, %[[X:[a-z0-9]+]]: !tile.view<?x4096xf16>, %[[B:[a-z0-9]+]]: !tile.buffer<{{.*}}>, %[[FULL:[a-z0-9]+]]: !tile.mbarriers<3>, %[[I:[a-z0-9]+]]: i32
func.func @copies(%map: !llvm.ptr, %x: !tile.view<?x4096xf16>, %b: !tile.buffer<3 of 8x128xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // CHECK: tile.tensor_copy %[[MAP]] of %[[X]][%[[I]], %[[I]]], %[[B]][%[[I]]] signals %[[FULL]] : !llvm.ptr, <?x4096xf16>, <3 of 8x128xf16, #{{.*}}>, <3>
  tile.tensor_copy %map of %x[%i, %i], %b[%i] signals %full : !llvm.ptr, !tile.view<?x4096xf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<3>
  return
}

// A tile of one head's rows: of the other dimensions the box has one element.
// CHECK-LABEL: func.func @head
// CHECK-SAME:    %[[MAP:[a-z0-9]+]]: !llvm.ptr, %[[X:[a-z0-9]+]]: !tile.view<?x?x4x128xf16>, %[[B:[a-z0-9]+]]: !tile.buffer<{{.*}}>, %[[FULL:[a-z0-9]+]]: !tile.mbarriers<3>, %[[I:[a-z0-9]+]]: i32
func.func @head(%map: !llvm.ptr, %x: !tile.view<?x?x4x128xf16>, %b: !tile.buffer<3 of 8x128xf16, #p>, %full: !tile.mbarriers<3>, %i: i32) {
  // CHECK: tile.tensor_copy %[[MAP]] of %[[X]][%[[I]], %[[I]] along 0, %[[I]], %[[I]] along 1], %[[B]][%[[I]]] signals %[[FULL]]
  tile.tensor_copy %map of %x[%i, %i along 0, %i, %i along 1], %b[%i] signals %full : !llvm.ptr, !tile.view<?x?x4x128xf16>, !tile.buffer<3 of 8x128xf16, #p>, !tile.mbarriers<3>
  return
}
