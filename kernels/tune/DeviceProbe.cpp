#include "kernels/tune/DeviceProbe.h"

#include "compiler/Compile.h"
#include "kernels/tune/PlainRead.h"
#include "runtime/ColdTimer.h"
#include "runtime/Median.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>

namespace lath {

namespace {

constexpr int rounds = 20, launches = 50;

/// What `probe` answers on the H200 on which the model's constants were fitted
/// (driver 580.159.04).
constexpr DeviceProbe fittedOn{
    .dram = 4.5, .l2 = 8.4, .tensor = 627, .launch = 1.23};

/// Products of tiles that stay in registers: four warps a block, each with
/// eight independent sums, and two blocks an SM.
class Products {
public:
  explicit Products(const std::shared_ptr<Device> &device)
      : blocks_(2 * device->info().smCount), in_(device, 2 * extent * extent),
        out_(device, std::size_t{blocks_} * 4 * extent * extent) {
    device->fill(in_.get(), 0x3c, in_.bytes());
    Program p("products");
    View a = p.view("a", Dtype::f16, {extent, extent}),
         b = p.view("b", Dtype::f16, {extent, extent});
    View out =
        p.view("out", Dtype::f32, {std::int64_t{blocks_} * extent, extent});
    Range whole{p.constant(0), extent};
    Tile rows = a.load({whole, whole}), columns = b.load({whole, whole});
    Tile sum = p.loop(p.kRange(extent * steps, extent),
                      p.splat(0, Dtype::f32, {extent, extent}),
                      [&](Range, Tile sum) { return dot(rows, columns, sum); });
    out.store({p.range(p.programId(0), extent), whole}, sum);
    CompileOptions options;
    options.target =
        &targetForDevice(device->info().major, device->info().minor);
    options.warps = 4;
    kernel_ = device->load(compile(p, options).ptx);
  }

  void launch(Stream stream) const {
    LaunchConfig config;
    config.grid = {blocks_, 1, 1};
    std::uint64_t arguments[] = {in_.get(), in_.get(), out_.get()};
    kernel_->launch(stream, config, arguments);
  }
  double flop() const {
    return 2.0 * extent * extent * extent * steps * blocks_;
  }

private:
  static constexpr std::int64_t extent = 64, steps = 256;
  unsigned blocks_;
  DeviceBuffer in_, out_;
  std::shared_ptr<const LoadedKernel> kernel_;
};

} // namespace

DeviceProbe probe(const std::shared_ptr<Device> &device) {
  constexpr std::size_t cold = 64 << 20, warm = 16 << 20, least = 32 << 10;
  const PlainRead coldRead(device, cold), warmRead(device, warm),
      leastRead(device, least);
  const Products products(device);
  std::vector<DeviceBuffer> copies;
  for (unsigned i = 0; i < coldCopies(device->info(), cold); ++i) {
    copies.emplace_back(device, cold);
    device->fill(copies.back().get(), static_cast<unsigned char>(i), cold);
  }
  const double coldMicros =
      timeCold(*device,
               {"plain read", static_cast<unsigned>(copies.size()), cold,
                [&](Stream stream, unsigned copy) {
                  coldRead.launch(stream, copies[copy].get());
                }})
          .median;
  auto repeated = [](auto launch) {
    return [launch](Stream stream) {
      for (int i = 0; i < launches; ++i)
        launch(stream);
    };
  };
  const DevicePtr memory = copies.front().get();
  const std::function<void(Stream)> works[] = {
      repeated([&](Stream stream) { warmRead.launch(stream, memory); }),
      repeated([&](Stream stream) { products.launch(stream); }),
      repeated([&](Stream stream) { leastRead.launch(stream, memory); })};
  std::vector<double> micros;
  for (auto &samples : device->timeGraphs(works, 3, rounds))
    micros.push_back(median(std::move(samples)) / launches);

  DeviceProbe found;
  found.launch = micros[2];
  auto working = [&](double time) {
    return std::max(time - found.launch, 1e-3);
  };
  found.dram = cold / working(coldMicros) * 1e-6;
  found.l2 = warm / working(micros[0]) * 1e-6;
  found.tensor = products.flop() / working(micros[1]) * 1e-6;
  return found;
}

DeviceConstants deviceConstants(const DeviceInfo &device,
                                const DeviceProbe &probe) {
  DeviceConstants c;
  const double sms = double(device.smCount) / c.sms;
  c.sms = device.smCount;
  c.dram *= probe.dram / fittedOn.dram;
  c.l2 *= probe.l2 / fittedOn.l2;
  c.smRate *= probe.l2 / fittedOn.l2;
  c.clock *= probe.tensor / fittedOn.tensor / sms;
  c.tensor = probe.tensor;
  // Of a device that starts kernels faster than any, what is left of the rest.
  c.launch =
      std::max(0.5 * c.launch, c.launch + probe.launch - fittedOn.launch);
  c.origin = fmt::format(
      "fitted on an H200, scaled by probes of this {}: {:.2f} "
      "TB/s of memory, {:.1f} of L2, {:.0f} TFLOP/s, {:.2f} "
      "us a launch",
      device.name, probe.dram, probe.l2, probe.tensor, probe.launch);
  return c;
}

} // namespace lath
