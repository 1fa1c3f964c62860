// Host costs of the engine, measured.
#include "tools/verify/EngineCost.h"

#include "kernels/engine/Engine.h"
#include "kernels/pack/Pack.h"
#include "runtime/Median.h"
#include "tools/verify/LaunchCost.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <unistd.h>

namespace lath::verify {

namespace {

using Clock = std::chrono::steady_clock;

double nanosecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

EngineOptions inMemory() {
  EngineOptions options;
  options.disk = false;
  return options;
}

/// Small, so that compiling all of them takes seconds.
std::vector<GemmSpec> smallSpecs(int count) {
  std::vector<GemmSpec> specs;
  for (int i = 0; i < count; ++i) {
    GemmSpec spec{.m = 8, .n = 32 * (1 + i / 4), .k = 256};
    spec.m = std::int64_t{1} << i % 4;
    specs.push_back(spec);
  }
  return specs;
}

/// Every way to launch, in Markdown.
std::string launchTable(const std::vector<LaunchCosts> &launches) {
  std::string text = "\n## Ways to launch\n\n"
                     "Microseconds of host time for one launch of a kernel of "
                     "a few blocks, when the host waits for the device each so "
                     "many launches.\n\n| kernel | way |";
  for (int count : launchesPerRound)
    text += fmt::format(" {} |", count);
  text += "\n|---|---|";
  for (std::size_t i = 0; i < std::size(launchesPerRound); ++i)
    text += "---:|";
  for (const LaunchCosts &costs : launches)
    for (const LaunchCost &way : costs.ways) {
      text += fmt::format("\n| {} | {} |", costs.kernel, way.name);
      for (double time : way.nanoseconds)
        text += fmt::format(" {:.2f} |", time / 1e3);
    }
  return text + "\n";
}

std::int64_t residentKilobytes() {
  std::ifstream file("/proc/self/statm");
  std::int64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/// A folder under the temporary one, removed at the end of the scope.
struct TemporaryFolder {
  TemporaryFolder() {
    std::string name =
        (std::filesystem::temp_directory_path() / "lath-verify-XXXXXX")
            .string();
    if (!mkdtemp(name.data()))
      throw Error(ErrorKind::invalidInput, "cannot make " + name);
    path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

} // namespace

double memoryHit(const std::shared_ptr<Device> &device, int kernels) {
  Engine engine(device, inMemory());
  std::vector<GemmSpec> specs = smallSpecs(kernels);
  std::vector<Kernel> held = engine.prepare(specs);
  std::mt19937 random(1);
  std::vector<GemmSpec> order;
  for (int i = 0; i < 4096; ++i)
    order.push_back(specs[random() % specs.size()]);
  std::vector<double> times;
  std::int64_t rows = 0;
  for (int round = 0; round < 200; ++round) {
    auto start = Clock::now();
    for (const GemmSpec &spec : order)
      rows += engine.gemm(spec).rows();
    times.push_back(nanosecondsSince(start) / double(order.size()));
  }
  // Used, so that nothing is left out.
  return rows > 0 ? median(times) : 0;
}

DiskHit diskHit(const std::shared_ptr<Device> &device, int rounds) {
  TemporaryFolder folder;
  EngineOptions options;
  options.cache.emplace();
  options.cache->folder = (folder.path / "cache").string();
  GemmSpec spec{.m = 16, .n = 4096, .k = 4096};
  DiskHit hit;
  hit.cubinBytes =
      device->assemble(Engine(device, options).gemm(spec).ptx()).size();
  std::vector<double> times;
  for (int i = 0; i < rounds; ++i) {
    Engine engine(device, options);
    auto start = Clock::now();
    Kernel kernel = engine.gemm(spec);
    times.push_back(nanosecondsSince(start) / 1e3);
    if (engine.stats().fromDisk != 1)
      throw Error(ErrorKind::internal, "the kernel was not found on disk");
  }
  hit.median = median(times);
  hit.most = *std::max_element(times.begin(), times.end());
  return hit;
}

PackTimes packTimes(const std::shared_ptr<Device> &device,
                    const std::string &path) {
  PackTimes times;
  std::vector<double> open, all;
  for (int i = 0; i < 20; ++i) {
    auto start = Clock::now();
    auto pack = Pack::open(path);
    PackKernels kernels(device, pack);
    open.push_back(nanosecondsSince(start) / 1e6);
    times.kernels = kernels.loadAll();
    all.push_back(nanosecondsSince(start) / 1e6);
    times.bytes = pack->bytes();
  }
  times.open = median(open);
  times.loadAll = median(all);
  return times;
}

Lookups lookups(const std::shared_ptr<Device> &device, std::uint64_t count,
                unsigned threads) {
  Engine engine(device, inMemory());
  std::vector<GemmSpec> specs = smallSpecs(32);
  std::vector<Kernel> held = engine.prepare(specs);
  Lookups result;
  result.threads = threads;
  std::atomic<std::uint64_t> wrong = 0;
  auto run = [&](std::uint64_t each) {
    std::vector<std::jthread> workers;
    for (unsigned t = 0; t < threads; ++t)
      workers.emplace_back([&, t] {
        std::uint64_t bad = 0;
        for (std::uint64_t i = 0; i < each; ++i) {
          std::size_t which = (i * 7 + t * 13) % specs.size();
          bad += &engine.gemm(specs[which]).loaded() != &held[which].loaded();
        }
        wrong += bad;
      });
  };
  std::uint64_t each = count / threads;
  run(each / 10);
  std::int64_t before = residentKilobytes();
  auto start = Clock::now();
  run(each);
  result.seconds = nanosecondsSince(start) / 1e9;
  result.count = each * threads;
  result.grownKilobytes = residentKilobytes() - before;
  result.wrong = wrong;
  return result;
}

int engineCosts(const std::shared_ptr<Device> &device,
                const EngineCostOptions &options, const std::string &path) {
  int missed = 0;
  auto verdict = [&](bool holds) {
    missed += !holds;
    return holds ? "yes" : "**no**";
  };
  const DeviceInfo &info = device->info();
  std::string page = fmt::format(
      "# Host costs of the engine\n\n"
      "`lath-verify engine`, on {}, driver {}, {} processors. Medians; "
      "launches {} at a time, so that the host never waits for the device.\n\n"
      "| | measured | bound | held |\n|---|---:|---:|---|\n",
      info.name, info.driverText, std::thread::hardware_concurrency(),
      launchesPerRound[0]);
  const std::vector<LaunchCosts> launches = launchCosts(device, options.rounds);
  for (const LaunchCosts &costs : launches)
    page += fmt::format(
        "| `Kernel::launch`, {} (bare cuLaunchKernelEx {:.2f} us) | {:.2f} us "
        "| 2.5 us | {} |\n",
        costs.kernel, costs.bare().nanoseconds[0] / 1e3,
        costs.lath().nanoseconds[0] / 1e3,
        verdict(costs.lath().nanoseconds[0] <= 2500));
  double hit = memoryHit(device, 60);
  page += fmt::format("| `Engine::gemm`, a hit in memory among 60 kernels | "
                      "{:.0f} ns | 500 ns | {} |\n",
                      hit, verdict(hit <= 500));
  DiskHit disk = diskHit(device, options.rounds);
  page += fmt::format("| a hit on disk ({:.0f} kB of machine code), to the "
                      "loaded kernel (most {:.0f} us) | {:.0f} us | 1000 us | "
                      "{} |\n",
                      double(disk.cubinBytes) / 1e3, disk.most, disk.median,
                      verdict(disk.median <= 1000));
  if (!options.pack.empty()) {
    PackTimes pack = packTimes(device, options.pack);
    page += fmt::format(
        "| opening {} of {:.2f} MB, every byte checked | {:.2f} "
        "ms | 20 ms | {} |\n",
        std::filesystem::path(options.pack).filename().string(),
        double(pack.bytes) / 1e6, pack.open, verdict(pack.open < 20));
    page += fmt::format(
        "| and loading all its {} kernels for the device | {:.2f} ms | | |\n",
        pack.kernels, pack.loadAll);
  }
  Lookups look = lookups(device, options.lookups, 8);
  page += fmt::format("| {} warm look-ups by {} threads: wrong | {} | 0 | {} "
                      "|\n",
                      look.count, look.threads, look.wrong,
                      verdict(look.wrong == 0));
  page += fmt::format("| of these, growth of resident memory | {} kB | 256 kB "
                      "| {} |\n",
                      look.grownKilobytes, verdict(look.grownKilobytes <= 256));
  // Threads beyond the processors only wait for their turn.
  unsigned processors =
      std::min(look.threads, std::thread::hardware_concurrency());
  page += fmt::format("| of these, time of one | {:.0f} ns | | |\n",
                      look.seconds * 1e9 * processors / double(look.count));
  page += launchTable(launches);
  fmt::print("{}", page);
  if (!path.empty()) {
    std::ofstream file(path);
    file << page;
    if (!file.flush())
      throw Error(ErrorKind::invalidInput, "cannot write " + path);
  }
  return missed;
}

} // namespace lath::verify
