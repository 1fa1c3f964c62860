// RUN: lath-opt %s -split-input-file -verify-diagnostics

#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#o = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>

func.func @starts(%q: !tile.view<64x64xi4, atom = #a>, %b: !tile.buffer<3 of 16x8xi4, atom = #a, #o>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{expected 2 start indices, got 1}}
  tile.bulk_copy %q[%i], %b[%i] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #o>, !tile.mbarriers<3>
  return
}

// -----

#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#o = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 0], [1, 0, 0]]>

func.func @stages(%q: !tile.view<64x64xi4, atom = #a>, %b: !tile.buffer<3 of 16x8xi4, atom = #a, #o>, %full: !tile.mbarriers<4>, %i: i32) {
  // expected-error @+1 {{expected an mbarrier for each of 3 stages, got 4}}
  tile.bulk_copy %q[%i, %i], %b[%i] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #o>, !tile.mbarriers<4>
  return
}

// -----

#w = #tile.layout<[2, 8], offset = [[0, 1], [0, 2], [0, 4], [1, 0]]>

func.func @rows(%q: !tile.view<64x64xi4, packed = 0>, %b: !tile.buffer<3 of 16x8xi4, packed = 0, #w>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{expected view and buffer in the same atoms, got '!tile.view<64x64xi4, packed = 0>' and '!tile.buffer<3 of 16x8xi4, packed = 0, }}
  tile.bulk_copy %q[%i, %i], %b[%i] signals %full : !tile.view<64x64xi4, packed = 0>, !tile.buffer<3 of 16x8xi4, packed = 0, #w>, !tile.mbarriers<3>
  return
}

// -----

#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#swizzled = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 1], [1, 0, 0]]>

func.func @swizzled(%q: !tile.view<64x64xi4, atom = #a>, %b: !tile.buffer<3 of 16x8xi4, atom = #a, #swizzled>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{expected a buffer in the order of memory, got }}
  tile.bulk_copy %q[%i, %i], %b[%i] signals %full : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #swizzled>, !tile.mbarriers<3>
  return
}

// -----

#a = #tile.layout<[8, 4], offset = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2]]>
#swizzled = #tile.layout<[2, 2, 4], offset = [[0, 0, 1], [0, 0, 2], [0, 1, 1], [1, 0, 0]]>

func.func @zeros(%q: !tile.view<64x64xi4, atom = #a>, %b: !tile.buffer<3 of 16x8xi4, atom = #a, #swizzled>, %i: i32) {
  // expected-error @+1 {{expected a buffer in the order of memory, got }}
  tile.zero_outside %q[%i, %i], %b[%i] : !tile.view<64x64xi4, atom = #a>, !tile.buffer<3 of 16x8xi4, atom = #a, #swizzled>
  return
}

// -----

#small = #tile.layout<[4, 4], offset = [[1, 0], [2, 0], [0, 1], [0, 2]]>
#o = #tile.layout<[2, 2, 2], offset = [[0, 0, 1], [0, 1, 0], [1, 0, 0]]>

func.func @small(%q: !tile.view<64x64xi4, atom = #small>, %b: !tile.buffer<3 of 8x8xi4, atom = #small, #o>, %full: !tile.mbarriers<3>, %i: i32) {
  // expected-error @+1 {{expected atoms of a multiple of 16 bytes, got 8}}
  tile.bulk_copy %q[%i, %i], %b[%i] signals %full : !tile.view<64x64xi4, atom = #small>, !tile.buffer<3 of 8x8xi4, atom = #small, #o>, !tile.mbarriers<3>
  return
}
