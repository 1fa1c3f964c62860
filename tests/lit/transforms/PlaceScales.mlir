// Scales go from the weights to the sums where the schedule says so.
// RUN: lath-opt %s -tile-place-scales -split-input-file | FileCheck %s

#s = #tile.schedule<warps = 2, stages = 1, scales = sums, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @sums
// CHECK-SAME:    %[[X:[a-z0-9]*]]: tensor<16x128xf16>, %[[Q:[a-z0-9]*]]: tensor<128x64xi4>, %[[S:[a-z0-9]*]]: tensor<1x64xf16>, %[[Z:[a-z0-9]*]]: tensor<1x64xi4>, %[[C:[a-z0-9]*]]: tensor<16x64xf32>
// CHECK-NOT:     tile.dequant
// CHECK:         %[[W:.*]] = tile.unpack %[[Q]] zeros %[[Z]] {zero_offset = 1 : i32}
// CHECK-NEXT:    tile.dot %[[X]], %[[W]], %[[C]] scales %[[S]] swapped : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>, tensor<1x64xf16>
func.func @sums(%x: tensor<16x128xf16>, %q: tensor<128x64xi4>, %s: tensor<1x64xf16>, %z: tensor<1x64xi4>, %c: tensor<16x64xf32>) -> tensor<16x64xf32> attributes {tile.schedule = #s} {
  %w = tile.dequant %q, %s zeros %z {zero_offset = 1 : i32} : tensor<128x64xi4>, tensor<1x64xf16>, tensor<1x64xi4> -> tensor<128x64xf16>
  %0 = tile.dot %x, %w, %c swapped : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
  return %0 : tensor<16x64xf32>
}

// -----

// Weights that something else reads keep their scales.
#s = #tile.schedule<warps = 2, stages = 1, scales = sums, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @two_uses
// CHECK:         tile.dequant
// CHECK-NOT:     scales %
func.func @two_uses(%x: tensor<16x128xf16>, %q: tensor<128x64xi4>, %s: tensor<1x64xf16>, %c: tensor<16x64xf32>) -> (tensor<16x64xf32>, tensor<128x64xf16>) attributes {tile.schedule = #s} {
  %w = tile.dequant %q, %s : tensor<128x64xi4>, tensor<1x64xf16> -> tensor<128x64xf16>
  %0 = tile.dot %x, %w, %c swapped : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
  return %0, %w : tensor<16x64xf32>, tensor<128x64xf16>
}

// -----

// The default leaves them where the program has them.
#s = #tile.schedule<warps = 2, stages = 1, split = 1, order = interleaved, reduce = none, target = sm_80>

// CHECK-LABEL: func.func @weights
// CHECK:         %[[W:.*]] = tile.dequant
// CHECK:         tile.dot %{{.*}}, %[[W]], %{{.*}} swapped
func.func @weights(%x: tensor<16x128xf16>, %q: tensor<128x64xi4>, %s: tensor<1x64xf16>, %c: tensor<16x64xf32>) -> tensor<16x64xf32> attributes {tile.schedule = #s} {
  %w = tile.dequant %q, %s : tensor<128x64xi4>, tensor<1x64xf16> -> tensor<128x64xf16>
  %0 = tile.dot %x, %w, %c swapped : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
  return %0 : tensor<16x64xf32>
}
