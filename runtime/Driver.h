// The CUDA driver, opened at run time, as a struct of function pointers.
//
// A value of this type is all that CudaDevice knows of CUDA, so a test can
// hand it a driver made of lambdas. Fields are named after the API without the
// leading "cu"; Driver.cpp lists the exact symbols with their versions.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/base/Error.h"
#include "runtime/CudaApi.h"
#include "runtime/Environment.h"

#include <string>
#include <string_view>

namespace lath::cuda {

/// Copyable. The functions stay valid until the process ends: the library is
/// never closed, because the driver runs threads of its own. Each is thread
/// safe, as in CUDA.
struct Driver {
  std::string path; ///< the library file, where known

  CUresult (*init)(unsigned flags);
  CUresult (*driverGetVersion)(int *version); ///< 1000 * major + 10 * minor
  CUresult (*getErrorName)(CUresult, const char **);
  CUresult (*getErrorString)(CUresult, const char **);

  CUresult (*deviceGetCount)(int *);
  CUresult (*deviceGet)(CUdevice *, int ordinal);
  CUresult (*deviceGetName)(char *, int size, CUdevice);
  CUresult (*deviceGetAttribute)(int *, CUdevice_attribute, CUdevice);
  CUresult (*deviceTotalMem)(std::size_t *, CUdevice);
  CUresult (*devicePrimaryCtxRetain)(CUcontext *, CUdevice);
  CUresult (*devicePrimaryCtxRelease)(CUdevice);
  CUresult (*ctxGetCurrent)(CUcontext *);
  CUresult (*ctxSetCurrent)(CUcontext);
  CUresult (*ctxSynchronize)();

  CUresult (*memAlloc)(CUdeviceptr *, std::size_t);
  CUresult (*memFree)(CUdeviceptr); ///< takes memory of memAllocAsync as well
  CUresult (*memAllocAsync)(CUdeviceptr *, std::size_t, CUstream);
  CUresult (*memcpyHtoD)(CUdeviceptr, const void *, std::size_t);
  CUresult (*memcpyDtoH)(void *, CUdeviceptr, std::size_t);
  CUresult (*memsetD8Async)(CUdeviceptr, unsigned char, std::size_t, CUstream);

  CUresult (*libraryLoadData)(CUlibrary *, const void *code, CUjit_option *,
                              void **jitValues, unsigned jitOptions,
                              CUlibraryOption *, void **values,
                              unsigned options);
  CUresult (*libraryUnload)(CUlibrary);
  CUresult (*libraryGetKernel)(CUkernel *, CUlibrary, const char *name);
  CUresult (*kernelGetFunction)(CUfunction *, CUkernel);
  CUresult (*funcLoad)(CUfunction); ///< null before CUDA 12.4
  CUresult (*funcGetAttribute)(int *, CUfunction_attribute, CUfunction);
  CUresult (*funcSetAttribute)(CUfunction, CUfunction_attribute, int);
  CUresult (*occupancyMaxActiveBlocksPerMultiprocessor)(
      int *, CUfunction, int threads, std::size_t dynamicShared);
  CUresult (*launchKernelEx)(const CUlaunchConfig *, CUfunction, void **params,
                             void **extra);

  /// Writes a tensor map, on the host alone; null before CUDA 12.0.
  CUresult (*tensorMapEncodeTiled)(
      CUtensorMap *, CUtensorMapDataType, std::uint32_t rank, void *address,
      const std::uint64_t *extents, const std::uint64_t *strides,
      const std::uint32_t *box, const std::uint32_t *elementStrides,
      CUtensorMapInterleave, CUtensorMapSwizzle, CUtensorMapL2promotion,
      CUtensorMapFloatOOBfill);

  CUresult (*streamCreate)(CUstream *, unsigned flags);
  CUresult (*streamDestroy)(CUstream);
  CUresult (*streamSynchronize)(CUstream);
  CUresult (*streamIsCapturing)(CUstream, CUstreamCaptureStatus *);
  CUresult (*streamBeginCapture)(CUstream, CUstreamCaptureMode);
  CUresult (*streamEndCapture)(CUstream, CUgraph *);
  CUresult (*graphGetNodes)(CUgraph, CUgraphNode *, std::size_t *count);
  CUresult (*graphInstantiate)(CUgraphExec *, CUgraph,
                               unsigned long long flags);
  CUresult (*graphLaunch)(CUgraphExec, CUstream);
  CUresult (*graphExecDestroy)(CUgraphExec);
  CUresult (*graphDestroy)(CUgraph);
  CUresult (*eventCreate)(CUevent *, unsigned flags);
  CUresult (*eventDestroy)(CUevent);
  CUresult (*eventRecord)(CUevent, CUstream);
  CUresult (*eventElapsedTime)(float *milliseconds, CUevent, CUevent);
};

/// Opens the driver library and looks up every function; calls none of them.
/// Throws Error{driver}: the library is not there (the notes say where it was
/// looked for), or it is older than CUDA 12.0.
LATH_API Driver openDriver(const Environment &environment);

/// The driver of this process, opened at the first call. Thread safe.
/// Throws as openDriver does, and tries again at the next call.
LATH_API const Driver &systemDriver();

/// What such a result means for the caller; `none` of success.
LATH_API Fault faultOf(CUresult result);

/// With its Fault:
/// "cuMemAlloc failed: CUDA_ERROR_OUT_OF_MEMORY (2, out of memory): <detail>".
LATH_API Error driverError(const Driver &driver, CUresult result,
                           std::string_view call, std::string_view detail = {});

/// Throws driverError unless the call succeeded.
inline void check(const Driver &driver, CUresult result, std::string_view call,
                  std::string_view detail = {}) {
  if (result != CUDA_SUCCESS)
    throw driverError(driver, result, call, detail);
}

} // namespace lath::cuda
