// Tiles and views of each kind in one program, for tests of what calls refuse.
#pragma once

#include "compiler/dsl/Program.h"

namespace lath::test {

/// Tiles and views of each kind in one program.
struct Sample {
  Program p{"sample"};
  Index n = p.scalar("n");
  View floats = p.view("floats", Dtype::f32, {n, 64});
  View halves = p.view("halves", Dtype::f16, {256, 64});
  View words = p.view("words", Dtype::i32, {256, 64});
  View packed = p.view("packed", Dtype::u4, {256, 64}, 0);
  Range rows = p.range(p.programId(0), 16);
  Range columns = p.range(p.constant(0), 64);
  Tile f32 = floats.load({rows, columns});
  Tile f16 = halves.load({rows, columns});
  Tile i32 = words.load({rows, columns});
  Tile u4 = packed.load({rows, columns});
};

} // namespace lath::test
