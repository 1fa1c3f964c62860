// RUN: lath-opt %s -split-input-file -verify-diagnostics

// expected-error @+1 {{expected at least one stage, got 0}}
func.func private @stages(!tile.mbarriers<0>)

// -----

func.func @none(%full: !tile.mbarriers<4>) {
  // expected-error @+1 {{expected 1 to 1048575 arrivals, got 0}}
  tile.mbarrier_init %full arrivals 0 : !tile.mbarriers<4>
  return
}

// -----

func.func @many(%full: !tile.mbarriers<4>) {
  // expected-error @+1 {{expected 1 to 1048575 arrivals, got 1048576}}
  tile.mbarrier_init %full arrivals 1048576 : !tile.mbarriers<4>
  return
}

// -----

func.func @slot(%full: !tile.mbarriers<4>, %slot: i64, %p: i32) { // expected-note {{prior use here}}
  // expected-error @+1 {{use of value '%slot' expects different type than prior uses: 'i32' vs 'i64'}}
  tile.mbarrier_wait %full[%slot] parity %p : !tile.mbarriers<4>
  return
}
