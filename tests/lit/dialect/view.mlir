// Views with and without run-time extents and strides, plain and packed.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @views
// CHECK-SAME: %[[P:.*]]: !llvm.ptr<1>, %[[M:.*]]: i32
func.func @views(%p: !llvm.ptr<1>, %m: i32) {
  // CHECK: tile.view %[[P]] extents %[[M]] : !llvm.ptr<1> -> <?x4096xf16>
  %x = tile.view %p extents %m : !llvm.ptr<1> -> !tile.view<?x4096xf16>
  // CHECK: tile.view %[[P]] extents %[[M]], %[[M]] : !llvm.ptr<1> -> <?x8x?xf16>
  %y = tile.view %p extents %m, %m : !llvm.ptr<1> -> !tile.view<?x8x?xf16>
  // CHECK: tile.view %[[P]] extents %[[M]] strides %[[M]] : !llvm.ptr<1> -> <?x8xf16, strides = [?, 1]>
  %z = tile.view %p extents %m strides %m : !llvm.ptr<1> -> !tile.view<?x8xf16, strides = [?, 1]>
  // CHECK: tile.view %[[P]] : !llvm.ptr<1> -> <4096x64xi4, packed = 0>
  %w = tile.view %p : !llvm.ptr<1> -> !tile.view<4096x64xi4, packed = 0>
  // CHECK: tile.view %[[P]] {note = "scales"} : !llvm.ptr<1> -> <32x64xbf16>
  %s = tile.view %p {note = "scales"} : !llvm.ptr<1> -> !tile.view<32x64xbf16>
  return
}
