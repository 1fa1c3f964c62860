// Launching a small kernel in every way there is, in turns.
#include "tools/verify/LaunchCost.h"

#include "kernels/engine/Engine.h"
#include "runtime/CudaContext.h"
#include "runtime/Median.h"

#include <chrono>
#include <cstring>
#include <dlfcn.h>
#include <exception>
#include <functional>
#include <string_view>
#include <thread>

namespace lath::verify {

namespace {

using namespace cuda;
using Clock = std::chrono::steady_clock;

constexpr int warmRounds = 5;

using CUmodule = struct CUmod *;

/// Calls that the library does not make.
struct OtherCalls {
  CUresult (*launchKernel)(CUfunction, unsigned gridX, unsigned gridY,
                           unsigned gridZ, unsigned blockX, unsigned blockY,
                           unsigned blockZ, unsigned sharedBytes, CUstream,
                           void **params, void **extra);
  CUresult (*moduleLoadData)(CUmodule *, const void *image);
  CUresult (*moduleGetFunction)(CUfunction *, CUmodule, const char *name);
  CUresult (*moduleUnload)(CUmodule);

  explicit OtherCalls(const Driver &driver) {
    void *library = dlopen(driver.path.c_str(), RTLD_NOW | RTLD_NOLOAD);
    auto find = [&](auto *&function, const char *name) {
      function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(
          library ? dlsym(library, name) : nullptr);
      if (!function)
        throw Error(ErrorKind::driver, driver.path + " has no " + name);
    };
    find(launchKernel, "cuLaunchKernel");
    find(moduleLoadData, "cuModuleLoadData");
    find(moduleGetFunction, "cuModuleGetFunction");
    find(moduleUnload, "cuModuleUnload");
  }
};

/// Machine code, loaded by the driver alone: as a library and as a module.
class BareCode {
public:
  BareCode(const Driver &driver, const OtherCalls &other, const Ptx &ptx)
      : driver_(driver), other_(other), library_(driver.libraryUnload),
        module_(other.moduleUnload) {
    Cubin cubin = assemble(ptx);
    check(driver.libraryLoadData(library_.out(), cubin.bytes.data(), nullptr,
                                 nullptr, 0, nullptr, nullptr, 0),
          "cuLibraryLoadData");
    check(driver.libraryGetKernel(&kernel, library_.get(), ptx.entry.c_str()),
          "cuLibraryGetKernel");
    check(driver.kernelGetFunction(&function, kernel), "cuKernelGetFunction");
    check(other.moduleLoadData(module_.out(), cubin.bytes.data()),
          "cuModuleLoadData");
    check(other.moduleGetFunction(&ofModule, module_.get(), ptx.entry.c_str()),
          "cuModuleGetFunction");
    for (CUfunction each : {function, ofModule})
      check(driver.funcSetAttribute(
                each, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                static_cast<int>(ptx.sharedBytes)),
            "cuFuncSetAttribute");
  }

  void launchEx(const CUlaunchConfig &config, CUfunction what, void **params,
                void **extra) const {
    check(driver_.launchKernelEx(&config, what, params, extra),
          "cuLaunchKernelEx");
  }
  /// The attributes of the configuration are left out.
  void launch(const CUlaunchConfig &c, CUfunction what, void **params,
              void **extra) const {
    check(other_.launchKernel(what, c.gridDimX, c.gridDimY, c.gridDimZ,
                              c.blockDimX, c.blockDimY, c.blockDimZ,
                              c.sharedMemBytes, c.hStream, params, extra),
          "cuLaunchKernel");
  }
  /// The driver takes a CUkernel where it takes a CUfunction.
  CUfunction handle() const { return reinterpret_cast<CUfunction>(kernel); }

