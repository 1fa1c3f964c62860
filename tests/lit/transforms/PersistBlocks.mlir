// Blocks walk over the tiles of the grid; what is the same for all stays ahead.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-persist-blocks -split-input-file -verify-diagnostics | FileCheck %s

#s = #tile.schedule<warps = 8, stages = 3, copies = tensor, producers = 1, persistent = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>

// CHECK-LABEL: func.func @tiles
// CHECK-SAME:    %[[P:[a-z0-9]+]]: !llvm.ptr<1>, %[[X:[a-z0-9]+]]: i32 {tile.kind = 5 : i32, tile.name = "grid_x", tile.type = "i32"}, %[[Y:[a-z0-9]+]]: i32 {tile.kind = 6 : i32, tile.name = "grid_y", tile.type = "i32"})
// CHECK:         %[[VIEW:.*]] = tile.view %[[P]]
// CHECK-DAG:     %[[BLOCK:.*]] = tile.program_id 0
// CHECK-DAG:     %[[BLOCKS:.*]] = tile.num_programs 0
// CHECK-DAG:     %[[ALL:.*]] = arith.muli %[[X]], %[[Y]] : i32
// CHECK:         scf.for %[[T:.*]] = %[[BLOCK]] to %[[ALL]] step %[[BLOCKS]]
// CHECK-DAG:       %[[GROUP:.*]] = arith.constant 16 : i32
// CHECK-DAG:       %[[SIZE:.*]] = arith.muli %[[X]], %[[GROUP]] : i32
// CHECK-DAG:       %[[G:.*]] = arith.divui %[[T]], %[[SIZE]] : i32
// CHECK-DAG:       %[[TOP:.*]] = arith.muli %[[G]], %[[GROUP]] : i32
// CHECK-DAG:       %[[LEFT:.*]] = arith.subi %[[Y]], %[[TOP]] : i32
// CHECK-DAG:       %[[ROWS:.*]] = arith.minsi %[[LEFT]], %[[GROUP]] : i32
// CHECK-DAG:       %[[WITHIN:.*]] = arith.remui %[[T]], %[[SIZE]] : i32
// CHECK-DAG:       %[[ROW:.*]] = arith.remui %[[WITHIN]], %[[ROWS]] : i32
// CHECK-DAG:       %[[YY:.*]] = arith.addi %[[TOP]], %[[ROW]] {tile.position} : i32
// CHECK-DAG:       %[[XX:.*]] = arith.divui %[[WITHIN]], %[[ROWS]] {tile.position} : i32
// CHECK:           "test.use"(%[[VIEW]], %[[XX]], %[[YY]], %[[X]], %[[Y]])
// CHECK:         return
func.func @tiles(%p: !llvm.ptr<1>) attributes {tile.schedule = #s} {
  %x = tile.program_id 0
  %v = tile.view %p : !llvm.ptr<1> -> !tile.view<64x64xf16>
  %y = tile.program_id 1
  %w = tile.num_programs 0
  %h = tile.num_programs 1
  "test.use"(%v, %x, %y, %w, %h) : (!tile.view<64x64xf16>, i32, i32, i32, i32) -> ()
  return
}

// -----

#s = #tile.schedule<warps = 8, stages = 3, copies = tensor, producers = 1, persistent = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>
func.func @third_axis() attributes {tile.schedule = #s} {
  // expected-error @+1 {{persistent blocks walk over a grid of two axes, and this asks for the third}}
  %z = tile.program_id 2
  "test.use"(%z) : (i32) -> ()
  return
}

// -----

#s = #tile.schedule<warps = 8, stages = 3, copies = tensor, producers = 1, persistent = 1, split = 1, order = interleaved, reduce = none, target = sm_90a>
// expected-error @+1 {{persistent blocks need a position in the grid, and the program asks for none}}
func.func @nowhere() attributes {tile.schedule = #s} {
  "test.use"() : () -> ()
  return
}

// -----

// Not asked for.
#s = #tile.schedule<warps = 8, stages = 3, split = 1, order = interleaved, reduce = none, target = sm_90a>
// CHECK-LABEL: func.func @block_a_tile()
// CHECK-NOT:     scf.for
func.func @block_a_tile() attributes {tile.schedule = #s} {
  %x = tile.program_id 0
  "test.use"(%x) : (i32) -> ()
  return
}
