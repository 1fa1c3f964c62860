// Host costs of the engine, measured.
#include "tools/verify/EngineCost.h"

#include "kernels/Engine.h"
#include "kernels/Pack.h"
#include "runtime/CudaContext.h"

#include <fmt/format.h>

#include <algorithm>
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

/// Launches between two waits: fewer than a stream's queue holds, so that the
/// host never waits for the device.
constexpr int launchesPerRound = 128;

double nanosecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::nano>(Clock::now() - start).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
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

/// The code of a kernel, loaded by the driver alone.
class BareKernel {
public:
  explicit BareKernel(const Kernel &kernel)
      : driver_(cuda::systemDriver()), context_(driver_, 0), scope_(context_) {
    Cubin cubin = assemble(kernel.ptx());
    const Ptx &ptx = kernel.ptx();
    auto check = [&](cuda::CUresult result, const char *call) {
      cuda::check(driver_, result, call);
    };
    cuda::CUlibrary library;
    check(driver_.libraryLoadData(&library, cubin.bytes.data(), nullptr,
                                  nullptr, 0, nullptr, nullptr, 0),
          "cuLibraryLoadData");
    cuda::CUkernel loaded;
    check(driver_.libraryGetKernel(&loaded, library, ptx.entry.c_str()),
          "cuLibraryGetKernel");
    check(driver_.kernelGetFunction(&function_, loaded), "cuKernelGetFunction");
    check(driver_.funcSetAttribute(
              function_, cuda::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
              static_cast<int>(ptx.sharedBytes)),
          "cuFuncSetAttribute");
    config_.blockDimX = ptx.threads;
    config_.blockDimY = config_.blockDimZ = 1;
    config_.sharedMemBytes = ptx.sharedBytes;
    auto grid = kernel.grid(kernel.rows());
    config_.gridDimX = grid[0];
    config_.gridDimY = grid[1];
    config_.gridDimZ = grid[2];
  }

  void launch(cuda::CUstream stream, void **params) {
    config_.hStream = stream;
    cuda::check(driver_,
                driver_.launchKernelEx(&config_, function_, params, nullptr),
                "cuLaunchKernelEx");
  }
  const cuda::Driver &driver() const { return driver_; }

private:
  const cuda::Driver &driver_;
  CudaContext context_;
  ContextScope scope_;
  cuda::CUfunction function_ = nullptr;
  cuda::CUlaunchConfig config_{};
};

/// Median nanoseconds of a launch by each of two ways that take turns.
template <class A, class B>
std::pair<double, double> alternate(Device &device, int rounds, const A &a,
                                    const B &b) {
  std::vector<double> times[2];
  auto round = [&](int which, const auto &launch) {
    auto start = Clock::now();
    for (int i = 0; i < launchesPerRound; ++i)
      launch();
    times[which].push_back(nanosecondsSince(start) / launchesPerRound);
    device.synchronize();
  };
  for (int n = 0; n < rounds + 5; ++n) {
    if (n == 5) // warm from here on
      times[0].clear(), times[1].clear();
    if (n % 2) {
      round(0, a);
      round(1, b);
    } else {
      round(1, b);
      round(0, a);
    }
  }
  return {median(times[0]), median(times[1])};
}

LaunchCost launchCost(const std::shared_ptr<Device> &device, Engine &engine,
                      const std::string &name, int split, bool foreign,
                      int rounds) {
  GemmSpec spec{.m = 1, .n = 512, .k = 512};
  spec.split = split;
  Kernel kernel = engine.gemm(spec);
  WorkspaceSize size = kernel.workspace();
  DeviceBuffer x(device, 1 << 12), qweight(device, 512 * 512 / 2),
      scales(device, 1 << 14), out(device, 1 << 12),
      workspace(device, size.workspace + 16),
      tickets(device, size.tickets + 16);
  for (const DeviceBuffer *buffer :
       {&x, &qweight, &scales, &out, &workspace, &tickets})
    device->fill(buffer->get(), 0, buffer->bytes());
  device->synchronize();
  BareKernel bare(kernel);
  cuda::CUstream stream;
  cuda::check(bare.driver(),
              bare.driver().streamCreate(&stream, cuda::CU_STREAM_NON_BLOCKING),
              "cuStreamCreate");
  engine.prepareStream(stream);
  GemmArguments arguments{.x = x.get(),
                          .qweight = qweight.get(),
                          .scales = scales.get(),
                          .out = out.get()};
  std::uint64_t values[8] = {
      1,         x.get(),         qweight.get(), scales.get(),
      out.get(), workspace.get(), tickets.get()};
  void *params[8];
  for (int i = 0; i < 8; ++i)
    params[i] = &values[i];
  // In the order in which the kernel has them.
  for (std::size_t i = 0; i < kernel.ptx().params.size(); ++i)
    if (kernel.ptx().params[i].kind == KernelParam::Kind::tickets)
      values[i] = tickets.get();
    else if (kernel.ptx().params[i].kind == KernelParam::Kind::workspace)
      values[i] = workspace.get();

  LaunchCost cost;
  cost.name = name;
  auto byLath = [&] { kernel.launch(stream, arguments); };
  auto byDriver = [&] { bare.launch(stream, params); };
  if (!foreign) {
    std::tie(cost.lath, cost.bare) =
        alternate(*device, rounds, byLath, byDriver);
  } else {
    // A thread that never made the context current, as a server's are.
    std::exception_ptr failure;
    std::jthread([&] {
      try {
        cost.lath = alternate(*device, rounds, byLath, [] {}).first;
      } catch (...) {
        failure = std::current_exception();
      }
    }).join();
    if (failure)
      std::rethrow_exception(failure);
    cost.bare = alternate(*device, rounds, [] {}, byDriver).second;
  }
  device->synchronize();
  bare.driver().streamDestroy(stream);
  return cost;
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

std::vector<LaunchCost> launchCosts(const std::shared_ptr<Device> &device,
                                    int rounds) {
  Engine engine(device, inMemory());
  return {
      launchCost(device, engine, "one block a tile", 1, false, rounds),
      launchCost(device, engine, "split over 4 blocks, the stream's workspace",
                 4, false, rounds),
      launchCost(device, engine, "from a thread without a current context", 1,
                 true, rounds),
  };
}

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
      "`lath-verify engine`, on {}, driver {}, {} processors. Medians.\n\n"
      "| | measured | bound | held |\n|---|---:|---:|---|\n",
      info.name, info.driverText, std::thread::hardware_concurrency());
  for (const LaunchCost &cost : launchCosts(device, options.rounds))
    page += fmt::format(
        "| `Kernel::launch`, {} (bare cuLaunchKernelEx {:.2f} us) | {:.2f} us "
        "| 2.5 us | {} |\n",
        cost.name, cost.bare / 1e3, cost.lath / 1e3,
        verdict(cost.lath <= 2500));
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