  CUkernel kernel = nullptr;
  CUfunction function = nullptr, ofModule = nullptr;

private:
  void check(CUresult result, const char *call) const {
    cuda::check(driver_, result, call);
  }
  const Driver &driver_;
  const OtherCalls &other_;
  CudaHandle<CUlibrary> library_;
  CudaHandle<CUmodule> module_;
};

/// A kernel that returns: the least that any launch costs. For the target, and
/// in the version, of another.
Ptx emptyKernel(const Ptx &other) {
  constexpr std::string_view last = ".address_size 64\n";
  const std::size_t first = other.text.find(".version"),
                    end = other.text.find(last);
  if (first == std::string::npos || end == std::string::npos)
    throw Error(ErrorKind::internal, "a kernel's PTX has no header");
  Ptx ptx;
  ptx.entry = "nothing";
  ptx.target = other.target;
  ptx.threads = 32;
  ptx.text = other.text.substr(first, end + last.size() - first) +
             ".visible .entry nothing() { ret; }\n";
  return ptx;
}

struct Way {
  std::string name;
  std::function<void()> launch;
};

/// Times all ways. In each round all take turns, in an order that moves on, so
/// that each has every other ahead of it and a clock that drifts slows all.
std::vector<LaunchCost> takeTurns(Device &device, int rounds,
                                  const std::vector<Way> &ways) {
  std::vector<LaunchCost> costs;
  for (const Way &way : ways)
    costs.push_back({way.name});
  for (std::size_t size = 0; size < std::size(launchesPerRound); ++size) {
    const int launches = launchesPerRound[size];
    std::vector<std::vector<double>> times(ways.size());
    for (int round = 0; round < rounds + warmRounds; ++round)
      for (std::size_t i = 0; i < ways.size(); ++i) {
        const std::size_t which = (i + round) % ways.size();
        const auto &launch = ways[which].launch;
        device.synchronize();
        auto start = Clock::now();
        for (int n = 0; n < launches; ++n)
          launch();
        std::chrono::duration<double, std::nano> passed = Clock::now() - start;
        if (round >= warmRounds)
          times[which].push_back(passed.count() / launches);
      }
    device.synchronize();
    for (std::size_t i = 0; i < ways.size(); ++i)
      costs[i].nanoseconds[size] = median(std::move(times[i]));
  }
  return costs;
}

/// What a measurement of one kernel needs. Its arrays are zero.
struct Subject {
  Subject(const std::shared_ptr<Device> &on, Engine &engine,
          const OtherCalls &other, const GemmSpec &spec,
          const std::optional<Schedule> &schedule)
      : device(on), driver(systemDriver()), kernel(engine.gemm(spec, schedule)),
        code(driver, other, kernel.ptx()), stream(driver.streamDestroy),
        memory(on, 1 << 20) {
    const WorkspaceSize size = kernel.workspace();
    const std::size_t needed =
        std::size_t(spec.n * spec.k) + size.workspace + size.tickets;
    if (needed > memory.bytes() / 2)
      throw Error(ErrorKind::internal, "the kernel is not small");
    check(driver, driver.streamCreate(stream.out(), CU_STREAM_NON_BLOCKING),
          "cuStreamCreate");
    device->fill(memory.get(), 0, memory.bytes());
    device->synchronize();
    engine.prepareStream(stream.get());
    const DevicePtr at = memory.get(), slot = 1 << 16; // bytes
    arguments = {.x = at,
                 .qweight = at + slot,
                 .scales = at + 4 * slot,
                 .out = at + 5 * slot};
    for (const KernelParam &param : kernel.ptx().params)
      values.push_back(param.kind == KernelParam::Kind::scalar ? 1
                       : param.kind == KernelParam::Kind::workspace
                           ? at + 8 * slot
                       : param.kind == KernelParam::Kind::tickets
                           ? at + 7 * slot
                           : arguments.*findOperand(param.name)->argument);
    // As the kernel declares them: 4 bytes of a scalar, 8 of a pointer, each at
    // a multiple of its size.
    for (std::size_t i = 0; i < values.size(); ++i) {
      params.push_back(&values[i]);
      const std::size_t bytes =
          kernel.ptx().params[i].kind == KernelParam::Kind::scalar ? 4 : 8;
      packedBytes = (packedBytes + bytes - 1) / bytes * bytes;
      packed.resize(packedBytes + bytes);
      std::memcpy(&packed[packedBytes], &values[i], bytes);
      packedBytes += bytes;
    }
    const auto grid = kernel.grid(kernel.rows());
    config.gridDimX = grid[0];
    config.gridDimY = grid[1];
    config.gridDimZ = grid[2];
    config.blockDimX = kernel.ptx().threads;
    config.blockDimY = config.blockDimZ = 1;
    config.sharedMemBytes = kernel.ptx().sharedBytes;
    config.hStream = stream.get();
    if (kernel.ptx().dependent) {
      dependent.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
      dependent.value.programmaticStreamSerializationAllowed = 1;
      config.attrs = &dependent;
      config.numAttrs = 1;
    }
  }
  Subject(const Subject &) = delete;

  Way lath() {
    return {"`Kernel::launch`",
            [this] { kernel.launch(stream.get(), arguments); }};
  }
  Way bare() {
    return {"`cuLaunchKernelEx`", [this] {
              code.launchEx(config, code.function, params.data(), nullptr);
            }};
  }

