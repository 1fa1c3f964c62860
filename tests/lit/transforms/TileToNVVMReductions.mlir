// What reductions, running sums, joins and slices become: a walk over registers,
// lanes and warps.
// RUN: lath-opt %s -tile-to-nvvm -split-input-file -verify-diagnostics | FileCheck %s

// One instruction combines the words of a whole warp.
#x = #tile.layout<[64], register = [[1]], lane = [[2], [4], [8], [16], [32]]>
#r = #tile.layout<[1], lane = [[0], [0], [0], [0], [0]]>
// CHECK-LABEL: llvm.func @whole_warp
// CHECK:         %[[M:.*]] = llvm.intr.umax
// CHECK:         nvvm.redux.sync umax %[[M]]
// CHECK-NOT:     nvvm.shfl
// CHECK:         llvm.return
func.func @whole_warp() attributes {tile.schedule = #tile.schedule<warps = 1>, tile.shared_bytes = 0 : i32} {
  %0 = tile.iota : tensor<64xi32, #x>
  %1 = tile.reduce umax %0 dim 0 : tensor<64xi32, #x> -> tensor<1xi32, #r>
  return
}

// -----

// Of 64 bits both words are exchanged; of conditions a word.
#x = #tile.layout<[4, 8], lane = [[0, 1], [0, 2], [0, 4], [1, 0], [2, 0]]>
#r = #tile.layout<[4, 1], lane = [[0, 0], [0, 0], [0, 0], [1, 0], [2, 0]]>
// CHECK-LABEL: llvm.func @two_words
// CHECK-COUNT-6: nvvm.shfl.sync bfly %{{.*}} : i32 -> i32
// CHECK-NOT:     nvvm.shfl
// CHECK:         llvm.return
func.func @two_words(%v: i64) attributes {tile.schedule = #tile.schedule<warps = 1>, tile.shared_bytes = 0 : i32} {
  %c = arith.constant 7 : i64
  %0 = tile.splat %c : i64 -> tensor<4x8xi64, #x>
  %1 = tile.reduce min %0 dim 1 : tensor<4x8xi64, #x> -> tensor<4x1xi64, #r>
  return
}

// -----

#x = #tile.layout<[4, 8], lane = [[0, 1], [0, 2], [0, 4], [1, 0], [2, 0]]>
#r = #tile.layout<[4, 1], lane = [[0, 0], [0, 0], [0, 0], [1, 0], [2, 0]]>
// CHECK-LABEL: llvm.func @conditions
// CHECK-COUNT-3: nvvm.shfl.sync bfly %{{.*}} : i32 -> i32
// CHECK-NOT:     nvvm.shfl
// CHECK:         llvm.return
func.func @conditions() attributes {tile.schedule = #tile.schedule<warps = 1>, tile.shared_bytes = 0 : i32} {
  %c = arith.constant true
  %0 = tile.splat %c : i1 -> tensor<4x8xi1, #x>
  %1 = tile.reduce and %0 dim 1 : tensor<4x8xi1, #x> -> tensor<4x1xi1, #r>
  return
}

// -----

// Running sums: two registers, five lanes, then two warps by one exchange.
#x = #tile.layout<[128], register = [[1]], lane = [[2], [4], [8], [16], [32]], warp = [[64]]>
// CHECK-LABEL: llvm.func @running
// CHECK:         llvm.fadd
// CHECK-COUNT-5: nvvm.shfl.sync bfly
// CHECK:         nvvm.barrier
// CHECK:         llvm.store %{{.*}} {alignment = 4 : i64} : f32, !llvm.ptr<3>
// CHECK:         nvvm.barrier
// CHECK-COUNT-2: llvm.load %{{.*}} {alignment = 4 : i64} : !llvm.ptr<3> -> f32
// CHECK-NOT:     llvm.load
// CHECK:         llvm.return
func.func @running(%p: !llvm.ptr<1>) attributes {tile.schedule = #tile.schedule<warps = 2>, tile.shared_bytes = 0 : i32} {
  %c = arith.constant 1.0 : f32
  %0 = tile.splat %c : f32 -> tensor<128xf32, #x>
  %1 = tile.scan add %0 dim 0 {tile.scratch = 0 : i32} : tensor<128xf32, #x> -> tensor<128xf32, #x>
  return
}

// -----

