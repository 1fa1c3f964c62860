// Protects: random nests of loops and branches, with ends, conditions and
// carried values that depend on each other and on data, against a scalar
// interpreter of the same nest.
#include "compiler/Compile.h"
#include "tests/emulator/Ptx.h"

#include <catch2/catch.hpp>

#include <memory>
#include <random>

using namespace lath;
using namespace lath::test;

namespace {

constexpr int width = 32, length = 96, numbers = 8;

/// What a nest carries: a tile, two indices and a condition.
struct State {
  Tile tile;
  Index a, b;
  Bool flag;
};
struct Scalars {
  std::vector<float> tile = std::vector<float>(width);
  int a = 1, b = 2;
  bool flag = false;
};

struct Data {
  std::vector<float> x = std::vector<float>(length);
  std::vector<int> list = std::vector<int>(numbers);
  int n = 0;
};

/// A statement, as the language has it and as C++ has it.
class Node {
public:
  virtual ~Node() = default;
  virtual void build(Program &p, const View &x, const View &list, Index n,
                     State &s) const = 0;
  virtual void run(const Data &data, Scalars &s) const = 0;
};

using Nodes = std::vector<std::unique_ptr<Node>>;

void buildAll(const Nodes &nodes, Program &p, const View &x, const View &list,
              Index n, State &s) {
  for (const auto &node : nodes)
    node->build(p, x, list, n, s);
}
void runAll(const Nodes &nodes, const Data &data, Scalars &s) {
  for (const auto &node : nodes)
    node->run(data, s);
}

/// Small numbers from what there is.
struct Number {
  int kind, value;

  Index build(Program &p, const View &list, Index n, const State &s) const {
    switch (kind) {
    case 0:
      return p.constant(value);
    case 1:
      return minimum(n, value);
    case 2:
      return s.a % (value + 1);
    case 3:
      return where(s.flag, s.b % 4, value);
    default:
      return maximum(list.loadIndex({s.b % numbers}) - value, 0);
    }
  }
  int run(const Data &data, const Scalars &s) const {
    switch (kind) {
    case 0:
      return value;
    case 1:
      return std::min(data.n, value);
    case 2:
      return s.a % (value + 1);
    case 3:
      return s.flag ? s.b % 4 : value;
    default:
      return std::max(data.list[s.b % numbers] - value, 0);
    }
  }
};

/// Adds a part of x, which may lie outside of it.
struct Add : Node {
  explicit Add(int factor) : factor(factor) {}
  int factor;
  void build(Program &p, const View &x, const View &, Index,
             State &s) const override {
    s.tile += x.load({Range{s.a * factor - 30, width}});
    (void)p;
  }
  void run(const Data &data, Scalars &s) const override {
    for (int i = 0; i < width; ++i)
      if (int at = s.a * factor - 30 + i; at >= 0 && at < length)
        s.tile[i] += data.x[at];
  }
};

struct Step : Node {
  explicit Step(Number by) : by(by) {}
  Number by;
  void build(Program &p, const View &, const View &list, Index n,
             State &s) const override {
    Index a = (s.a * 3 + by.build(p, list, n, s)) % 61;
    s = {s.tile, a, ceilDiv(a + s.b, 2), (a < s.b) | !s.flag};
  }
  void run(const Data &data, Scalars &s) const override {
    int a = (s.a * 3 + by.run(data, s)) % 61;
    s = {s.tile, a, (a + s.b + 1) / 2, a < s.b || !s.flag};
  }
};

struct If : Node {
  Number left, right;
  Nodes body;
  void build(Program &p, const View &x, const View &list, Index n,
             State &s) const override {
    Bool holds = left.build(p, list, n, s) <= right.build(p, list, n, s);
    auto [tile, a, b, flag] =
        p.when(holds, std::tuple{s.tile, s.a, s.b, s.flag},
               [&](Tile tile, Index a, Index b, Bool flag) {
                 State inner{tile, a, b, flag};
                 buildAll(body, p, x, list, n, inner);
                 return std::tuple{inner.tile, inner.a, inner.b, inner.flag};
               });
    s = {tile, a, b, flag};
  }
  void run(const Data &data, Scalars &s) const override {
    if (left.run(data, s) <= right.run(data, s))
      runAll(body, data, s);
  }
};

struct Loop : Node {
  Number begin, end;
  int stride;
  bool pipelined;
  Nodes body;
  void build(Program &p, const View &x, const View &list, Index n,
             State &s) const override {
    auto [tile, a, b, flag] = p.loop(
        p.each(begin.build(p, list, n, s), end.build(p, list, n, s), stride),
        std::tuple{s.tile, s.a, s.b, s.flag},
        [&](Index i, Tile tile, Index a, Index b, Bool flag) {
          // This load's start is known ahead.
          State inner{tile + x.load({Range{i * 16, width}}), a + i, b, flag};
          buildAll(body, p, x, list, n, inner);
          return std::tuple{inner.tile, inner.a, inner.b, inner.flag};
        },
        pipelined ? "st3" : "st1");
    s = {tile, a, b, flag};
  }
  void run(const Data &data, Scalars &s) const override {
    const int first = begin.run(data, s), last = end.run(data, s);
    for (int i = first; i < last; i += stride) {
      for (int l = 0; l < width; ++l)
        if (i * 16 + l < length)
          s.tile[l] += data.x[i * 16 + l];
      s.a += i;
      runAll(body, data, s);
    }
  }
};

class Generator {
public:
  explicit Generator(unsigned seed) : random(seed) {}
  int number(int least, int most) {
    return std::uniform_int_distribution<int>(least, most)(random);
  }
  Number small() { return {number(0, 4), number(0, 4)}; }

