// Weights as whole numbers: symmetric, with zeros, with an offset.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @unpacks
func.func @unpacks(%q: tensor<128x64xi4>, %z: tensor<1x64xi4>, %z2: tensor<4x64xi4>) {
  // CHECK: tile.unpack %{{.*}} : tensor<128x64xi4> -> tensor<128x64xf16>
  %0 = tile.unpack %q : tensor<128x64xi4> -> tensor<128x64xf16>
  // CHECK: tile.unpack %{{.*}} zeros %{{.*}} {zero_offset = 1 : i32} : tensor<128x64xi4>, tensor<1x64xi4> -> tensor<128x64xbf16>
  %1 = tile.unpack %q zeros %z {zero_offset = 1 : i32} : tensor<128x64xi4>, tensor<1x64xi4> -> tensor<128x64xbf16>
  // CHECK: tile.unpack %{{.*}} zeros %{{.*}} {note = "v2"} : tensor<128x64xi4>, tensor<4x64xi4> -> tensor<128x64xf16>
  %2 = tile.unpack %q zeros %z2 {note = "v2"} : tensor<128x64xi4>, tensor<4x64xi4> -> tensor<128x64xf16>
  return
}