// What lanes hold of the other dimension takes no part.
#x = #tile.layout<[32, 4], register = [[0, 1], [0, 2]], lane = [[1, 0], [2, 0], [4, 0], [8, 0], [16, 0]]>
// CHECK-LABEL: llvm.func @own_rows
// CHECK-NOT:     nvvm.shfl
// CHECK-COUNT-4: llvm.intr.smax
// CHECK:         llvm.return
func.func @own_rows() attributes {tile.schedule = #tile.schedule<warps = 1>, tile.shared_bytes = 0 : i32} {
  %c = arith.constant 1 : i32
  %0 = tile.splat %c : i32 -> tensor<32x4xi32, #x>
  %1 = tile.scan max %0 dim 1 : tensor<32x4xi32, #x> -> tensor<32x4xi32, #x>
  return
}

// -----

// A basis that stands for two elements along the dimension has no order.
#x = #tile.layout<[64], register = [[3]], lane = [[2], [4], [8], [16], [32]]>
func.func @no_order() attributes {tile.schedule = #tile.schedule<warps = 1>, tile.shared_bytes = 0 : i32} {
  %0 = tile.iota : tensor<64xi32, #x>
  // expected-error @+2 {{no place has the element of index bit 0 alone: [64] register = [(3)]}}
  // expected-error @+1 {{failed to legalize operation 'tile.scan'}}
  %1 = tile.scan add %0 dim 0 : tensor<64xi32, #x> -> tensor<64xi32, #x>
  return
}

// -----

// A join by registers is a choice of registers, one by lanes a select.
#a = #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>
#j = #tile.layout<[32, 2], register = [[0, 1]], lane = [[1, 0], [2, 0], [4, 0], [8, 0], [16, 0]]>
#b = #tile.layout<[32], register = [[16]], lane = [[0], [1], [2], [4], [8]]>
#l = #tile.layout<[32, 2], register = [[16, 0]], lane = [[0, 1], [1, 0], [2, 0], [4, 0], [8, 0]]>
// CHECK-LABEL: llvm.func @joins
// CHECK-COUNT-2: llvm.select
// CHECK-NOT:     llvm.select
// CHECK:         llvm.return
func.func @joins() attributes {tile.schedule = #tile.schedule<warps = 1>, tile.shared_bytes = 0 : i32} {
  %0 = tile.iota : tensor<32xi32, #a>
  %1 = tile.join %0, %0 : tensor<32xi32, #a>, tensor<32xi32, #a> -> tensor<32x2xi32, #j>
  %2 = tile.iota : tensor<32xi32, #b>
  %3 = tile.join %2, %2 : tensor<32xi32, #b>, tensor<32xi32, #b> -> tensor<32x2xi32, #l>
  return
}

// -----

#a = #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>
#l = #tile.layout<[32, 2], register = [[16, 0]], lane = [[0, 1], [1, 0], [2, 0], [4, 0], [8, 0]]>
func.func @joined_elsewhere() attributes {tile.schedule = #tile.schedule<warps = 1>, tile.shared_bytes = 0 : i32} {
  %0 = tile.iota : tensor<32xi32, #a>
  // expected-error @+2 {{expected operands where the result lies, got [32] lane = [(1), (2), (4), (8), (16)] and [32, 2]}}
  // expected-error @+1 {{failed to legalize operation 'tile.join'}}
  %1 = tile.join %0, %0 : tensor<32xi32, #a>, tensor<32xi32, #a> -> tensor<32x2xi32, #l>
  return
}

// -----

// Parts in other lanes were to be converted.
#x = #tile.layout<[32], lane = [[1], [2], [4], [8], [16]]>
#r = #tile.layout<[16], lane = [[1], [2], [4], [8], [0]]>
func.func @part_elsewhere() attributes {tile.schedule = #tile.schedule<warps = 1>, tile.shared_bytes = 0 : i32} {
  %0 = tile.iota : tensor<32xi32, #x>
  // expected-error @+2 {{expected every part in the registers of a lane, got [32] lane}}
  // expected-error @+1 {{failed to legalize operation 'tile.slice'}}
  %1 = tile.slice %0 dim 0 start 16 : tensor<32xi32, #x> -> tensor<16xi32, #r>
  return
}

// -----

// What is folded late is a value in every register.
#x = #tile.layout<[64], register = [[1]], lane = [[2], [4], [8], [16], [32]]>
#r = #tile.layout<[1], lane = [[0], [0], [0], [0], [0]]>
// CHECK-LABEL: llvm.func @folded
// CHECK:         %[[C:.*]] = arith.constant 3 : i32
// CHECK:         llvm.add %[[C]], %[[C]]
func.func @folded() attributes {tile.schedule = #tile.schedule<warps = 1>, tile.shared_bytes = 0 : i32} {
  %0 = arith.constant dense<3> : tensor<64xi32, #x>
  %1 = tile.reduce add %0 dim 0 : tensor<64xi32, #x> -> tensor<1xi32, #r>
  return
}
