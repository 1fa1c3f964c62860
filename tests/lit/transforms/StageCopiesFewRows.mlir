// Stages keep few rows of a tile where views have no more, unless rows meet.
// RUN: lath-opt %s -allow-unregistered-dialect -tile-stage-copies -verify-diagnostics | FileCheck %s

#x = #tile.layout<[8, 64], register = [[0, 1], [0, 8], [0, 16], [0, 32]], lane = [[0, 2], [0, 4], [1, 0], [2, 0], [4, 0]]>
#w = #tile.layout<[64, 16], register = [[1, 0], [0, 8], [8, 0], [16, 0], [32, 0]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]]>
#c = #tile.layout<[8, 16], register = [[1, 0], [0, 8]], lane = [[2, 0], [4, 0], [0, 1], [0, 2], [0, 4]]>
#s = #tile.schedule<warps = 1, stages = 2, rows = 2, split = 1, order = interleaved, reduce = none, target = sm_80>

// The buffer has two, and the tile's others repeat them. The store drops those.
// CHECK-LABEL: func.func @few_rows
// CHECK:         tile.alloc : <1 of 2x64xf16, #tile.layout<[2, 64], offset
// CHECK:         tile.async_copy {{.*}} : <?x4096xf16>, <1 of 2x64xf16
// CHECK:         tile.local_load {{.*}} : <1 of 2x64xf16, {{.*}} -> tensor<8x64xf16
func.func @few_rows(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  tile.store %acc, %out[%lo, %lo] : tensor<8x16xf32, #c>, !tile.view<?x16xf32>
  return
}

// An output of known extent would take all rows.
// CHECK-LABEL: func.func @all_rows
// CHECK:         tile.alloc : <1 of 8x64xf16
func.func @all_rows(%x: !tile.view<?x4096xf16>, %out: !tile.view<8x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    // expected-remark @+1 {{stages keep all 8 rows of this tile, although views have 2: its rows do not stay apart}}
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  // expected-note @+1 {{they meet, or are stored, in tile.store}}
  tile.store %acc, %out[%lo, %lo] : tensor<8x16xf32, #c>, !tile.view<8x16xf32>
  return
}

// By element, along columns, with a bias, in a branch: rows stay apart.
// CHECK-LABEL: func.func @epilogue
// CHECK:         tile.alloc : <1 of 2x64xf16
func.func @epilogue(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>, %bias: tensor<1x16xf32>, %b: i1) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  %0 = tile.broadcast %bias : tensor<1x16xf32> -> tensor<8x16xf32, #c>
  %1 = arith.addf %acc, %0 : tensor<8x16xf32, #c>
  %2 = math.tanh %1 : tensor<8x16xf32, #c>
  %3 = tile.reduce max %2 dim 1 : tensor<8x16xf32, #c> -> tensor<8x1xf32>
  %4 = tile.broadcast %3 : tensor<8x1xf32> -> tensor<8x16xf32, #c>
  %in = tile.inside %out[%lo, %lo] : !tile.view<?x16xf32> -> tensor<8x16xi1, #c>
  %5 = arith.select %in, %4, %init : tensor<8x16xi1, #c>, tensor<8x16xf32, #c>
  %6 = tile.reshape %5 : tensor<8x16xf32, #c> -> tensor<8x4x4xf32>
  %7 = tile.reshape %6 : tensor<8x4x4xf32> -> tensor<8x16xf32, #c>
  %8 = scf.if %b -> (tensor<8x16xf32, #c>) {
    scf.yield %7 : tensor<8x16xf32, #c>
  } else {
    scf.yield %init : tensor<8x16xf32, #c>
  }
  tile.store %8, %out[%lo, %lo] : tensor<8x16xf32, #c>, !tile.view<?x16xf32>
  return
}

// Partial sums come back by the rows that left.
// CHECK-LABEL: func.func @split
// CHECK:         tile.alloc : <1 of 2x64xf16
func.func @split(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>, %ws: !llvm.ptr<1>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  tile.partial_store %acc, %ws[%lo] : tensor<8x16xf32, #c>, !llvm.ptr<1>
  %0 = tile.partial_load %ws[%lo] : !llvm.ptr<1> -> tensor<8x16xf32, #c>
  tile.store %0, %out[%lo, %lo] : tensor<8x16xf32, #c>, !tile.view<?x16xf32>
  return
}

// And what becomes of them counts as well.
// CHECK-LABEL: func.func @split_meets
// CHECK:         tile.alloc : <1 of 8x64xf16
func.func @split_meets(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>, %ws: !llvm.ptr<1>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    // expected-remark @+1 {{stages keep all 8 rows of this tile, although views have 2: its rows do not stay apart}}
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  tile.partial_store %acc, %ws[%lo] : tensor<8x16xf32, #c>, !llvm.ptr<1>
  %0 = tile.partial_load %ws[%lo] : !llvm.ptr<1> -> tensor<8x16xf32, #c>
  // expected-note @+1 {{they meet, or are stored, in tile.transpose}}
  %1 = tile.transpose %0 : tensor<8x16xf32, #c> -> tensor<16x8xf32>
  return
}

