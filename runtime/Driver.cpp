// Looking up the driver's calls, and naming its errors.

#include "runtime/Driver.h"

#include <dlfcn.h>
#include <vector>

namespace lath::cuda {

namespace {

/// Looks names up in one library and says which are missing.
class Symbols {
public:
  explicit Symbols(void *library) : library_(library) {}

  template <class Function>
  void optional(Function *&function, const char *name) const {
    function = reinterpret_cast<Function *>(dlsym(library_, name));
  }

  template <class Function>
  void required(Function *&function, const char *name) {
    optional(function, name);
    if (!function)
      missing_.push_back(name);
  }

  const std::vector<std::string> &missing() const { return missing_; }

private:
  void *library_;
  std::vector<std::string> missing_;
};

} // namespace

/// Opens the first of `files` that can be opened, and names it.
static void *openFirst(const std::vector<std::string> &files, std::string &path,
                       std::vector<std::string> &problems) {
  for (const std::string &file : files) {
    if (void *library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL)) {
      path = file;
      return library;
    }
    problems.push_back(dlerror());
  }
  return nullptr;
}

/// The names are those of the binary interface: cuda.h renames most calls to
/// such a versioned symbol. Streams are the legacy ones (no _ptsz), so that a
/// null stream means the same as in the CUDA runtime and in PyTorch.
static std::vector<std::string> lookUp(void *library, Driver &d) {
  Symbols symbols(library);
  symbols.required(d.init, "cuInit");
  symbols.required(d.driverGetVersion, "cuDriverGetVersion");
  symbols.required(d.getErrorName, "cuGetErrorName");
  symbols.required(d.getErrorString, "cuGetErrorString");
  symbols.required(d.deviceGetCount, "cuDeviceGetCount");
  symbols.required(d.deviceGet, "cuDeviceGet");
  symbols.required(d.deviceGetName, "cuDeviceGetName");
  symbols.required(d.deviceGetAttribute, "cuDeviceGetAttribute");
  symbols.required(d.deviceTotalMem, "cuDeviceTotalMem_v2");
  symbols.required(d.devicePrimaryCtxRetain, "cuDevicePrimaryCtxRetain");
  symbols.required(d.devicePrimaryCtxRelease, "cuDevicePrimaryCtxRelease_v2");
  symbols.required(d.ctxGetCurrent, "cuCtxGetCurrent");
  symbols.required(d.ctxSetCurrent, "cuCtxSetCurrent");
  symbols.required(d.ctxSynchronize, "cuCtxSynchronize");
  symbols.required(d.memAlloc, "cuMemAlloc_v2");
  symbols.required(d.memFree, "cuMemFree_v2");
  symbols.required(d.memAllocAsync, "cuMemAllocAsync");
  symbols.required(d.memcpyHtoD, "cuMemcpyHtoD_v2");
  symbols.required(d.memcpyDtoH, "cuMemcpyDtoH_v2");
  symbols.required(d.memsetD8Async, "cuMemsetD8Async");
  symbols.required(d.libraryLoadData, "cuLibraryLoadData");
  symbols.required(d.libraryUnload, "cuLibraryUnload");
  symbols.required(d.libraryGetKernel, "cuLibraryGetKernel");
  symbols.required(d.kernelGetFunction, "cuKernelGetFunction");
  symbols.optional(d.funcLoad, "cuFuncLoad");
  symbols.required(d.funcGetAttribute, "cuFuncGetAttribute");
  symbols.required(d.funcSetAttribute, "cuFuncSetAttribute");
  symbols.required(d.occupancyMaxActiveBlocksPerMultiprocessor,
                   "cuOccupancyMaxActiveBlocksPerMultiprocessor");
  symbols.required(d.launchKernelEx, "cuLaunchKernelEx");
  symbols.optional(d.tensorMapEncodeTiled, "cuTensorMapEncodeTiled");
  symbols.required(d.streamCreate, "cuStreamCreate");
  symbols.required(d.streamDestroy, "cuStreamDestroy_v2");
  symbols.required(d.streamSynchronize, "cuStreamSynchronize");
  symbols.required(d.streamIsCapturing, "cuStreamIsCapturing");
  symbols.required(d.streamBeginCapture, "cuStreamBeginCapture_v2");
  symbols.required(d.streamEndCapture, "cuStreamEndCapture");
  symbols.required(d.graphGetNodes, "cuGraphGetNodes");
  symbols.required(d.graphInstantiate, "cuGraphInstantiateWithFlags");
  symbols.required(d.graphLaunch, "cuGraphLaunch");
  symbols.required(d.graphExecDestroy, "cuGraphExecDestroy");
  symbols.required(d.graphDestroy, "cuGraphDestroy");
  symbols.required(d.eventCreate, "cuEventCreate");
  symbols.required(d.eventDestroy, "cuEventDestroy_v2");
  symbols.required(d.eventRecord, "cuEventRecord");
  // The second version, of CUDA 12.8, reads the same two events.
  symbols.optional(d.eventElapsedTime, "cuEventElapsedTime_v2");
  if (!d.eventElapsedTime)
    symbols.required(d.eventElapsedTime, "cuEventElapsedTime");
  return symbols.missing();
}

