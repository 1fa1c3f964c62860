// Weights are requested one step ahead, into the registers that hold them.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-stream-weights -split-input-file | FileCheck %s

#q = #tile.layout<[32, 16], register = [[1, 0], [2, 0], [4, 0], [0, 8]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]]>
#s = #tile.schedule<warps = 1, stages = 2, weights = registers, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @weights
// CHECK-SAME:    %[[W:[a-z0-9]+]]: !tile.view<4096x64xi4, packed = 0>
// CHECK-DAG:     %[[LO:.*]] = arith.constant 0 : i32
// CHECK-DAG:     %[[HI:.*]] = arith.constant 4096 : i32
// CHECK-DAG:     %[[ST:.*]] = arith.constant 32 : i32
// CHECK:         %[[ANY:.*]] = arith.cmpi slt, %[[LO]], %[[HI]] : i32
// CHECK:         %[[FIRST:.*]] = tile.guarded_load %[[W]][%[[LO]], %[[N:.*]]] if %[[ANY]] :
// CHECK:         scf.for %[[K:.*]] = %[[LO]] to %[[HI]] step %[[ST]] iter_args(%[[ACC:.*]] = %{{.*}}, %[[Q:.*]] = %[[FIRST]])
// CHECK-NEXT:      %[[USE:.*]] = "test.use"(%[[ACC]], %[[Q]])
// CHECK-NEXT:      %[[NEXT:.*]] = arith.addi %[[K]], %[[ST]] : i32
// CHECK-NEXT:      %[[MORE:.*]] = arith.cmpi slt, %[[NEXT]], %[[HI]] : i32
// CHECK-NEXT:      %[[AHEAD:.*]] = tile.guarded_load %[[W]][%[[NEXT]], %[[N]]] if %[[MORE]] else %[[Q]] :
// CHECK-NEXT:      scf.yield %[[USE]], %[[AHEAD]]
func.func @weights(%w: !tile.view<4096x64xi4, packed = 0>, %n: i32, %init: f32) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 32 : i32
  %r = scf.for %k = %lo to %hi step %st iter_args(%acc = %init) -> (f32) : i32 {
    %q = tile.load %w[%k, %n] : !tile.view<4096x64xi4, packed = 0> -> tensor<32x16xi4, #q>
    %u = "test.use"(%acc, %q) : (f32, tensor<32x16xi4, #q>) -> f32
    scf.yield %u : f32
  }
  return
}

// -----

// Activations are not streamed, nor is anything where the schedule says shared.
#x = #tile.layout<[16, 32], register = [[0, 1], [0, 2], [8, 0], [0, 16]], lane = [[0, 4], [0, 8], [1, 0], [2, 0], [4, 0]]>
#q = #tile.layout<[32, 16], register = [[1, 0], [2, 0], [4, 0], [0, 8]], lane = [[8, 0], [16, 0], [0, 1], [0, 2], [0, 4]]>
#on = #tile.schedule<warps = 1, stages = 2, weights = registers, split = 1, order = interleaved, reduce = none, target = sm_80>
#off = #tile.schedule<warps = 1, stages = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @activations
// CHECK-NOT:     guarded_load
func.func @activations(%x: !tile.view<16x4096xf16>, %m: i32) attributes {tile.schedule = #on} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 32 : i32
  scf.for %k = %lo to %hi step %st : i32 {
    %t = tile.load %x[%m, %k] : !tile.view<16x4096xf16> -> tensor<16x32xf16, #x>
    "test.use"(%t) : (tensor<16x32xf16, #x>) -> ()
  }
  return
}

// CHECK-LABEL: func.func @shared
// CHECK-NOT:     guarded_load
func.func @shared(%w: !tile.view<4096x64xi4, packed = 0>, %n: i32) attributes {tile.schedule = #off} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 32 : i32
  scf.for %k = %lo to %hi step %st : i32 {
    %q = tile.load %w[%k, %n] : !tile.view<4096x64xi4, packed = 0> -> tensor<32x16xi4, #q>
    "test.use"(%q) : (tensor<32x16xi4, #q>) -> ()
  }
  return
}
