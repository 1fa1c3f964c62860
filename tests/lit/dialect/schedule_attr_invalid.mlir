// RUN: lath-opt %s -split-input-file -verify-diagnostics

// expected-error @+2 {{expected one of [none, atomic, atomic_out, ordered, cluster] for how partial sums of a split meet, got: tree}}
// expected-error @+1 {{failed to parse Tile_ScheduleAttr parameter 'reduce'}}
#s = #tile.schedule<warps = 4, stages = 4, split = 8, order = interleaved, reduce = tree, capability = 90>

// -----

// expected-error @+1 {{struct is missing required parameter: capability}}
#s = #tile.schedule<warps = 4, stages = 4, split = 8, order = interleaved, reduce = none>
