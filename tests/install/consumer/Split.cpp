// out = a * b with the sum over k split over blocks: what a launch has to bring
// for it.
#include <lath/lath.h>

#include <cstdio>
#include <vector>

using namespace lath;

int main() {
  constexpr unsigned m = 64, n = 96, k = 1024;
  Program p("matmul");
  View a = p.view("a", Dtype::f32, {m, k}), b = p.view("b", Dtype::f32, {k, n});
  View out = p.view("out", Dtype::f32, {m, n});
  Range row = p.range(p.programId(1), 64), column = p.range(p.programId(0), 32);
  Tile sums = p.loop(p.kRange(k, 32), p.zeros({64, 32}), [&](Range kk, Tile t) {
    return dot(a.load({row, kk}), b.load({kk, column}), t);
  });
  out.store({row, column}, reduceSplits(sums));

  auto device = openEmulator("sm_90a");
  Engine engine(device);
  CompileOptions options;
  options.stages = 3;
  options.split = 4;
  options.reduce = Reduce::ordered;
  auto kernel = engine.load(p, options);

  DeviceBuffer left = uploaded(device, std::vector<float>(m * k, 1)),
               right = uploaded(device, std::vector<float>(k * n, 2)),
               result(device, m * n * sizeof(float));
  const std::array<unsigned, 3> grid{n / 32, m / 64, 4};
  const Ptx &ptx = kernel->ptx();
  const unsigned tiles = grid[0] * grid[1];
  DeviceBuffer workspace(device, tiles * ptx.workspaceBytesPerTile),
      tickets(device, ptx.usesTickets ? tiles * 4 : 0);
  for (const DeviceBuffer *zeroed : {&workspace, &tickets})
    if (zeroed
            ->bytes()) // once: a launch leaves them as the next one needs them
      device->fill(zeroed->get(), 0, zeroed->bytes());

  std::vector<std::uint64_t> arguments;
  for (const KernelParam &param : ptx.params)
    arguments.push_back(
        param.kind == KernelParam::Kind::workspace ? workspace.get()
        : param.kind == KernelParam::Kind::tickets ? tickets.get()
        : param.name == "a"                        ? left.get()
        : param.name == "b"                        ? right.get()
                                                   : result.get());
  std::vector<float> values(m * n);
  for (int launch = 0; launch < 2; ++launch) {
    kernel->launch(nullptr, {.grid = grid}, arguments);
    device->download(values.data(), result.get(), result.bytes());
    for (float value : values)
      if (value != 2 * k)
        return std::printf("expected %u, got %g\n", 2 * k, value), 1;
  }
  return 0;
}