Driver openDriver(const Environment &environment) {
  // The second path is where container runtimes put the host's driver.
  std::vector<std::string> files{"libcuda.so.1",
                                 "/usr/local/nvidia/lib64/libcuda.so.1"};
  if (!environment.cudaDriver.empty())
    files = {environment.cudaDriver};

  Driver driver{};
  std::vector<std::string> problems;
  void *library = openFirst(files, driver.path, problems);
  if (!library) {
    std::string what = environment.cudaDriver.empty()
                           ? "libcuda.so.1 not found: "
                           : "LATH_CUDA_DRIVER cannot be opened: ";
    throw Error(ErrorKind::driver, what + problems.front(),
                {problems.begin() + 1, problems.end()});
  }
  if (auto missing = lookUp(library, driver); !missing.empty()) {
    dlclose(library);
    throw Error(ErrorKind::driver,
                driver.path + " has no " + missing.front() +
                    ": Lath needs the driver of CUDA 12.0 or later");
  }
  // A plain soname says little in a report; the loader knows the file.
  Dl_info found;
  if (dladdr(reinterpret_cast<void *>(driver.init), &found) && found.dli_fname)
    driver.path = found.dli_fname;
  return driver;
}

const Driver &systemDriver() {
  static const Driver driver = openDriver(environment());
  return driver;
}

Fault faultOf(CUresult result) {
  switch (result) {
  case CUDA_SUCCESS:
    return Fault::none;
  case CUDA_ERROR_OUT_OF_MEMORY:
  case CUDA_ERROR_DEVICE_UNAVAILABLE:
  case CUDA_ERROR_NOT_READY:
  case CUDA_ERROR_SYSTEM_NOT_READY:
  case CUDA_ERROR_MPS_SERVER_NOT_READY:
  case CUDA_ERROR_MPS_MAX_CLIENTS_REACHED:
  case CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED:
    return Fault::retry;
  case CUDA_ERROR_DEINITIALIZED:
  case CUDA_ERROR_ECC_UNCORRECTABLE:
  case CUDA_ERROR_NVLINK_UNCORRECTABLE:
  case CUDA_ERROR_CONTAINED:
  case CUDA_ERROR_ILLEGAL_ADDRESS:
  case CUDA_ERROR_LAUNCH_TIMEOUT:
  case CUDA_ERROR_CONTEXT_IS_DESTROYED:
  case CUDA_ERROR_ASSERT:
  case CUDA_ERROR_HARDWARE_STACK_ERROR:
  case CUDA_ERROR_ILLEGAL_INSTRUCTION:
  case CUDA_ERROR_MISALIGNED_ADDRESS:
  case CUDA_ERROR_INVALID_ADDRESS_SPACE:
  case CUDA_ERROR_INVALID_PC:
  case CUDA_ERROR_LAUNCH_FAILED:
  case CUDA_ERROR_TENSOR_MEMORY_LEAK:
  case CUDA_ERROR_MPS_CONNECTION_FAILED:
  case CUDA_ERROR_MPS_CLIENT_TERMINATED:
  case CUDA_ERROR_EXTERNAL_DEVICE:
    return Fault::contextLost;
  default:
    // What is not known to pass is not worth a second try.
    return Fault::fatal;
  }
}

Error driverError(const Driver &driver, CUresult result, std::string_view call,
                  std::string_view detail) {
  const char *name = nullptr;
  const char *text = nullptr;
  if (driver.getErrorName(result, &name) != CUDA_SUCCESS || !name)
    name = "an unknown CUDA error";
  if (driver.getErrorString(result, &text) != CUDA_SUCCESS || !text)
    text = "the driver has no text for it";
  std::string message(call);
  message += std::string(" failed: ") + name + " (" +
             std::to_string(static_cast<int>(result)) + ", " + text + ")";
  if (!detail.empty())
    message += std::string(": ") + std::string(detail);
  std::vector<std::string> notes;
  if (faultOf(result) == Fault::contextLost)
    notes.push_back("memory, streams and kernels of this context are lost: "
                    "start a new process");
  if (result == CUDA_ERROR_LAUNCH_FAILED)
    notes.push_back("a kernel whose deviceAssert fails ends so, and prints "
                    "which one to standard output");
  return Error(ErrorKind::driver, std::move(message), std::move(notes),
               faultOf(result));
}

} // namespace lath::cuda
