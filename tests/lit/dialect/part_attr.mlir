// RUN: lath-opt %s -split-input-file -verify-diagnostics | FileCheck %s

// CHECK-LABEL: func.func @parts
// CHECK-SAME:    #tile.part<prologue>, #tile.part<fill>, #tile.part<ring>, #tile.part<issue>
func.func @parts() attributes {parts = [#tile.part<prologue>, #tile.part<fill>, #tile.part<ring>, #tile.part<issue>]} {
  return
}

// -----

// expected-error @+2 {{expected ::lath::tile::Part to be one of: prologue, fill, ring, issue}}
// expected-error @+1 {{failed to parse Tile_PartAttr parameter 'value'}}
func.func @epilogue() attributes {parts = #tile.part<epilogue>} {
  return
}
