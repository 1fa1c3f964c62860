// RUN: lath-opt %s -split-input-file -verify-diagnostics

#x = #tile.layout<[16, 64], offset = [[0, 1], [0, 2], [0, 4], [0, 8], [0, 16], [0, 32], [1, 8], [2, 16], [4, 32], [8, 0]]>
func.func @two(%b: !tile.buffer<4 of 16x64xf16, #x>, %s: i32) {
  // expected-error @+1 {{expected a result of '!tile.buffer<1 of 16x64xf16, }}
  %0 = tile.stage %b[%s] : !tile.buffer<4 of 16x64xf16, #x> -> !tile.buffer<2 of 16x64xf16, #x>
  return
}
