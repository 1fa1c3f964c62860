// What a device does that has no better way of its own.

#include "runtime/Device.h"

#include <algorithm>

namespace lath {

// Launches must not touch the heap when all is well: text is made here alone.
[[noreturn]] static void throwCount(const Ptx &ptx, std::size_t got) {
  throw Error(ErrorKind::invalidInput, "kernel '" + ptx.entry + "' takes " +
                                           std::to_string(ptx.arguments()) +
                                           " arguments, got " +
                                           std::to_string(got));
}
[[noreturn]] static void throwMultiple(const Ptx &ptx, const KernelParam &param,
                                       std::int64_t value) {
  throw Error(ErrorKind::invalidInput, "kernel '" + ptx.entry +
                                           "': " + param.name +
                                           " is promised to be a multiple of " +
                                           std::to_string(param.multipleOf) +
                                           ", got " + std::to_string(value));
}

[[noreturn]] static void throwGrid(const Ptx &ptx, const LaunchConfig &config) {
  std::string grid;
  for (unsigned extent : config.grid)
    grid += (grid.empty() ? "" : " x ") + std::to_string(extent);
  throw Error(
      ErrorKind::invalidInput,
      "kernel '" + ptx.entry +
          "' is persistent: it takes a grid of x * y below 2^31 and z = "
          "1, got " +
          grid);
}

std::array<unsigned, 3> launchedGrid(const Ptx &ptx, const LaunchConfig &config,
                                     unsigned resident) {
  if (!ptx.persistent)
    return config.grid;
  const std::uint64_t blocks = std::uint64_t{config.grid[0]} * config.grid[1];
  if (config.grid[2] != 1 || blocks >> 31)
    throwGrid(ptx, config);
  return {static_cast<unsigned>(std::min<std::uint64_t>(blocks, resident)), 1,
          1};
}

void checkArguments(const Ptx &ptx, std::span<const std::uint64_t> args) {
  if (args.size() != ptx.arguments())
    throwCount(ptx, args.size());
  for (std::size_t i = 0; i < args.size(); ++i)
    if (const std::uint32_t multiple = ptx.params[i].multipleOf; multiple > 1)
      if (auto value = static_cast<std::int32_t>(args[i]);
          value % static_cast<std::int64_t>(multiple))
        throwMultiple(ptx, ptx.params[i], value);
}

DevicePtr Device::allocateOn(Stream, std::size_t bytes) {
  return allocate(bytes);
}

bool Device::capturing(Stream) { return false; }

std::vector<char> Device::assemble(const Ptx &) { return {}; }

std::optional<std::string> Device::assembler() const { return "none"; }

std::shared_ptr<const LoadedKernel>
Device::loadAssembled(const Ptx &ptx, std::span<const char>) {
  return load(ptx);
}

std::vector<std::vector<double>>
Device::timeGraphs(std::span<const std::function<void(Stream)>> works,
                   int warmups, int replays) {
  std::vector<std::vector<double>> micros(works.size());
  for (int round = 0; round < replays; ++round)
    for (std::size_t i = 0; i < works.size(); ++i) {
      std::size_t at = round % 2 ? works.size() - 1 - i : i;
      // A device without an interleaved timer captures anew each time, so
      // each capture needs a warm-up of its own.
      int untimed = round == 0 ? warmups : std::min(warmups, 1);
      micros[at].push_back(timeGraph(works[at], untimed, 1).front());
    }
  return micros;
}

} // namespace lath
