// c[i] = a[i] + b[i]: a kernel, from its text to its result.
#include <lath/lath.h>

#include <cstdio>
#include <vector>

using namespace lath;

int main() {
  Program p("add");
  Index n = p.scalar("n");
  View a = p.view("a", Dtype::f32, {n});
  View b = p.view("b", Dtype::f32, {n});
  View c = p.view("c", Dtype::f32, {n});
  Range i = p.range(p.programId(0), 1024);
  c.store({i}, a.load({i}) + b.load({i}));

  auto device = openEmulator("sm_90a"); // of a GPU: openCuda()
  Engine engine(device);
  auto kernel = engine.load(p);

  const unsigned count = 5000;
  std::vector<float> x(count, 1), y(count, 2), z(count);
  DeviceBuffer left = uploaded(device, x), right = uploaded(device, y);
  DeviceBuffer sums(device, count * sizeof(float));
  std::vector<std::uint64_t> arguments{count, left.get(), right.get(),
                                       sums.get()};
  kernel->launch(nullptr, {.grid = {(count + 1023) / 1024, 1, 1}}, arguments);
  device->download(z.data(), sums.get(), sums.bytes());

  for (float value : z)
    if (value != 3)
      return std::printf("expected 3, got %g\n", value), 1;
  return 0;
}
