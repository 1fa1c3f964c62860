// Protects what compile() promises: stages in order, launch facts, errors that
// name the limit, and the same PTX every time.
#include "tests/unit/compiler/CompileHelpers.h"

#include <thread>

using namespace lath;
using namespace lath::test;

TEST_CASE("stages are dumped in order, each once") {
  std::vector<std::string> stages;
  std::vector<std::string> texts;
  CompileResult result = compile(*product(), options("sm_90a", 4, 3),
                                 [&](Stage stage, const std::string &text) {
                                   stages.push_back(std::string(name(stage)));
                                   texts.push_back(text);
                                 });
  REQUIRE(stages ==
          std::vector<std::string>{"tile", "layout", "nvvm", "llvm", "ptx"});
  CHECK(contains(texts[0], "tile.schedule"));
  CHECK(contains(texts[0], "tile.dot"));
  CHECK(contains(texts[1], "tile.async_copy"));
  CHECK(contains(texts[1], "#tile.layout"));
  CHECK(contains(texts[2], "nvvm.mma.sync"));
  CHECK_FALSE(contains(texts[2], "tile."));
  CHECK(contains(texts[3], "define"));
  CHECK(texts[4] == result.ptx.text);
  for (const std::string &stage : stages)
    CHECK(parseStage(stage).has_value());
  CHECK_FALSE(parseStage("sass").has_value());
  CHECK_FALSE(parseStage("").has_value());
}

TEST_CASE("phases are timed") {
  CompileResult result = compile(*twice(), options());
  std::vector<std::string> names;
  for (const PhaseTime &phase : result.phases) {
    names.push_back(phase.name);
    CHECK(phase.milliseconds >= 0);
  }
  CHECK(names ==
        std::vector<std::string>{"passes", "translate", "optimise", "codegen"});
}

TEST_CASE("the PTX says how it is launched") {
  Ptx ptx = compile(*twice(), options("sm_80", 8)).ptx;
  CHECK(ptx.entry == "twice");
  CHECK(ptx.target == "sm_80");
  CHECK(ptx.threads == 256);
  CHECK(ptx.sharedBytes == 0);
  CHECK(ptx.workspaceBytesPerTile == 0);
  CHECK_FALSE(ptx.usesTickets);
  CHECK_FALSE(ptx.accumulatesIntoOutput);
  REQUIRE(ptx.params.size() == 3);
  CHECK(ptx.params[0].kind == KernelParam::Kind::scalar);
  CHECK(ptx.params[0].name == "n");
  CHECK(ptx.params[1].kind == KernelParam::Kind::view);
  CHECK(ptx.params[2].name == "y");
  CHECK(contains(ptx.text, ".visible .entry twice("));
  CHECK(contains(ptx.text, ".target sm_80"));
  CHECK(contains(ptx.text, ".reqntid 256"));
  CHECK(count(ptx.text, "\\.param \\.u64 \\.ptr \\.global \\.align 16") == 2);
}

TEST_CASE("every target gets its own PTX version") {
  for (const Target &each : targets()) {
    std::string text = compile(*twice(), options(each.name)).ptx.text;
    CAPTURE(each.name);
    CHECK(contains(text, ".target " + each.name));
    CHECK(contains(text, ".version " + std::to_string(each.ptxVersion / 10) +
                             "." + std::to_string(each.ptxVersion % 10)));
  }
}

