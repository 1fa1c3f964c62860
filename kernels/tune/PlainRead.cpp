#include "kernels/tune/PlainRead.h"

#include "compiler/Compile.h"

namespace lath {

namespace {
constexpr std::int64_t tileWords =
    8192; // 32 KB a block, eight 16-byte loads a lane
constexpr int readWarps = 8;
} // namespace

PlainRead::PlainRead(const std::shared_ptr<Device> &device, std::size_t bytes,
                     bool dependent)
    : blocks_(static_cast<unsigned>((bytes / 4 + tileWords - 1) / tileWords)),
      out_(device, 4 * blocks_) {
  Program p("plain_read");
  View words = p.constantView("words", Dtype::f32, {(std::int64_t)bytes / 4});
  View out = p.view("out", Dtype::f32, {blocks_});
  Index block = p.programId(0);
  // The maximum of a block's words keeps the loads alive: one float a block.
  Tile read = reshape(words.load({p.range(block, tileWords)}), {1, tileWords});
  out.store({p.range(block, 1)}, reshape(max(read, 1), {1}));
  CompileOptions options;
  options.target = &targetForDevice(device->info().major, device->info().minor);
  options.warps = readWarps;
  options.dependent = dependent ? Dependent::end : Dependent::none;
  kernel_ = device->load(compile(p, options).ptx);
}

void PlainRead::launch(Stream stream, DevicePtr memory) const {
  LaunchConfig config;
  config.grid = {blocks_, 1, 1};
  config.dependent = kernel_->ptx().dependent;
  std::uint64_t arguments[] = {memory, out_.get()};
  kernel_->launch(stream, config, arguments);
}

} // namespace lath
