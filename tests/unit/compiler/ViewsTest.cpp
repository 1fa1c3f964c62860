// Protects what code accesses to views become: vectors where a promise allows
// them, checks only where they are needed, and what is refused at the call.
#include "runtime/Assemble.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <catch2/catch.hpp>

using namespace lath;
using namespace lath::test;

namespace {

/// A tile of rows of a view that are n long, or n apart, copied to another.
std::string copyOf(std::int64_t multipleOf, bool strided) {
  Program p("copy");
  Index n = p.scalar("n", multipleOf);
  auto view = [&](const char *name) {
    return strided
               ? p.view(name, Dtype::f16, {16, 128}, std::vector<Extent>{n, 1})
               : p.view(name, Dtype::f16, {16, n});
  };
  View x = view("x"), y = view("y");
  Range row = p.range(p.constant(0), 16),
        column = strided ? p.range(p.constant(0), 128)
                         : p.range(p.programId(0), 128);
  y.store({row, column}, x.load({row, column}));
  return compile(p, options()).ptx.text;
}

} // namespace

TEST_CASE("rows of a promised length are accessed 16 bytes at a time") {
  for (bool strided : {false, true}) {
    CAPTURE(strided);
    std::string promised = copyOf(8, strided), plain = copyOf(1, strided),
                pairs = copyOf(2, strided);
    CHECK(count(promised, "ld\\.global\\S*\\.v4\\.b32") == 2);
    CHECK(count(promised, "st\\.global\\S*\\.v4\\.b32") == 2);
    CHECK(count(plain, "ld\\.global\\S*\\.b16") == 16);
    CHECK(count(plain, "v4\\.b32") == 0);
    CHECK(count(pairs, "ld\\.global\\S*\\.b32") == 8);
  }
  // What lies inside of static extents is not checked, whatever the strides.
  CHECK(count(copyOf(8, true), "setp") == 0);
  CHECK(count(copyOf(8, false), "setp") > 0);
}

TEST_CASE("an index that is known to lie inside is not checked") {
  auto checks = [](bool known) {
    Program p("head");
    Index head = known ? p.programId(1) % 8 : p.scalar("head");
    View x = p.view("x", Dtype::f32, {8, 1024});
    View y = p.view("y", Dtype::f32, {1024});
    Range r = p.range(p.constant(0), 1024);
    y.store({r}, x.load({head, r}));
    return count(compile(p, options()).ptx.text, "setp");
  };
  CHECK(checks(true) == 0);
  CHECK(checks(false) > 0);
}

TEST_CASE("gathered rows are read 16 bytes at a time") {
  Program p("embedding");
  View ids = p.view("ids", Dtype::i32, {p.scalar("tokens")});
  View table = p.view("table", Dtype::f16, {p.scalar("rows"), 256});
  View out = p.view("out", Dtype::f16, {p.scalar("m"), 256});
  Range token = p.range(p.programId(0), 16),
        column = p.range(p.constant(0), 256);
  out.store({token, column}, table.load({ids.load({token}), column}));
  std::string text = compile(p, options()).ptx.text;
  CHECK(count(text, "ld\\.global\\S*\\.v4\\.b32") == 4);
  CHECK(count(text, "st\\.global\\S*\\.v4\\.b32") == 4);
  CHECK(count(text, "bar\\.sync") == 0); // coordinates lie where rows do
}

TEST_CASE("atomics without a use of what was there are reductions") {
  auto text = [](bool used) {
    Program p("counts");
    View x = p.view("x", Dtype::i32, {1024}),
         y = p.view("y", Dtype::i32, {1024});
    Range r = p.range(p.constant(0), 1024);
    Tile old = x.atomicAdd({r}, iota(r));
    if (used)
      y.store({r}, old);
    return compile(p, options()).ptx.text;
  };
  CHECK(count(text(false), "red\\.relaxed\\.gpu\\.global\\.add\\.u32") == 8);
  CHECK(count(text(false), "atom\\.") == 0);
  CHECK(count(text(true), "atom\\.relaxed\\.gpu\\.global\\.add\\.u32") == 8);
  CHECK(count(text(true), "red\\.") == 0);
}

TEST_CASE("coordinates that cannot be meant are refused") {
  Program p("refused");
  View x = p.view("x", Dtype::f32, {8, 64});
  View q = p.view("q", Dtype::u4, {64, 64}, 0);
  Range r = p.range(p.constant(0), 64);
  auto message = [&](std::vector<At> at) {
    return errorOf([&] { x.load(at); }).message();
  };
  CHECK(message({8, r}) == "load: the 1 coordinates from 8 lie outside of "
                           "dimension 0, whose extent is 8");
  CHECK(message({-1, r}) == "load: the 1 coordinates from -1 lie outside of "
                            "dimension 0, whose extent is 8");
  Tile f = p.zeros({16}), ids = p.zeros({16}, Dtype::i32),
       matrix = p.zeros({16, 1}, Dtype::i32);
  CHECK(message({f, r}) == "load: expected coordinates of i32, got f32 [16]");
  CHECK(message({matrix, r}) ==
        "load: expected coordinates of rank 1 beside ranges, got [16, 1]");
  CHECK(errorOf([&] { q.load({r, 3}); }).message() ==
        "load: expected ranges along all dimensions of a view of u4");
  CHECK(errorOf([&] { x.store({ids, r}, f); }).message() ==
        "store: expected a tile of f32 [16, 64], got f32 [16]");
  CHECK(x.load({ids, r}).shape() == Shape{16, 64});
  CHECK(x.load({ids, 3}).shape() == Shape{16});
  CHECK(x.load({matrix, ids}).shape() == Shape{16, 16});
  CHECK(x.load({2, 3}).shape() == Shape{1});
  CHECK(errorOf([&] { p.scalar("n", 12); }).message() ==
        "scalar: expected multiples of a power of two up to 2^30, got 12");
}

TEST_CASE("gathers, strides and atomics assemble for every target") {
  for (const char *name :
       {"sm_80", "sm_89", "sm_90a", "sm_100a", "sm_103a", "sm_120a"}) {
    CAPTURE(name);
    Program p("all");
    Index n = p.scalar("n", 8), s = p.scalar("s");
    View x = p.view("x", Dtype::f16, {n, n}, std::vector<Extent>{s, 1});
    View ids = p.view("ids", Dtype::i32, {n});
    View sums = p.view("sums", Dtype::f16, {n});
    View locks = p.view("locks", Dtype::i64, {n});
    Range r = p.range(p.programId(0), 64);
    Tile at = ids.load({r});
    Tile t = x.load({at, r});
    x.store({at, r}, t);
    sums.atomicAdd({r}, cast(reshape(sum(t, 1), {64}), Dtype::f16));
    Tile was = locks.atomicCompareExchange({at}, 0, 1);
    ids.store({r}, cast(locks.atomicMax({at}, was), Dtype::i32) +
                       ids.atomicExchange({at}, at));
    Ptx ptx = compile(p, options(name)).ptx;
    if (!toolchain().nvJitLink && !toolchain().ptxas.found()) {
      WARN("skipped: no assembler");
      return;
    }
    Cubin cubin = assemble(ptx);
    CHECK(cubin.bytes.size() > 0);
    CHECK(cubin.resources.spillStores == 0);
  }
}