TEST_CASE("a split says what its reduction needs") {
  auto compiled = [](Reduce reduce, int split) {
    CompileOptions o = options("sm_90a", 4, 2);
    o.split = split;
    o.reduce = reduce;
    return compile(*product(), o).ptx;
  };
  const std::uint64_t slot = 4 * 64 * 64;

  Ptx none = compiled(Reduce::none, 1);
  CHECK(none.params.size() == 3);
  CHECK(none.workspaceBytesPerTile == 0);

  Ptx ordered = compiled(Reduce::ordered, 8);
  CHECK(ordered.workspaceBytesPerTile == 8 * slot);
  CHECK(ordered.usesTickets);
  REQUIRE(ordered.params.size() == 5);
  CHECK(ordered.params[3].kind == KernelParam::Kind::workspace);
  CHECK(ordered.params[4].kind == KernelParam::Kind::tickets);

  Ptx atomic = compiled(Reduce::atomic, 8);
  CHECK(atomic.workspaceBytesPerTile == slot);
  CHECK(atomic.usesTickets);
  CHECK_FALSE(atomic.accumulatesIntoOutput);

  Ptx out = compiled(Reduce::atomicOut, 8);
  CHECK(out.workspaceBytesPerTile == 0);
  CHECK_FALSE(out.usesTickets);
  CHECK(out.accumulatesIntoOutput);
  CHECK(out.params.size() == 3);
  CHECK(out.clusterBlocks == 1);
  CHECK_FALSE(contains(out.text, "cluster"));

  Ptx cluster = compiled(Reduce::cluster, 8);
  CHECK(cluster.clusterBlocks == 8);
  CHECK(contains(cluster.text, ".reqnctapercluster 1, 1, 8"));
  CHECK(cluster.workspaceBytesPerTile == 0);
  CHECK_FALSE(cluster.usesTickets);
  CHECK_FALSE(cluster.accumulatesIntoOutput);
  CHECK(cluster.params.size() == 3);
  // The arrival at the start and its wait; no release, which is a fence of the
  // device in every thread.
  CHECK(count(cluster.text, "barrier\\.cluster\\.arrive\\.relaxed") == 1);
  CHECK(count(cluster.text, "barrier\\.cluster\\.arrive") == 1);
  CHECK(count(cluster.text, "barrier\\.cluster\\.wait") == 1);
  CHECK(count(cluster.text, "st\\.async") > 0);
  CHECK(count(cluster.text, "expect_tx") == 1);
}

TEST_CASE("options out of range are refused") {
  auto refused = [](auto change) {
    CompileOptions o = options();
    change(o);
    Error error = errorOf([&] { compile(*product(), o); });
    CHECK(error.kind() == ErrorKind::invalidSpec);
    return error.message();
  };
  for (int warps : {-1, 0, 64})
    CHECK(refused([&](CompileOptions &o) { o.warps = warps; }) ==
          "compile: w = " + std::to_string(warps) +
              " is not in 1..32; the nearest is " + (warps < 1 ? "1" : "32"));
  CHECK(refused([](CompileOptions &o) { o.warps = 3; }) ==
        "compile: w = 3 is not a power of two; the nearest are 2 and 4");
  for (int kWarps : {-1, 0})
    CHECK(refused([&](CompileOptions &o) { o.kWarps = kWarps; }) ==
          "compile: kw = " + std::to_string(kWarps) +
              " is not in 1..32; the nearest is 1");
  CHECK(refused([](CompileOptions &o) { o.kWarps = 3; }) ==
        "compile: kw = 3 is not a power of two; the nearest are 2 and 4");
  CHECK(refused([](CompileOptions &o) { o.kWarps = 8; }) ==
        "compile: kw = 8 exceeds w = 4: it counts warps of the block");
  CHECK(refused([](CompileOptions &o) { o.stages = 0; }) ==
        "compile: st = 0 is not in 1..64; the nearest is 1");
  CHECK(refused([](CompileOptions &o) { o.rows = 3; }) ==
        "compile: expected a power of two of rows, or 0, got 3");
  CHECK(refused([](CompileOptions &o) { o.split = 0; }) ==
        "compile: s = 0 is not in 1..65535; the nearest is 1");
  for (int split : {9, 16})
    CHECK(refused([&](CompileOptions &o) {
            o.split = split;
            o.reduce = Reduce::cluster;
          }) == "compile: s = " + std::to_string(split) +
                    " blocks form no cluster; reduce = cluster takes s2 to s8");
  CHECK(refused([](CompileOptions &o) { o.reduce = Reduce::cluster; }) ==
        "compile: reduce = cluster with s = 1: there is nothing to reduce; "
        "leave reduce out, or split by 2 or more");
  CHECK(refused([](CompileOptions &o) { o.split = 4; }) ==
        "compile: reduce = none leaves 4 partial sums apart; use ordered, "
        "cluster, atomic or atomic-out, or s1");
}

