// Without layouts, with the fragments of mma.m16n8k16, and swapped.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#a = #tile.layout<[16, 16], register = [[0, 1], [8, 0], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#b = #tile.layout<[16, 8], register = [[1, 0], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]]>
#c = #tile.layout<[16, 8], register = [[0, 1], [8, 0]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#bt = #tile.layout<[8, 16], register = [[0, 1], [0, 8]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#at = #tile.layout<[16, 16], register = [[1, 0], [0, 8], [8, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]]>
#ct = #tile.layout<[8, 16], register = [[1, 0], [0, 8]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]]>

// CHECK-LABEL: func.func @dots
func.func @dots(%a: tensor<16x128xf16>, %b: tensor<128x64xf16>, %acc: tensor<16x64xf32>, %s: tensor<2x64xf16>) {
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
  %0 = tile.dot %a, %b, %acc : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} swapped {note = "w"} : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
  %1 = tile.dot %a, %b, %acc swapped {note = "w"} : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} {k_warps = 4 : i32} : tensor<16x128xf16>
  %2 = tile.dot %a, %b, %acc {k_warps = 4 : i32} : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} scales %{{.*}} swapped : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>, tensor<2x64xf16>
  %3 = tile.dot %a, %b, %acc scales %s swapped : tensor<16x128xf16>, tensor<128x64xf16>, tensor<16x64xf32>, tensor<2x64xf16>
  return
}

// CHECK-LABEL: func.func @fragments
func.func @fragments(%a: tensor<16x16xbf16, #a>, %b: tensor<16x8xbf16, #b>,
                     %acc: tensor<16x8xf32, #c>) -> tensor<16x8xf32, #c> {
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} : tensor<16x16xbf16, #{{.*}}>, tensor<16x8xbf16, #{{.*}}>, tensor<16x8xf32, #{{.*}}>
  %0 = tile.dot %a, %b, %acc : tensor<16x16xbf16, #a>, tensor<16x8xbf16, #b>, tensor<16x8xf32, #c>
  return %0 : tensor<16x8xf32, #c>
}

// The transposes: b is the A operand.
// CHECK-LABEL: func.func @swapped_fragments
func.func @swapped_fragments(%x: tensor<8x16xf16, #bt>, %w: tensor<16x16xf16, #at>,
                             %acc: tensor<8x16xf32, #ct>) -> tensor<8x16xf32, #ct> {
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} swapped :
  %0 = tile.dot %x, %w, %acc swapped : tensor<8x16xf16, #bt>, tensor<16x16xf16, #at>, tensor<8x16xf32, #ct>
  return %0 : tensor<8x16xf32, #ct>
}

// CHECK-LABEL: func.func @bytes
func.func @bytes(%i: tensor<16x128xi8>, %j: tensor<128x64xi8>, %n: tensor<16x64xi32>,
                 %a: tensor<16x128xf8E5M2>, %b: tensor<128x64xf8E4M3FN>, %acc: tensor<16x64xf32>) {
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} : tensor<16x128xi8>, tensor<128x64xi8>, tensor<16x64xi32>
  %0 = tile.dot %i, %j, %n : tensor<16x128xi8>, tensor<128x64xi8>, tensor<16x64xi32>
  // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} : tensor<16x128xf8E5M2>, tensor<128x64xf8E4M3FN>, tensor<16x64xf32>
  %1 = tile.dot %a, %b, %acc : tensor<16x128xf8E5M2>, tensor<128x64xf8E4M3FN>, tensor<16x64xf32>
  return
}
