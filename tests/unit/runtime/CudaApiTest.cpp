// Our declarations of the driver's binary interface against NVIDIA's header,
// where it is installed.

#include <catch2/catch.hpp>

#include "runtime/CudaApi.h"
#include "runtime/Driver.h"

#if __has_include(<cuda.h>)
#include <cuda.h>
#define LATH_HAS_CUDA_H
#elif __has_include("/usr/local/cuda/include/cuda.h")
#include "/usr/local/cuda/include/cuda.h"
#define LATH_HAS_CUDA_H
#endif

#ifdef LATH_HAS_CUDA_H

// cuda.h renames some of its own functions by macros, but none of the names
// that CudaApi.h declares.
namespace ours = lath::cuda;

TEST_CASE("handles have the size of cuda.h's", "[runtime]") {
  CHECK(sizeof(ours::CUdevice) == sizeof(CUdevice));
  CHECK(sizeof(ours::CUdeviceptr) == sizeof(CUdeviceptr));
  CHECK(sizeof(ours::CUresult) == sizeof(CUresult));
  CHECK(sizeof(ours::CUcontext) == sizeof(CUcontext));
  CHECK(sizeof(ours::CUdevice_attribute) == sizeof(CUdevice_attribute));
  CHECK(sizeof(ours::CUfunction_attribute) == sizeof(CUfunction_attribute));
  CHECK(sizeof(ours::CUjit_option) == sizeof(CUjit_option));
  CHECK(sizeof(ours::CUlibraryOption) == sizeof(CUlibraryOption));
  CHECK(sizeof(ours::CUstreamCaptureMode) == sizeof(CUstreamCaptureMode));
}

#define SAME_VALUE(name)                                                       \
  CHECK(static_cast<long long>(ours::name) == static_cast<long long>(::name))