TEST_CASE("a dependent launch is said so, and refused where there is none") {
  CHECK_FALSE(compile(*product(), options("sm_90a")).ptx.dependent);
  CompileOptions o = options("sm_90a", 4, 2);
  o.dependent = Dependent::end;
  Ptx ptx = compile(*product(), o).ptx;
  CHECK(ptx.dependent);
  CHECK(count(ptx.text, "griddepcontrol\\.launch_dependents;") == 1);
  CHECK(count(ptx.text, "griddepcontrol\\.wait;") == 1);
  o.target = &target("sm_89");
  Error error = errorOf([&] { compile(*product(), o); });
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message() == "sm_89 has no programmatic dependent launch (sm_90 "
                           "and later have)");
}

TEST_CASE("bulk copies and producer warps are refused where they cannot be") {
  auto refused = [](auto change) {
    CompileOptions o = options("sm_90a", 4, 2);
    o.weights = WeightPath::bulk;
    change(o);
    return errorOf([&] { compile(*product(), o); });
  };
  Error error = refused([](CompileOptions &o) { o.target = &target("sm_89"); });
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message() == "sm_89 has no bulk copies (sm_90 and later have); "
                           "weights=shared works there");
  error = refused([](CompileOptions &o) { o.stages = 1; });
  CHECK(error.kind() == ErrorKind::invalidSpec);
  CHECK(error.message() == "compile: weights=bulk fills the stages of a "
                           "pipeline: it needs st = 2 or more, got 1");
  for (int producers : {-1, 2})
    CHECK(refused([&](CompileOptions &o) {
            o.producers = producers;
          }).message() == "compile: producers = " + std::to_string(producers) +
                              " is not in 0..1; the nearest is " +
                              (producers < 0 ? "0" : "1"));
  error = refused([](CompileOptions &o) {
    o.warps = 32;
    o.producers = 1;
  });
  CHECK(error.message() ==
        "compile: w = 32 with producers = 1: a block has at most 32 warps; use "
        "w16, or producers=0");
  error = refused([](CompileOptions &o) {
    o.weights = WeightPath::shared;
    o.producers = 1;
  });
  CHECK(error.message() ==
        "compile: producers = 1 with weights = shared: a producer warp issues "
        "bulk copies; use weights=bulk or copies=tensor, or producers=0");
  // A program without packed weights has nothing for them to do.
  error = refused([](CompileOptions &) {});
  CHECK(error.kind() == ErrorKind::compile);
  CHECK(contains(error.message(),
                 "bulk copies are asked for, and no loop reads packed weights "
                 "through stages"));
}

TEST_CASE("clusters are refused where the target has none") {
  CompileOptions o = options("sm_89", 4, 2);
  o.split = 2;
  o.reduce = Reduce::cluster;
  Error error = errorOf([&] { compile(*product(), o); });
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message() ==
        "sm_89 has no thread-block clusters (sm_90 and later have)");
}

TEST_CASE("too much shared memory names both sizes") {
  // Two tiles of 8 KiB a stage.
  Error error = errorOf([] { compile(*product(), options("sm_86", 4, 7)); });
  CHECK(error.kind() == ErrorKind::unsupported);
  CHECK(error.message() == "program 'product' needs 114688 bytes of shared "
                           "memory a block, sm_86 has "
                           "101376; use fewer stages or smaller tiles");
  CHECK(compile(*product(), options("sm_90a", 4, 7)).ptx.sharedBytes == 114688);
}

