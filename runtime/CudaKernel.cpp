// Loading machine code or PTX, and launching it.

#include "runtime/CudaKernel.h"

#include "runtime/TensorMap.h"

#include <algorithm>
#include <bit>

namespace lath {

using namespace cuda;

/// Below this a block needs no permission, whatever the device.
static constexpr unsigned sharedWithoutOptIn = 48 * 1024;

namespace {

/// What libraryLoadData is told of the driver's own assembler. It must outlive
/// the loading: under lazy loading the driver assembles, and writes its log,
/// as late as cuFuncLoad.
struct DriverAssembler {
  std::string log = std::string(8192, '\0');
  CUjit_option options[2] = {CU_JIT_ERROR_LOG_BUFFER,
                             CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void *values[2] = {log.data(),
                     reinterpret_cast<void *>(std::uintptr_t(log.size()))};
};

} // namespace

CudaKernel::CudaKernel(std::shared_ptr<const CudaContext> context,
                       const Ptx &ptx, std::span<const char> cubin)
    : context_(std::move(context)), ptx_(ptx),
      library_(context_->driver.libraryUnload) {
  if (ptx.params.size() > maxKernelParams)
    throw Error(ErrorKind::unsupported,
                "kernel '" + ptx.entry + "' has " +
                    std::to_string(ptx.params.size()) +
                    " parameters, a launch takes at most " +
                    std::to_string(maxKernelParams));
  if (ptx.tensorMaps.size() > maxTensorMaps)
    throw Error(ErrorKind::unsupported,
                "kernel '" + ptx.entry + "' has " +
                    std::to_string(ptx.tensorMaps.size()) +
                    " tensor maps, a launch takes at most " +
                    std::to_string(maxTensorMaps));
  if (!ptx.tensorMaps.empty() && !context_->driver.tensorMapEncodeTiled)
    throw Error(ErrorKind::unsupported,
                "kernel '" + ptx.entry +
                    "' takes tensor maps: it needs the driver of CUDA 12.0 or "
                    "later");
  ContextScope scope(*context_);
  loadFunction(cubin);
  queryResources();
  allowSharedMemory();
  int blocks = 0;
  context_->check(
      context_->driver.occupancyMaxActiveBlocksPerMultiprocessor(
          &blocks, function_, static_cast<int>(ptx.threads), ptx.sharedBytes),
      "cuOccupancyMaxActiveBlocksPerMultiprocessor");
  blocksPerSm_ = static_cast<unsigned>(blocks);
  if (!ptx.persistent)
    return;
  int sms = 0;
  context_->check(
      context_->driver.deviceGetAttribute(
          &sms, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, context_->device),
      "cuDeviceGetAttribute", "MULTIPROCESSOR_COUNT");
  smCount_ = static_cast<unsigned>(sms);
}

void CudaKernel::loadFunction(std::span<const char> cubin) {
  const Driver &driver = context_->driver;
  const bool fromText = cubin.empty();
  DriverAssembler assembler;
  auto checkLoad = [&](CUresult result, const char *call) {
    if (result == CUDA_SUCCESS)
      return;
    Error error =
        driverError(driver, result, call,
                    std::string(fromText ? "PTX text" : "machine code") +
                        " of kernel '" + ptx_.entry + "' for " + ptx_.target);
    std::vector<std::string> notes = error.notes();
    if (assembler.log[0])
      notes.push_back("the log of the driver's assembler:\n" +
                      std::string(assembler.log.c_str()));
    throw Error(result == CUDA_ERROR_INVALID_PTX ? ErrorKind::compile
                                                 : ErrorKind::driver,
                error.message(), std::move(notes),
                result == CUDA_ERROR_INVALID_PTX ? Fault::none : error.fault());
  };

  checkLoad(driver.libraryLoadData(library_.out(),
                                   fromText ? ptx_.text.c_str() : cubin.data(),
                                   assembler.options, assembler.values,
                                   fromText ? 2 : 0, nullptr, nullptr, 0),
            "cuLibraryLoadData");
  CUkernel kernel = nullptr;
  checkLoad(
      driver.libraryGetKernel(&kernel, library_.get(), ptx_.entry.c_str()),
      "cuLibraryGetKernel");
  checkLoad(driver.kernelGetFunction(&function_, kernel),
            "cuKernelGetFunction");
  // Lazy loading may synchronise: better here than in the first launch, or in
  // a graph capture.
  if (driver.funcLoad)
    checkLoad(driver.funcLoad(function_), "cuFuncLoad");
}

void CudaKernel::queryResources() {
  auto get = [&](CUfunction_attribute attribute, const char *name) {
    int value = 0;
    context_->check(
        context_->driver.funcGetAttribute(&value, attribute, function_),
        "cuFuncGetAttribute", name);
    return static_cast<unsigned>(value);
  };
  resources_.registers = get(CU_FUNC_ATTRIBUTE_NUM_REGS, "NUM_REGS");
  resources_.localBytes =
      get(CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES, "LOCAL_SIZE_BYTES");
  resources_.staticShared =
      get(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, "SHARED_SIZE_BYTES");
  resources_.maxThreads =
      get(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, "MAX_THREADS_PER_BLOCK");
  if (ptx_.threads > resources_.maxThreads)
    throw Error(ErrorKind::unsupported,
                "kernel '" + ptx_.entry + "' is launched with " +
                    std::to_string(ptx_.threads) +
                    " threads a block, but with " +
                    std::to_string(resources_.registers) +
                    " registers a thread the device takes at most " +
                    std::to_string(resources_.maxThreads));
}

void CudaKernel::allowSharedMemory() const {
  unsigned total = resources_.staticShared + ptx_.sharedBytes;
  if (total <= sharedWithoutOptIn)
    return;
  const Driver &driver = context_->driver;
  CUresult result = driver.funcSetAttribute(
      function_, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
      static_cast<int>(ptx_.sharedBytes));
  if (result == CUDA_SUCCESS)
    return;
  // The driver judges: what it reserves of the memory differs by device.
  int most = 0;
  driver.deviceGetAttribute(
      &most, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN,
      context_->device);
  Error error =
      driverError(driver, result, "cuFuncSetAttribute",
                  "MAX_DYNAMIC_SHARED_SIZE_BYTES of '" + ptx_.entry + "'");
  if (result != CUDA_ERROR_INVALID_VALUE)
    throw error;
  throw Error(ErrorKind::unsupported,
              "kernel '" + ptx_.entry + "' needs " + std::to_string(total) +
                  " bytes of shared memory a block, the device has " +
                  std::to_string(most),
              {error.message()});
}

/// Kept out of launch, which must not touch the heap when all is well.
[[noreturn]] static void throwLaunchError(const Driver &driver, CUresult result,
                                          const Ptx &ptx,
                                          const LaunchConfig &config) {
  auto [x, y, z] = config.grid;
  throw driverError(driver, result, "cuLaunchKernelEx",
                    "kernel '" + ptx.entry + "', grid " + std::to_string(x) +
                        "x" + std::to_string(y) + "x" + std::to_string(z) +
                        ", " + std::to_string(ptx.threads) + " threads, " +
                        std::to_string(ptx.sharedBytes) +
                        " bytes of dynamic shared memory" +
                        (config.dependent ? ", dependent" : ""));
}

/// The driver's own words of a map. Writes nothing but `to`: fit for a launch
/// that is captured.
static CUresult encode(const Driver &driver, const TensorMap &map,
                       CUtensorMap &to) {
  CUtensorMapDataType type = CU_TENSOR_MAP_DATA_TYPE_UINT64;
  if (map.elementBytes == 1)
    type = CU_TENSOR_MAP_DATA_TYPE_UINT8;
  else if (map.elementBytes == 2)
    type = CU_TENSOR_MAP_DATA_TYPE_UINT16;
  else if (map.elementBytes == 4)
    type = CU_TENSOR_MAP_DATA_TYPE_UINT32;
  constexpr std::uint32_t everyElement[5] = {1, 1, 1, 1, 1};
  return driver.tensorMapEncodeTiled(
      &to, type, map.rank, reinterpret_cast<void *>(map.address),
      map.extents.data(), map.strides.data(), map.box.data(), everyElement,
      CU_TENSOR_MAP_INTERLEAVE_NONE,
      static_cast<CUtensorMapSwizzle>(map.swizzle),
      CU_TENSOR_MAP_L2_PROMOTION_L2_128B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
}

void CudaKernel::launch(Stream stream, const LaunchConfig &config,
                        std::span<const std::uint64_t> args) const {
  checkArguments(ptx_, args);
  // The driver wants the address of each value and reads as many bytes as the
  // kernel declares: 8 for a pointer, the low 4 for a scalar, which come first
  // on a little-endian host. So the caller's array serves as it is.
  static_assert(std::endian::native == std::endian::little);
  void *params[maxKernelParams];
  for (std::size_t i = 0; i < args.size(); ++i)
    params[i] = const_cast<std::uint64_t *>(&args[i]);
  // Maps are made for the device of the current context.
  ContextScope scope(*context_);
  CUtensorMap maps[maxTensorMaps];
  std::size_t map = 0;
  const std::array<unsigned, 3> grid =
      launchedGrid(ptx_, config, smCount_ * blocksPerSm_);
  for (std::size_t i = args.size(); i < ptx_.params.size(); ++i) {
    if (ptx_.params[i].kind != KernelParam::Kind::tensorMap) {
      const bool x = ptx_.params[i].kind == KernelParam::Kind::gridX;
      params[i] = const_cast<unsigned *>(&config.grid[x ? 0 : 1]);
      continue;
    }
    const CUresult made =
        encode(context_->driver, tensorMap(ptx_, ptx_.tensorMaps[map], args),
               maps[map]);
    if (made != CUDA_SUCCESS)
      throw driverError(context_->driver, made, "cuTensorMapEncodeTiled",
                        "of " + ptx_.params[i].name + " for kernel '" +
                            ptx_.entry + "'");
    params[i] = &maps[map++];
  }

  CUlaunchAttribute dependent{};
  dependent.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  dependent.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig launch{};
  launch.gridDimX = grid[0];
  launch.gridDimY = grid[1];
  launch.gridDimZ = grid[2];
  launch.blockDimX = ptx_.threads;
  launch.blockDimY = launch.blockDimZ = 1;
  launch.sharedMemBytes = ptx_.sharedBytes;
  launch.hStream = static_cast<CUstream>(stream);
  if (config.dependent) {
    launch.attrs = &dependent;
    launch.numAttrs = 1;
  }
  CUresult result =
      context_->driver.launchKernelEx(&launch, function_, params, nullptr);
  if (result != CUDA_SUCCESS)
    throwLaunchError(context_->driver, result, ptx_, config);
}

} // namespace lath
