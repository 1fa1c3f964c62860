#include "kernels/programs/ProgramBench.h"

#include "compiler/Compile.h"

namespace lath {

Ptx compileChoice(const TunableProgram &program, const ProgramChoice &choice,
                  const Target &target) {
  std::unique_ptr<Program> built = program.build(choice);
  return compile(*built, CompileOptions{{choice.schedule, &target}}).ptx;
}

LaunchConfig launchConfig(const TunableProgram &program,
                          const ProgramChoice &choice, const Ptx &ptx) {
  LaunchConfig config;
  config.grid = program.grid(choice);
  config.grid[2] *= static_cast<unsigned>(choice.schedule.split);
  config.dependent = ptx.dependent;
  return config;
}

ProgramScratch scratchOf(const Ptx &ptx, const LaunchConfig &config) {
  const std::size_t tiles = std::size_t{config.grid[0]} * config.grid[1];
  return {ptx.workspaceBytesPerTile * tiles, ptx.usesTickets ? 4 * tiles : 0};
}

static std::shared_ptr<ProgramArrays>
arraysOf(const std::shared_ptr<Device> &device, TunableProgram program,
         std::uint64_t seed) {
  return std::make_shared<ProgramArrays>(device, std::move(program), seed);
}

ProgramBench::ProgramBench(std::shared_ptr<Device> device,
                           TunableProgram program, std::uint64_t seed)
    : ProgramBench(device, program, program.usualChoice(), seed) {}

ProgramBench::ProgramBench(std::shared_ptr<Device> device,
                           TunableProgram program, const ProgramChoice &choice,
                           std::uint64_t seed)
    : ProgramBench(
          arraysOf(device, program, seed), choice,
          compileChoice(program, choice, target(device->info().target)), {}) {}

ProgramBench::ProgramBench(std::shared_ptr<ProgramArrays> arrays,
                           const ProgramChoice &choice, Ptx ptx,
                           std::span<const char> cubin)
    : arrays_(std::move(arrays)), choice_(choice), ptx_(std::move(ptx)) {
  const std::shared_ptr<Device> &device = arrays_->device();
  kernel_ =
      cubin.empty() ? device->load(ptx_) : device->loadAssembled(ptx_, cubin);
  const ProgramScratch scratch = scratchOf(ptx_, config());
  workspace_ = DeviceBuffer(device, scratch.workspace);
  tickets_ = DeviceBuffer(device, scratch.tickets);
  for (DeviceBuffer *buffer : {&workspace_, &tickets_})
    if (buffer->bytes())
      device->fill(buffer->get(), 0, buffer->bytes());
  device->synchronize();
}

LaunchConfig ProgramBench::config() const {
  return launchConfig(program(), choice_, ptx_);
}

std::vector<std::uint64_t> ProgramBench::arguments(unsigned copy) const {
  return arrays_->arguments(ptx_, workspace_.get(), tickets_.get(), copy);
}

void ProgramBench::launch(Stream stream, unsigned copy) const {
  if (ptx_.accumulatesIntoOutput)
    arrays_->clear(stream, copy);
  kernel_->launch(stream, config(), arguments(copy));
}

} // namespace lath