  std::shared_ptr<Device> device;
  const Driver &driver;
  Kernel kernel;
  BareCode code;
  CUlaunchConfig config{}; ///< of the kernel with all its rows
  CudaHandle<CUstream> stream;
  DeviceBuffer memory;
  GemmArguments arguments;
  std::vector<std::uint64_t> values; ///< in the order of the kernel's
  std::vector<void *> params;
  std::vector<char> packed; ///< the same as one buffer
  std::size_t packedBytes = 0;
  CUlaunchAttribute dependent{};
};

/// The kernel by all ways. The context is current.
LaunchCosts everyWay(Subject &s, const OtherCalls &other, int rounds) {
  // CU_LAUNCH_PARAM_BUFFER_POINTER, _SIZE and _END of cuda.h.
  void *buffer[] = {reinterpret_cast<void *>(1), s.packed.data(),
                    reinterpret_cast<void *>(2), &s.packedBytes, nullptr};
  const BareCode &code = s.code;
  void **params = s.params.data();
  CUlaunchConfig onNull = s.config;
  onNull.hStream = nullptr;
  CUlaunchAttribute off{};
  off.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  CUlaunchConfig withOff = s.config;
  withOff.attrs = &off;
  withOff.numAttrs = 1;
  const BareCode nothing(s.driver, other, emptyKernel(s.kernel.ptx()));
  CUlaunchConfig single = s.config;
  single.gridDimX = single.gridDimY = single.gridDimZ = 1;
  single.blockDimX = 32;
  single.sharedMemBytes = 0;
  CUcontext current;
  std::vector<Way> ways{
      s.lath(),
      s.bare(),
      {"`cuLaunchKernelEx`, an attribute that is off",
       [&] { code.launchEx(withOff, code.function, params, nullptr); }},
      {"`cuLaunchKernelEx`, the `CUkernel`",
       [&] { code.launchEx(s.config, code.handle(), params, nullptr); }},
      {"`cuLaunchKernelEx`, parameters as one buffer",
       [&] { code.launchEx(s.config, code.function, nullptr, buffer); }},
      {"`cuLaunchKernelEx`, a module's function",
       [&] { code.launchEx(s.config, code.ofModule, params, nullptr); }},
      {"`cuLaunchKernelEx`, the null stream",
       [&] { code.launchEx(onNull, code.function, params, nullptr); }},
      {"`cuLaunchKernel`",
       [&] { code.launch(s.config, code.function, params, nullptr); }},
      {"`cuLaunchKernel`, the `CUkernel`",
       [&] { code.launch(s.config, code.handle(), params, nullptr); }},
      {"`cuLaunchKernel`, parameters as one buffer",
       [&] { code.launch(s.config, code.function, nullptr, buffer); }},
      {"`cuLaunchKernel`, a module's function",
       [&] { code.launch(s.config, code.ofModule, params, nullptr); }},
      {"`cuLaunchKernel` of an empty kernel without parameters",
       [&] { nothing.launch(single, nothing.function, nullptr, nullptr); }},
      {"`cuCtxGetCurrent`, which `Kernel::launch` calls as well",
       [&] { s.driver.ctxGetCurrent(&current); }},
  };
  return {"one block a tile", takeTurns(*s.device, rounds, ways)};
}

/// The same in a thread that never made the context current, as a server's
/// are. The bare call needs it.
LaunchCosts fromForeignThread(Subject &s, const CudaContext &context,
                              int rounds) {
  LaunchCosts costs{"from a thread without a current context", {}};
  std::exception_ptr failure;
  std::jthread([&] {
    try {
      costs.ways = takeTurns(*s.device, rounds, {s.lath()});
      ContextScope scope(context);
      costs.ways.push_back(takeTurns(*s.device, rounds, {s.bare()}).front());
    } catch (...) {
      failure = std::current_exception();
    }
  }).join();
  if (failure)
    std::rethrow_exception(failure);
  return costs;
}

} // namespace

std::vector<LaunchCosts> launchCosts(const std::shared_ptr<Device> &device,
                                     int rounds) {
  const Driver &driver = systemDriver();
  CudaContext context(driver, 0);
  ContextScope scope(context);
  const OtherCalls other(driver);
  EngineOptions options;
  options.disk = false;
  Engine engine(device, options);
  GemmSpec spec{.m = 1, .n = 64, .k = 256};
  spec.split = 1;
  Subject plain(device, engine, other, spec, std::nullopt);
  std::vector<LaunchCosts> costs{everyWay(plain, other, rounds)};
  auto both = [&](std::string name, Subject &subject) {
    costs.push_back(
        {std::move(name),
         takeTurns(*device, rounds, {subject.lath(), subject.bare()})});
  };
  spec.split = 2;
  Subject split(device, engine, other, spec,
                parseSchedule("bm8bn32bk64w1st2s2"));
  both("split over 2 blocks, the stream's workspace", split);
  spec.split = 1;
  Subject dependent(device, engine, other, spec,
                    parseSchedule("bm8bn32bk64w1st2,dep=end"));
  both("dependent launch", dependent);
  costs.push_back(fromForeignThread(plain, context, rounds));
  return costs;
}

} // namespace lath::verify