TEST_CASE("constants have the values of cuda.h's", "[runtime]") {
  SAME_VALUE(CUDA_SUCCESS);
  SAME_VALUE(CUDA_ERROR_INVALID_VALUE);
  SAME_VALUE(CUDA_ERROR_OUT_OF_MEMORY);
  SAME_VALUE(CUDA_ERROR_DEINITIALIZED);
  SAME_VALUE(CUDA_ERROR_DEVICE_UNAVAILABLE);
  SAME_VALUE(CUDA_ERROR_ECC_UNCORRECTABLE);
  SAME_VALUE(CUDA_ERROR_INVALID_PTX);
  SAME_VALUE(CUDA_ERROR_NVLINK_UNCORRECTABLE);
  SAME_VALUE(CUDA_ERROR_CONTAINED);
  SAME_VALUE(CUDA_ERROR_NOT_READY);
  SAME_VALUE(CUDA_ERROR_ILLEGAL_ADDRESS);
  SAME_VALUE(CUDA_ERROR_LAUNCH_TIMEOUT);
  SAME_VALUE(CUDA_ERROR_CONTEXT_IS_DESTROYED);
  SAME_VALUE(CUDA_ERROR_ASSERT);
  SAME_VALUE(CUDA_ERROR_HARDWARE_STACK_ERROR);
  SAME_VALUE(CUDA_ERROR_ILLEGAL_INSTRUCTION);
  SAME_VALUE(CUDA_ERROR_MISALIGNED_ADDRESS);
  SAME_VALUE(CUDA_ERROR_INVALID_ADDRESS_SPACE);
  SAME_VALUE(CUDA_ERROR_INVALID_PC);
  SAME_VALUE(CUDA_ERROR_LAUNCH_FAILED);
  SAME_VALUE(CUDA_ERROR_TENSOR_MEMORY_LEAK);
  SAME_VALUE(CUDA_ERROR_SYSTEM_NOT_READY);
  SAME_VALUE(CUDA_ERROR_MPS_CONNECTION_FAILED);
  SAME_VALUE(CUDA_ERROR_MPS_SERVER_NOT_READY);
  SAME_VALUE(CUDA_ERROR_MPS_MAX_CLIENTS_REACHED);
  SAME_VALUE(CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED);
  SAME_VALUE(CUDA_ERROR_MPS_CLIENT_TERMINATED);
  SAME_VALUE(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
  SAME_VALUE(CUDA_ERROR_EXTERNAL_DEVICE);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
  SAME_VALUE(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED);
  SAME_VALUE(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK);
  SAME_VALUE(CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);
  SAME_VALUE(CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);
  SAME_VALUE(CU_FUNC_ATTRIBUTE_NUM_REGS);
  SAME_VALUE(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES);
  SAME_VALUE(CU_JIT_ERROR_LOG_BUFFER);
  SAME_VALUE(CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES);
  SAME_VALUE(CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
  SAME_VALUE(CU_STREAM_NON_BLOCKING);
  SAME_VALUE(CU_EVENT_DEFAULT);
  SAME_VALUE(CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION);
}

TEST_CASE("launch structures have the layout of cuda.h's", "[runtime]") {
  using Attribute = ours::CUlaunchAttribute;
  CHECK(sizeof(Attribute) == sizeof(CUlaunchAttribute));
  CHECK(alignof(Attribute) == alignof(CUlaunchAttribute));
  CHECK(offsetof(Attribute, id) == offsetof(CUlaunchAttribute, id));
  CHECK(offsetof(Attribute, value) == offsetof(CUlaunchAttribute, value));
  CHECK(sizeof(ours::CUlaunchAttributeValue) == sizeof(CUlaunchAttributeValue));
  CHECK(
      offsetof(ours::CUlaunchAttributeValue,
               programmaticStreamSerializationAllowed) ==
      offsetof(CUlaunchAttributeValue, programmaticStreamSerializationAllowed));

  using Config = ours::CUlaunchConfig;
  CHECK(sizeof(Config) == sizeof(CUlaunchConfig));
  CHECK(alignof(Config) == alignof(CUlaunchConfig));
  CHECK(offsetof(Config, gridDimX) == offsetof(CUlaunchConfig, gridDimX));
  CHECK(offsetof(Config, gridDimY) == offsetof(CUlaunchConfig, gridDimY));
  CHECK(offsetof(Config, gridDimZ) == offsetof(CUlaunchConfig, gridDimZ));
  CHECK(offsetof(Config, blockDimX) == offsetof(CUlaunchConfig, blockDimX));
  CHECK(offsetof(Config, blockDimY) == offsetof(CUlaunchConfig, blockDimY));
  CHECK(offsetof(Config, blockDimZ) == offsetof(CUlaunchConfig, blockDimZ));
  CHECK(offsetof(Config, sharedMemBytes) ==
        offsetof(CUlaunchConfig, sharedMemBytes));
  CHECK(offsetof(Config, hStream) == offsetof(CUlaunchConfig, hStream));
  CHECK(offsetof(Config, attrs) == offsetof(CUlaunchConfig, attrs));
  CHECK(offsetof(Config, numAttrs) == offsetof(CUlaunchConfig, numAttrs));
}

/// Whether two functions take and return values of the same sizes: then a call
/// through one type is a call of the other in the C calling convention.
template <class Ours, class Theirs> struct SameCall;
template <class R1, class... A1, class R2, class... A2>
struct SameCall<R1 (*)(A1...), R2 (*)(A2...)> {
  static constexpr bool value() {
    if constexpr (sizeof...(A1) != sizeof...(A2))
      return false;
    else
      return sizeof(R1) == sizeof(R2) && ((sizeof(A1) == sizeof(A2)) && ...);
  }
};

#define SAME_CALL(field, function)                                             \
  CHECK(SameCall<decltype(ours::Driver::field), decltype(&::function)>::value())

TEST_CASE("driver calls take the arguments of cuda.h's", "[runtime]") {
  SAME_CALL(init, cuInit);
  SAME_CALL(driverGetVersion, cuDriverGetVersion);
  SAME_CALL(getErrorName, cuGetErrorName);
  SAME_CALL(getErrorString, cuGetErrorString);
  SAME_CALL(deviceGetCount, cuDeviceGetCount);
  SAME_CALL(deviceGet, cuDeviceGet);
  SAME_CALL(deviceGetName, cuDeviceGetName);
  SAME_CALL(deviceGetAttribute, cuDeviceGetAttribute);
  SAME_CALL(deviceTotalMem, cuDeviceTotalMem);
  SAME_CALL(devicePrimaryCtxRetain, cuDevicePrimaryCtxRetain);
  SAME_CALL(devicePrimaryCtxRelease, cuDevicePrimaryCtxRelease);
  SAME_CALL(ctxGetCurrent, cuCtxGetCurrent);
  SAME_CALL(ctxSetCurrent, cuCtxSetCurrent);
  SAME_CALL(ctxSynchronize, cuCtxSynchronize);
  SAME_CALL(memAlloc, cuMemAlloc);
  SAME_CALL(memFree, cuMemFree);
  SAME_CALL(memAllocAsync, cuMemAllocAsync);
  SAME_CALL(memcpyHtoD, cuMemcpyHtoD);
  SAME_CALL(memcpyDtoH, cuMemcpyDtoH);
  SAME_CALL(memsetD8Async, cuMemsetD8Async);
  SAME_CALL(libraryLoadData, cuLibraryLoadData);
  SAME_CALL(libraryUnload, cuLibraryUnload);
  SAME_CALL(libraryGetKernel, cuLibraryGetKernel);
  SAME_CALL(kernelGetFunction, cuKernelGetFunction);
  SAME_CALL(funcLoad, cuFuncLoad);
  SAME_CALL(funcGetAttribute, cuFuncGetAttribute);
  SAME_CALL(funcSetAttribute, cuFuncSetAttribute);
  SAME_CALL(occupancyMaxActiveBlocksPerMultiprocessor,
            cuOccupancyMaxActiveBlocksPerMultiprocessor);
  SAME_CALL(launchKernelEx, cuLaunchKernelEx);
  SAME_CALL(tensorMapEncodeTiled, cuTensorMapEncodeTiled);
  SAME_CALL(streamCreate, cuStreamCreate);
  SAME_CALL(streamDestroy, cuStreamDestroy);
  SAME_CALL(streamSynchronize, cuStreamSynchronize);
  SAME_CALL(streamIsCapturing, cuStreamIsCapturing);
  SAME_CALL(streamBeginCapture, cuStreamBeginCapture);
  SAME_CALL(streamEndCapture, cuStreamEndCapture);
  SAME_CALL(graphGetNodes, cuGraphGetNodes);
  SAME_CALL(graphInstantiate, cuGraphInstantiateWithFlags);
  SAME_CALL(graphLaunch, cuGraphLaunch);
  SAME_CALL(graphExecDestroy, cuGraphExecDestroy);
  SAME_CALL(graphDestroy, cuGraphDestroy);
  SAME_CALL(eventCreate, cuEventCreate);
  SAME_CALL(eventDestroy, cuEventDestroy);
  SAME_CALL(eventRecord, cuEventRecord);
  SAME_CALL(eventElapsedTime, cuEventElapsedTime);
}

#else

TEST_CASE("CudaApi.h is compared with cuda.h", "[runtime]") {
  WARN("skipped: no cuda.h where this was compiled");
}

#endif
