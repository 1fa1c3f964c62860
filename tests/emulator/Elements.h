// Programs that compute element by element, on the emulator.
#pragma once

#include "compiler/Compile.h"
#include "tests/emulator/Ptx.h"

#include <bit>
#include <concepts>
#include <functional>
#include <string>
#include <vector>

namespace lath::test {

/// What to compile for, and the types of the arrays.
struct Elements {
  std::vector<Dtype> in;
  Dtype out;
  std::string targetName = "sm_90a";
  int warps = 4;
  std::int64_t perBlock = 1024;

  using Body = std::function<Tile(const std::vector<Tile> &)>;

  Ptx compiled(std::int64_t count, const Body &body) const {
    Program p("elements");
    std::vector<View> views;
    for (std::size_t i = 0; i < in.size(); ++i)
      views.push_back(p.view("in" + std::to_string(i), in[i], {count}));
    View result = p.view("out", out, {count});
    Range range = p.range(p.programId(0), perBlock);
    std::vector<Tile> tiles;
    for (const View &view : views)
      tiles.push_back(view.load({range}));
    result.store({range}, body(tiles));
    CompileOptions options;
    options.target = &target(targetName);
    options.warps = warps;
    options.verifyEach = true;
    return compile(p, options).ptx;
  }

  /// `body` of every element; as many as the inputs have.
  template <typename Out, typename... In>
  std::vector<Out> run(const Body &body,
                       const std::vector<In> &...inputs) const {
    const std::size_t count = std::max({inputs.size()...});
    auto device = openEmulator(targetName);
    std::vector<DeviceBuffer> buffers;
    (buffers.push_back(uploaded(device, inputs)), ...);
    buffers.push_back(uploaded(device, std::vector<Out>(count)));
    std::vector<std::uint64_t> arguments;
    for (const DeviceBuffer &buffer : buffers)
      arguments.push_back(buffer.get());
    LaunchConfig config;
    config.grid = {unsigned((count + perBlock - 1) / perBlock), 1, 1};
    device->load(compiled(std::int64_t(count), body))
        ->launch(nullptr, config, arguments);
    return downloaded<Out>(*device, buffers.back());
  }
};

/// All pairs of the elements of two lists.
template <typename T> struct Pairs {
  std::vector<T> a, b;
  explicit Pairs(const std::vector<T> &values) {
    for (T x : values)
      for (T y : values) {
        a.push_back(x);
        b.push_back(y);
      }
  }
};

} // namespace lath::test