TEST_CASE("more warps than fragments are a compile error") {
  auto compiled = [](int warps) {
    Program p("small");
    View x = p.view("x", Dtype::f16, {16, 16});
    View out = p.view("out", Dtype::f32, {16, 16});
    Range r = p.range(p.constant(0), 16);
    Tile t = x.load({r, r});
    out.store({r, r}, dot(t, t, p.splat(0, Dtype::f32, {16, 16})));
    compile(p, options("sm_80", warps));
  };
  compiled(2);
  Error error = errorOf([&] { compiled(4); });
  CHECK(error.kind() == ErrorKind::compile);
  CHECK(contains(error.message(), "program 'small': tile-assign-layouts: "));
  CHECK(contains(
      error.message(),
      "4 warps are too many for a tile of 16 x 16; each needs 16 x 8"));
}

TEST_CASE("tiles below the tensor core's are a compile error") {
  Program p("small");
  View x = p.view("x", Dtype::f16, {8, 8});
  View out = p.view("out", Dtype::f32, {8, 8});
  Range r = p.range(p.constant(0), 8);
  Tile t = x.load({r, r});
  out.store({r, r}, dot(t, t, p.splat(0, Dtype::f32, {8, 8})));
  Error error = errorOf([&] { compile(p, options()); });
  CHECK(error.kind() == ErrorKind::compile);
  CHECK(contains(error.message(),
                 "expected at least 16 x 8 x 16 for the tensor "
                 "core, got 8 x 8 x 8"));
}

TEST_CASE("atomic adds need the target's instructions") {
  auto adds = [](Dtype dtype, const std::string &targetName, bool dynamic) {
    Program p("adds");
    Extent extent = dynamic ? Extent(p.scalar("n")) : Extent(4096);
    View x = p.view("x", dtype, {extent});
    x.atomicAdd({p.range(p.programId(0), 1024)}, p.splat(1, dtype, {1024}));
    return compile(p, options(targetName)).ptx.text;
  };
  CHECK(count(adds(Dtype::f32, "sm_80", false), "red\\S*\\.add\\.f32") == 8);
  CHECK(count(adds(Dtype::f32, "sm_90a", false), "red\\S*\\.add\\.v4\\.f32") ==
        2);
  CHECK(count(adds(Dtype::f16, "sm_80", false), "red\\S*\\.noftz\\.f16x2") ==
        4);
  CHECK(count(adds(Dtype::f16, "sm_90a", false),
              "red\\S*\\.noftz\\.v4\\.f16x2") == 1);
  CHECK(count(adds(Dtype::bf16, "sm_90a", false),
              "red\\S*\\.noftz\\.v4\\.bf16x2") == 1);
  // A run-time extent may end anywhere: one by one.
  CHECK(count(adds(Dtype::f32, "sm_90a", true), "red\\S*\\.add\\.f32") == 8);
  CHECK(count(adds(Dtype::f16, "sm_90a", true), "red\\S*\\.noftz\\.f16 ") == 8);
  CHECK(count(adds(Dtype::bf16, "sm_90a", true), "red\\S*\\.noftz\\.bf16 ") ==
        8);

  Error error = errorOf([&] { adds(Dtype::bf16, "sm_89", false); });
  CHECK(error.kind() == ErrorKind::compile);
  CHECK(contains(error.message(),
                 "atomic adds of bf16 need sm_90 or later, got sm_89"));
}