  Nodes nest(int depth) {
    Nodes nodes;
    for (int count = number(1, 3); count > 0; --count)
      switch (number(0, depth ? 4 : 1)) {
      case 0:
        nodes.push_back(std::make_unique<Add>(number(1, 4)));
        break;
      case 1:
        nodes.push_back(std::make_unique<Step>(small()));
        break;
      case 2: {
        auto branch = std::make_unique<If>();
        branch->left = small();
        branch->right = small();
        branch->body = nest(depth - 1);
        nodes.push_back(std::move(branch));
        break;
      }
      default: {
        auto loop = std::make_unique<Loop>();
        loop->begin = small();
        loop->end = small();
        loop->stride = number(1, 2);
        loop->pipelined = number(0, 1);
        loop->body = nest(depth - 1);
        nodes.push_back(std::move(loop));
      }
      }
    return nodes;
  }

private:
  std::mt19937 random;
};

void check(unsigned seed) {
  CAPTURE(seed);
  Generator generator(seed);
  Nodes nodes = generator.nest(3);
  Data data;
  for (float &value : data.x)
    value = static_cast<float>(generator.number(-3, 3));
  for (int &value : data.list)
    value = generator.number(0, 8);
  data.n = generator.number(0, 4);

  Program p("nest");
  Index n = p.scalar("n");
  View x = p.view("x", Dtype::f32, {length});
  View list = p.view("list", Dtype::i32, {numbers});
  View out = p.view("out", Dtype::f32, {width});
  View left = p.view("left", Dtype::i32, {4});
  State state{p.zeros({width}), p.constant(1), p.constant(2),
              p.constant(1) > 1};
  buildAll(nodes, p, x, list, n, state);
  out.store({p.range(p.constant(0), width)}, state.tile);
  Tile zero = p.zeros({1}, Dtype::i32);
  left.store({p.range(p.constant(0), 1)}, zero + state.a);
  left.store({p.range(p.constant(1), 1)}, zero + state.b);
  left.store({p.range(p.constant(2), 1)}, zero + where(state.flag, 1, 0));
  CompileOptions options;
  options.target = &target("sm_90a");
  options.warps = 1 << generator.number(0, 2);
  options.verifyEach = true;
  Ptx ptx = compile(p, options).ptx;

  auto device = openEmulator();
  DeviceBuffer xb = uploaded(device, data.x), lb = uploaded(device, data.list),
               ob = uploaded(device, std::vector<float>(width)),
               rb = uploaded(device, std::vector<int>(4));
  device->load(ptx)->launch(nullptr, {},
                            std::vector<std::uint64_t>{std::uint64_t(data.n),
                                                       xb.get(), lb.get(),
                                                       ob.get(), rb.get()});
  Scalars expected;
  runAll(nodes, data, expected);
  REQUIRE(downloaded<float>(*device, ob) == expected.tile);
  REQUIRE(downloaded<int>(*device, rb) ==
          std::vector<int>{expected.a, expected.b, expected.flag, 0});
}

} // namespace

TEST_CASE("control: random nests of loops and branches") {
  for (unsigned seed = 1; seed <= 40; ++seed)
    check(seed);
}

TEST_CASE("control: many random nests of loops and branches", "[.][many]") {
  for (unsigned seed = 1000; seed < 2000; ++seed)
    check(seed);
}
