// Symmetric, with zeros, with an offset, of bytes.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

// CHECK-LABEL: func.func @dequants
func.func @dequants(%q: tensor<128x64xi4>, %s: tensor<1x64xf16>, %s2: tensor<4x64xbf16>,
                    %z: tensor<1x64xi4>, %z2: tensor<4x64xi4>, %bytes: tensor<128x64xsi8>) {
  // CHECK: tile.dequant %{{.*}}, %{{.*}} : tensor<128x64xi4>, tensor<1x64xf16> -> tensor<128x64xf16>
  %0 = tile.dequant %q, %s : tensor<128x64xi4>, tensor<1x64xf16> -> tensor<128x64xf16>
  // CHECK: tile.dequant %{{.*}}, %{{.*}} zeros %{{.*}} {zero_offset = 1 : i32} : tensor<128x64xi4>, tensor<1x64xf16>, tensor<1x64xi4> -> tensor<128x64xf16>
  %1 = tile.dequant %q, %s zeros %z {zero_offset = 1 : i32}
     : tensor<128x64xi4>, tensor<1x64xf16>, tensor<1x64xi4> -> tensor<128x64xf16>
  // CHECK: tile.dequant %{{.*}}, %{{.*}} zeros %{{.*}} {note = "v2"} : tensor<128x64xi4>, tensor<4x64xbf16>, tensor<4x64xi4> -> tensor<128x64xbf16>
  %2 = tile.dequant %q, %s2 zeros %z2 {note = "v2"}
     : tensor<128x64xi4>, tensor<4x64xbf16>, tensor<4x64xi4> -> tensor<128x64xbf16>
  // CHECK: tile.dequant %{{.*}}, %{{.*}} : tensor<128x64xsi8>, tensor<4x64xbf16> -> tensor<128x64xbf16>
  %3 = tile.dequant %bytes, %s2 : tensor<128x64xsi8>, tensor<4x64xbf16> -> tensor<128x64xbf16>
  return
}