TEST_CASE("a split needs its loop, its sum and the third axis") {
  auto message = [](auto build) {
    Program p("split");
    View x = p.view("x", Dtype::f32, {64, 1024});
    Range r = p.range(p.constant(0), 64);
    CompileOptions o = options();
    o.split = 4;
    o.reduce = Reduce::ordered;
    build(p, x, r, o);
    Error error = errorOf([&] { compile(p, o); });
    CHECK(error.kind() == ErrorKind::compile);
    return error.message();
  };
  auto sumOf = [](Program &p, View x, Range r) {
    auto step = [&](Range k, Tile t) { return t + x.load({r, k}); };
    return p.loop(p.kRange(1024, 64), p.splat(0, Dtype::f32, {64, 64}), step);
  };
  CHECK(
      contains(message([&](Program &p, View x, Range r, CompileOptions &) {
                 x.store({r, r}, sumOf(p, x, r));
               }),
               "split 4 needs one k_range and one reduce_splits, got 1 and 0"));
  CHECK(contains(message([&](Program &p, View x, Range, CompileOptions &) {
                   Range z = p.range(p.programId(2), 64);
                   x.store({z, z}, reduceSplits(sumOf(p, x, z)));
                 }),
                 "axis 2 of the grid holds the splits; use 0 and 1"));
  CHECK(
      contains(message([&](Program &p, View x, Range r, CompileOptions &o) {
                 o.reduce = Reduce::atomicOut;
                 x.store({r, r}, exp2(reduceSplits(sumOf(p, x, r))));
               }),
               "atomic adds into the output are possible only where the sum is "
               "cast and stored"));
}

TEST_CASE("u4 weights that no dot reads are a compile error") {
  Program p("unpack");
  View q = p.view("q", Dtype::u4, {64, 64}, 0);
  View s = p.view("s", Dtype::f16, {1, 64});
  View out = p.view("out", Dtype::f16, {64, 64});
  Range r = p.range(p.constant(0), 64), one = p.range(p.constant(0), 1);
  out.store({r, r}, dequant(q.load({r, r}), s.load({one, r})));
  Error error = errorOf([&] { compile(p, options()); });
  CHECK(error.kind() == ErrorKind::compile);
  CHECK(contains(error.message(),
                 "expected eight elements of a word in one lane"));
}

TEST_CASE("a sum may be used with tiles that were loaded before it") {
  Program p("rows");
  View y = p.view("y", Dtype::f32, {16, 1});
  View x = p.view("x", Dtype::f32, {16, 1024});
  Range r = p.range(p.constant(0), 16), one = p.range(p.constant(0), 1);
  Tile before = y.load({r, one});
  Tile sum = lath::sum(x.load({r, p.range(p.constant(0), 1024)}), 1);
  y.store({r, one}, before + sum);
  compile(p, options());
}

TEST_CASE("coordinates below zero are outside of a view") {
  Program p("shift");
  Index n = p.scalar("n");
  View x = p.view("x", Dtype::f32, {n});
  View y = p.view("y", Dtype::f32, {n});
  Index start = p.programId(0) * 1024;
  y.store({{start, 1024}}, x.load({{start - 1, 1024}}));
  // Compared as unsigned numbers, -1 is beyond every extent.
  std::string text = compile(p, options()).ptx.text;
  CHECK(count(text, "setp\\.(lt|ge|gt|le)\\.u32") >= 8);
  CHECK(count(text, "setp\\.(lt|ge|gt|le)\\.s32") == 0);
}

TEST_CASE("loops inside loops synchronise before they fill buffers again") {
  Program p("nested");
  View x = p.view("x", Dtype::f32, {64, 1024});
  View out = p.view("out", Dtype::f32, {16, 64});
  Tile sum =
      p.loop(p.kRange(64, 16), p.splat(0, Dtype::f32, {16, 64}),
             [&](Range i, Tile outer) {
               return p.loop(p.kRange(1024, 64), outer, [&](Range k, Tile t) {
                 return t + x.load({i, k});
               });
             });
  out.store({p.range(p.constant(0), 16), p.range(p.constant(0), 64)}, sum);
  CHECK(count(compile(p, options("sm_80", 4, 3)).ptx.text, "bar\\.sync") == 2);
}