// A second product keeps the rows of its first operand and of its sums apart,
// CHECK-LABEL: func.func @second_dot
// CHECK:         tile.alloc : <1 of 2x64xf16
func.func @second_dot(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>, %v: tensor<16x16xf16>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  %h = tile.cast %acc : tensor<8x16xf32, #c> -> tensor<8x16xf16>
  %e = tile.dot %h, %v, %acc swapped : tensor<8x16xf16>, tensor<16x16xf16>, tensor<8x16xf32, #c>
  tile.store %e, %out[%lo, %lo] : tensor<8x16xf32, #c>, !tile.view<?x16xf32>
  return
}

// and sums over those of its second.
// CHECK-LABEL: func.func @two_dots
// CHECK:         tile.alloc : <1 of 8x64xf16
func.func @two_dots(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>, %v: tensor<16x8xf16>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    // expected-remark @+1 {{stages keep all 8 rows of this tile, although views have 2: its rows do not stay apart}}
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  %h = tile.cast %acc : tensor<8x16xf32, #c> -> tensor<8x16xf16>
  %z = tile.reduce add %init dim 0 : tensor<8x16xf32, #c> -> tensor<1x16xf32>
  %i = tile.broadcast %z : tensor<1x16xf32> -> tensor<16x16xf32>
  // expected-note @+1 {{they meet, or are stored, in tile.dot}}
  %e = tile.dot %v, %h, %i : tensor<16x8xf16>, tensor<8x16xf16>, tensor<16x16xf32>
  return
}

// A sum over rows would see them.
// CHECK-LABEL: func.func @rows_meet
// CHECK:         tile.alloc : <1 of 8x64xf16
func.func @rows_meet(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    // expected-remark @+1 {{stages keep all 8 rows of this tile, although views have 2: its rows do not stay apart}}
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  // expected-note @+1 {{they meet, or are stored, in tile.reduce}}
  %r = tile.reduce add %acc dim 0 : tensor<8x16xf32, #c> -> tensor<1x16xf32>
  tile.store %r, %out[%lo, %lo] : tensor<1x16xf32>, !tile.view<?x16xf32>
  return
}

// And so might an operation that does not say.
// CHECK-LABEL: func.func @unknown
// CHECK:         tile.alloc : <1 of 8x64xf16
func.func @unknown(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    // expected-remark @+1 {{stages keep all 8 rows of this tile, although views have 2: its rows do not stay apart}}
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  // expected-note @+1 {{they meet, or are stored, in test.use}}
  "test.use"(%acc) : (tensor<8x16xf32, #c>) -> ()
  tile.store %acc, %out[%lo, %lo] : tensor<8x16xf32, #c>, !tile.view<?x16xf32>
  return
}

// Its last rows may be the view's first.
// CHECK-LABEL: func.func @before
// CHECK:         tile.alloc : <1 of 8x64xf16
func.func @before(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %start = arith.constant -4 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    // expected-remark @+1 {{stages keep all 8 rows of this tile, although views have 2: it is not known to start at a multiple of its rows}}
    %t = tile.load %x[%start, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  tile.store %acc, %out[%lo, %lo] : tensor<8x16xf32, #c>, !tile.view<?x16xf32>
  return
}

// Nothing is known of where it starts.
// CHECK-LABEL: func.func @anywhere
// CHECK:         tile.alloc : <1 of 8x64xf16
func.func @anywhere(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>, %start: i32) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    // expected-remark @+1 {{stages keep all 8 rows of this tile, although views have 2: it is not known to start at a multiple of its rows}}
    %t = tile.load %x[%start, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  tile.store %acc, %out[%lo, %lo] : tensor<8x16xf32, #c>, !tile.view<?x16xf32>
  return
}

// Block 0 has the view's rows, the others have none.
// CHECK-LABEL: func.func @blocks
// CHECK:         tile.alloc : <1 of 2x64xf16
func.func @blocks(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %pid = tile.program_id 0
  %eight = arith.constant 8 : i32
  %start = arith.muli %pid, %eight : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    %t = tile.load %x[%start, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  tile.store %acc, %out[%start, %lo] : tensor<8x16xf32, #c>, !tile.view<?x16xf32>
  return
}

// Rows that the view has not would be stored where it has some.
// CHECK-LABEL: func.func @stored_before
// CHECK:         tile.alloc : <1 of 8x64xf16
func.func @stored_before(%x: !tile.view<?x4096xf16>, %out: !tile.view<?x16xf32>, %w: tensor<64x16xf16, #w>, %init: tensor<8x16xf32, #c>) attributes {tile.schedule = #s} {
  %lo = arith.constant 0 : i32
  %hi = arith.constant 4096 : i32
  %st = arith.constant 64 : i32
  %acc = scf.for %k = %lo to %hi step %st iter_args(%a = %init) -> (tensor<8x16xf32, #c>) : i32 {
    // expected-remark @+1 {{stages keep all 8 rows of this tile, although views have 2: its rows do not stay apart}}
    %t = tile.load %x[%lo, %k] : !tile.view<?x4096xf16> -> tensor<8x64xf16, #x>
    %d = tile.dot %t, %w, %a swapped : tensor<8x64xf16, #x>, tensor<64x16xf16, #w>, tensor<8x16xf32, #c>
    scf.yield %d : tensor<8x16xf32, #c>
  }
  %back = arith.constant -4 : i32
  // expected-note @+1 {{they meet, or are stored, in tile.store}}
  tile.store %acc, %out[%back, %lo] : tensor<8x16xf32, #c>, !tile.view<?x16xf32>
  return
}
