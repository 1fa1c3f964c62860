// RUN: lath-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{expected one of none, atomic, atomic-out, ordered, cluster, got tree}}
#s = #tile.schedule<warps = 4, stages = 4, split = 8, order = interleaved, reduce = tree, target = sm_90a>

// -----

// expected-error @+1 {{expected one of 0, 1, got 2}}
#s = #tile.schedule<stages = 3, weights = bulk, producers = 2, target = sm_90a>

// -----

// expected-error @+1 {{expected a number, got many}}
#s = #tile.schedule<warps = many>

// -----

// expected-error @+1 {{no word warp of a schedule; the nearest is warps}}
#s = #tile.schedule<warp = 4>

// -----

// expected-error @+1 {{warps is said twice}}
#s = #tile.schedule<warps = 4, stages = 1, warps = 2>

// -----

// expected-error @+1 {{rows is said twice}}
#s = #tile.schedule<rows = 8, rows = 16>

// -----

// expected-error @+1 {{no target sm_91}}
#s = #tile.schedule<warps = 4, target = sm_91>

// -----

// expected-error @+1 {{expected a #tile.schedule, got 4 : i32}}
func.func private @number() attributes {tile.schedule = 4 : i32}

// -----

// expected-error @+1 {{w = 3 is not a power of two; the nearest are 2 and 4}}
func.func private @three_warps() attributes {tile.schedule = #tile.schedule<warps = 3>}

// -----

// expected-error @+1 {{expected a power of two of rows, or 0, got 3}}
func.func private @three_rows() attributes {tile.schedule = #tile.schedule<rows = 3>}

// -----

// expected-error @+1 {{expected a power of two of rows, or 0, got -8}}
func.func private @no_rows() attributes {tile.schedule = #tile.schedule<rows = -8>}

// -----

// expected-error @+1 {{w = 32 with producers = 1: a block has at most 32 warps; use w16, or producers=0}}
func.func private @too_many_warps() attributes {tile.schedule = #tile.schedule<warps = 32, stages = 3, weights = bulk, producers = 1, target = sm_90a>}

// -----

// expected-error @+1 {{kw = 8 exceeds w = 4: it counts warps of the block}}
func.func private @share() attributes {tile.schedule = #tile.schedule<k_warps = 8>}

// -----

// expected-error @+1 {{reduce = none leaves 4 partial sums apart}}
func.func private @no_policy() attributes {tile.schedule = #tile.schedule<split = 4>}

// -----

// expected-error @+1 {{sm_89 has no thread-block clusters}}
func.func private @cluster_too_old() attributes {tile.schedule = #tile.schedule<split = 4, reduce = cluster, target = sm_89>}

// -----

// expected-error @+1 {{s = 9 blocks form no cluster; reduce = cluster takes s2 to s8}}
func.func private @cluster_of_nine() attributes {tile.schedule = #tile.schedule<split = 9, reduce = cluster, target = sm_90a>}

// -----

// expected-error @+1 {{s = 16 blocks form no cluster; reduce = cluster takes s2 to s8}}
func.func private @cluster_of_sixteen() attributes {tile.schedule = #tile.schedule<split = 16, reduce = cluster, target = sm_90a>}

// -----

// expected-error @+1 {{sm_89 has no bulk copies}}
func.func private @bulk_too_old() attributes {tile.schedule = #tile.schedule<stages = 3, weights = bulk, target = sm_89>}

// -----

// expected-error @+1 {{weights=bulk fills the stages of a pipeline: it needs st = 2 or more, got 1}}
func.func private @no_stages() attributes {tile.schedule = #tile.schedule<weights = bulk, target = sm_90a>}

// -----

// expected-error @+1 {{sm_89 has no programmatic dependent launch}}
func.func private @dependent_too_old() attributes {tile.schedule = #tile.schedule<dependent = end, target = sm_89>}

// -----

// expected-error @+1 {{mma=warpgroup needs w to be a multiple of 4, got 2}}
func.func private @half_a_group() attributes {tile.schedule = #tile.schedule<warps = 2, stages = 2, mma = warpgroup, target = sm_90a>}

// -----

func.func @loop_of_another_block(%n: i32) {
  // expected-error @+1 {{warps is a word of the kernel; a loop has none of its own}}
  scf.for %i = %n to %n step %n : i32 {
  } {tile.schedule = #tile.schedule<warps = 2>}
  return
}

// -----

func.func @loop_of_another_target(%n: i32) {
  // expected-error @+1 {{rows and target are the kernel's}}
  scf.for %i = %n to %n step %n : i32 {
  } {tile.schedule = #tile.schedule<stages = 2, target = sm_90a>}
  return
}

// -----

func.func @stages_of_a_dot(%a: tensor<16x16xf16>, %b: tensor<16x16xf16>, %c: tensor<16x16xf32>) {
  // expected-error @+1 {{stages is a word of the loop; a dot has none of its own}}
  %d = tile.dot %a, %b, %c {tile.schedule = #tile.schedule<stages = 2>} : tensor<16x16xf16>, tensor<16x16xf16>, tensor<16x16xf32>
  return
}

// -----

func.func @nobody(%n: i32) {
  // expected-error @+1 {{only a kernel, a loop or a dot has a schedule}}
  %m = arith.addi %n, %n {tile.schedule = #tile.schedule<stages = 2>} : i32
  return
}
