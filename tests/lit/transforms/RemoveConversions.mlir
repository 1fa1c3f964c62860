// Conversions that a producer does for free.
// RUN: lath-opt %s -tile-remove-conversions | FileCheck %s

#l0 = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>
#l1 = #tile.layout<[4, 16], register = [[2, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 0]]>
#l2 = #tile.layout<[4, 16], register = [[1, 0]], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [2, 0]]>

// A splat has every layout.
// CHECK-LABEL: func.func @splat
// CHECK-SAME:    %[[C:.*]]: f32) -> tensor<4x16xf32, [[WANTED:.*]]> {
func.func @splat(%c: f32) -> tensor<4x16xf32, #l1> {
  // CHECK-NEXT: %[[S:.*]] = tile.splat %[[C]] : f32 -> tensor<4x16xf32, [[WANTED]]>
  // CHECK-NEXT: return %[[S]]
  %0 = tile.splat %c : f32 -> tensor<4x16xf32, #l0>
  %1 = tile.convert_layout %0 : tensor<4x16xf32, #l0> -> tensor<4x16xf32, #l1>
  return %1 : tensor<4x16xf32, #l1>
}

// What a few operations make of coordinates is made again where it is wanted.
#v0 = #tile.layout<[16], register = [], lane = [[1], [2], [4], [8], [0]]>
#c0 = #tile.layout<[1, 16], register = [], lane = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 0]]>
#c1 = #tile.layout<[1, 16], register = [], lane = [[0, 0], [0, 0], [0, 1], [0, 2], [0, 4]], warp = [[0, 8]]>
// CHECK-LABEL: func.func @coordinates
// CHECK-SAME:    -> (tensor<1x16xi1, [[OWN:.*]]>, tensor<1x16xi1, [[WANTED:.*]]>) {
func.func @coordinates(%n: i32) -> (tensor<1x16xi1, #c0>, tensor<1x16xi1, #c1>) {
  // CHECK:      arith.cmpi slt, %{{.*}} : tensor<1x16xi32, [[OWN]]>
  // CHECK-NEXT: %[[I:.*]] = tile.iota : tensor<16xi32, [[LINE:.*]]>
  // CHECK-NEXT: %[[R:.*]] = tile.reshape %[[I]] : tensor<16xi32, [[LINE]]> -> tensor<1x16xi32, [[WANTED]]>
  // CHECK-NEXT: %[[S:.*]] = tile.splat %{{.*}} : i32 -> tensor<1x16xi32, [[WANTED]]>
  // CHECK-NEXT: %[[C:.*]] = arith.cmpi slt, %[[R]], %[[S]] : tensor<1x16xi32, [[WANTED]]>
  // CHECK-NEXT: return %{{.*}}, %[[C]]
  %i = tile.iota : tensor<16xi32, #v0>
  %r = tile.reshape %i : tensor<16xi32, #v0> -> tensor<1x16xi32, #c0>
  %s = tile.splat %n : i32 -> tensor<1x16xi32, #c0>
  %c = arith.cmpi slt, %r, %s : tensor<1x16xi32, #c0>
  %d = tile.convert_layout %c : tensor<1x16xi1, #c0> -> tensor<1x16xi1, #c1>
  return %c, %d : tensor<1x16xi1, #c0>, tensor<1x16xi1, #c1>
}

// A load reads in the layout that its only user wants, where it stands.
// CHECK-LABEL: func.func @load
// CHECK-SAME:    -> tensor<4x16xf32, [[WANTED:.*]]> {
func.func @load(%x: !tile.view<8x16xf32>, %i: i32) -> tensor<4x16xf32, #l1> {
  // CHECK-NEXT: %[[T:.*]] = tile.load %{{.*}} -> tensor<4x16xf32, [[WANTED]]>
  // CHECK-NEXT: tile.barrier
  // CHECK-NEXT: return %[[T]]
  %0 = tile.load %x[%i, %i] : !tile.view<8x16xf32> -> tensor<4x16xf32, #l0>
  tile.barrier
  %1 = tile.convert_layout %0 : tensor<4x16xf32, #l0> -> tensor<4x16xf32, #l1>
  return %1 : tensor<4x16xf32, #l1>
}

// With two users it would be read twice.
// CHECK-LABEL: func.func @load_of_two
func.func @load_of_two(%x: !tile.view<8x16xf32>, %i: i32) -> (tensor<4x16xf32, #l0>, tensor<4x16xf32, #l1>) {
  // CHECK: %[[T:.*]] = tile.load
  // CHECK: %[[C:.*]] = tile.convert_layout %[[T]]
  // CHECK: return %[[T]], %[[C]]
  %0 = tile.load %x[%i, %i] : !tile.view<8x16xf32> -> tensor<4x16xf32, #l0>
  %1 = tile.convert_layout %0 : tensor<4x16xf32, #l0> -> tensor<4x16xf32, #l1>
  return %0, %1 : tensor<4x16xf32, #l0>, tensor<4x16xf32, #l1>
}

// A conversion of a conversion is one.
// CHECK-LABEL: func.func @chain
// CHECK-SAME:    %[[A:.*]]: tensor<4x16xf32, [[FROM:.*]]>) -> tensor<4x16xf32, [[TO:.*]]> {
func.func @chain(%a: tensor<4x16xf32, #l0>) -> tensor<4x16xf32, #l2> {
  // CHECK-NEXT: %[[B:.*]] = tile.convert_layout %[[A]] : tensor<4x16xf32, [[FROM]]> -> tensor<4x16xf32, [[TO]]>
  // CHECK-NEXT: return %[[B]]
  %0 = tile.convert_layout %a : tensor<4x16xf32, #l0> -> tensor<4x16xf32, #l1>
  %1 = tile.convert_layout %0 : tensor<4x16xf32, #l1> -> tensor<4x16xf32, #l2>
  return %1 : tensor<4x16xf32, #l2>
}

// Arithmetic has the layout of its operands.
// CHECK-LABEL: func.func @arithmetic
func.func @arithmetic(%a: tensor<4x16xf32, #l0>) -> tensor<4x16xf32, #l1> {
  // CHECK: %[[S:.*]] = arith.addf
  // CHECK: tile.convert_layout %[[S]]
  %0 = arith.addf %a, %a : tensor<4x16xf32, #l0>
  %1 = tile.convert_layout %0 : tensor<4x16xf32, #l0> -> tensor<4x16xf32, #l1>
  return %1 : tensor<4x16xf32, #l1>
}
