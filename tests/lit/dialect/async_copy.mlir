// Of plain and packed tiles, and of gathered rows.
// RUN: lath-opt %s | lath-opt | FileCheck %s
// RUN: lath-opt %s -mlir-print-op-generic | lath-opt | FileCheck %s

#l = #tile.layout<[4, 16], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [1, 8], [2, 0]]>
#r = #tile.layout<[4, 16], register = [[0, 1]], lane = [[0, 2], [0, 4], [0, 8], [1, 0], [2, 0]]>

// CHECK-LABEL: func.func @copies
func.func @copies(%x: !tile.view<?x64xf16>, %b: !tile.buffer<4 of 4x16xf16, #l>,
                  %q: !tile.view<64x64xi4, packed = 0>,
                  %p: !tile.buffer<2 of 32x16xi4, packed = 0, #l>, %rows: tensor<4x1xi32>, %i: i32) {
  // CHECK: tile.async_copy %{{.*}}[%{{.*}}, %{{.*}}], %{{.*}}[%{{.*}}] : <?x64xf16>, <4 of 4x16xf16, #{{.*}}>
  tile.async_copy %x[%i, %i], %b[%i] : !tile.view<?x64xf16>, !tile.buffer<4 of 4x16xf16, #l>
  // CHECK: tile.async_copy %{{.*}}[%{{.*}}, %{{.*}}], %{{.*}}[%{{.*}}] {note = "q"} : <64x64xi4, packed = 0>, <2 of 32x16xi4, packed = 0, #{{.*}}>
  tile.async_copy %q[%i, %i], %p[%i] {note = "q"} : !tile.view<64x64xi4, packed = 0>, !tile.buffer<2 of 32x16xi4, packed = 0, #l>
  // CHECK: tile.async_copy %{{.*}}[%{{.*}} : tensor<4x1xi32>, %{{.*}} along 1], %{{.*}}[%{{.*}}] : <?x64xf16>, <4 of 4x16xf16, #{{.*}}>
  tile.async_copy %x[%rows : tensor<4x1xi32>, %i along 1], %b[%i] : !tile.view<?x64xf16>, !tile.buffer<4 of 4x16xf16, #l>
  return
}
