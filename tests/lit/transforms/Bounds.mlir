// Which starts are known to lie inside of a view, and need no bounds check.
// RUN: lath-opt %s -tile-assign-layouts -tile-to-nvvm -split-input-file | FileCheck %s

// The grid's choice, a loop to the end, and a step ahead behind its condition.
// CHECK-LABEL: llvm.func @inside
// CHECK-NOT:     llvm.icmp
func.func @inside(%p: !llvm.ptr<1>, %q: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<256x512xf32>
  %o = tile.view %q : !llvm.ptr<1> -> !tile.view<256x512xf32>
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %c128 = arith.constant 128 : i32
  %c512 = arith.constant 512 : i32
  %row = tile.program_id 0
  scf.for %k = %c0 to %c512 step %c128 : i32 {
    %t = tile.load %x[%row, %k] : !tile.view<256x512xf32> -> tensor<1x128xf32>
    %next = arith.addi %k, %c128 : i32
    %more = arith.cmpi slt, %next, %c512 : i32
    scf.if %more {
      tile.store %t, %o[%row, %next] : tensor<1x128xf32>, !tile.view<256x512xf32>
    }
  }
  return
}

// -----

// Before the first block's piece, behind the last one's, and by a number from
// memory.
// CHECK-LABEL: llvm.func @before
// CHECK:         llvm.icmp "ult"
func.func @before(%p: !llvm.ptr<1>, %q: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<512xf32>
  %o = tile.view %q : !llvm.ptr<1> -> !tile.view<512xf32>
  %c128 = arith.constant 128 : i32
  %pid = tile.program_id 0
  %here = arith.muli %pid, %c128 : i32
  %start = arith.subi %here, %c128 : i32
  %t = tile.load %x[%start] : !tile.view<512xf32> -> tensor<128xf32>
  tile.store %t, %o[%here] : tensor<128xf32>, !tile.view<512xf32>
  return
}

// -----

// CHECK-LABEL: llvm.func @behind
// CHECK:         llvm.icmp "ult"
func.func @behind(%p: !llvm.ptr<1>, %q: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<512xf32>
  %o = tile.view %q : !llvm.ptr<1> -> !tile.view<512xf32>
  %c128 = arith.constant 128 : i32
  %pid = tile.program_id 0
  %here = arith.muli %pid, %c128 : i32
  %start = arith.addi %here, %c128 : i32
  %t = tile.load %x[%start] : !tile.view<512xf32> -> tensor<128xf32>
  tile.store %t, %o[%here] : tensor<128xf32>, !tile.view<512xf32>
  return
}

// -----

// CHECK-LABEL: llvm.func @loaded
// CHECK:         llvm.icmp "ult"
func.func @loaded(%p: !llvm.ptr<1>, %q: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 4, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>} {
  %x = tile.view %p : !llvm.ptr<1> -> !tile.view<512xf32>
  %ids = tile.view %q : !llvm.ptr<1> -> !tile.view<4xi32>
  %c0 = arith.constant 0 : i32
  %c128 = arith.constant 128 : i32
  %one = tile.load %ids[%c0] : !tile.view<4xi32> -> tensor<1xi32>
  %id = tile.extract %one : tensor<1xi32> -> i32
  %start = arith.muli %id, %c128 : i32
  %zero = arith.constant 0.0 : f32
  %t = tile.splat %zero : f32 -> tensor<128xf32>
  tile.store %t, %x[%start] : tensor<128xf32>, !tile.view<512xf32>
  return
}