TEST_CASE("one program, one PTX") {
  for (int stages : {1, 3}) {
    CompileOptions o = options("sm_90a", 4, stages);
    o.split = 4;
    o.reduce = Reduce::ordered;
    const std::string first = compile(*product(), o).ptx.text;
    CHECK(compile(*product(), o).ptx.text == first);

    std::vector<std::string> texts(4);
    std::vector<std::thread> threads;
    for (std::string &text : texts)
      threads.emplace_back([&] { text = compile(*product(), o).ptx.text; });
    for (std::thread &thread : threads)
      thread.join();
    for (const std::string &text : texts)
      CHECK(text == first);
  }
}

TEST_CASE("a loop and a dot may have words of their own") {
  // Two products of 64 x 64 by a K step of 64: 16 KB a stage in each loop.
  auto build = [](std::string_view first, std::string_view second,
                  std::string_view dot) {
    auto program = std::make_unique<Program>("two_loops");
    Program &p = *program;
    View x = p.view("x", Dtype::f16, {64, 1024});
    View w = p.view("w", Dtype::f16, {1024, 64});
    View out = p.view("out", Dtype::f32, {64, 64});
    Range side = p.range(p.constant(0), 64);
    Tile sum = p.splat(0, Dtype::f32, {64, 64});
    for (std::string_view words : {first, second}) {
      Tile part = p.loop(
          p.kRange(1024, 64), p.splat(0, Dtype::f32, {64, 64}),
          [&](Range k, Tile acc) {
            return lath::dot(x.load({side, k}), w.load({k, side}), acc, dot);
          },
          words);
      sum = sum + part;
    }
    out.store({side, side}, sum);
    return program;
  };
  auto compiled = [&](int stages, std::string_view first,
                      std::string_view second, std::string_view dot = {}) {
    return compile(*build(first, second, dot), options("sm_90a", 4, stages))
        .ptx;
  };
  constexpr unsigned stage = 2 * 64 * 64 * 2;
  auto waits = [](const Ptx &ptx, int groups) {
    return count(ptx.text,
                 "cp\\.async\\.wait_group\\s+" + std::to_string(groups) + ";");
  };
  Ptx alike = compiled(3, "", "");
  CHECK(waits(alike, 1) == 2); // of three stages one may be on its way
  CHECK(alike.sharedBytes == 6 * stage);
  Ptx apart = compiled(3, "", "st5");
  CHECK(waits(apart, 1) == 1);
  CHECK(waits(apart, 3) == 1);
  CHECK(apart.sharedBytes == (3 + 5) * stage);
  // Where the kernel has no pipeline a loop may, and the other way round.
  CHECK(compiled(1, "st2", "").sharedBytes == 2 * stage);
  CHECK(compiled(2, "st1", "").sharedBytes == 2 * stage);
  CHECK(compiled(3, "st1", "st1").text == compiled(1, "", "").text);
  // Words of a dot, said at the dot or at its loop.
  Ptx shared = compiled(3, "", "", "kw2");
  CHECK(shared.text == compiled(3, "kw2", "kw2").text);
  CHECK(shared.text != alike.text);

  auto refused = [&](std::string_view loop, std::string_view dot = {}) {
    Error error = errorOf([&] { build(loop, "", dot); });
    CHECK(error.kind() == ErrorKind::invalidSpec);
    return error.message();
  };
  CHECK(refused("w2") == "'w' is a word of the kernel; a loop has none of its "
                         "own");
  CHECK(refused("", "st2") == "'st' is a word of the loop; a dot has none of "
                              "its own");
  CHECK(refused("st0") == "st = 0 is not in 1..64; the nearest is 1");
  CHECK(contains(refused("stages3"), "unknown field 'stages'"));
  // What a dot shares it shares among the warps of the block.
  Error error = errorOf([&] { compiled(3, "", "", "kw8"); });
  CHECK(error.kind() == ErrorKind::compile);
  CHECK(contains(error.message(),
                 "kw = 8 exceeds w = 4: it counts warps of the block"));
}
