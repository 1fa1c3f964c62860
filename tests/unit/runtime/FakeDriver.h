// A CUDA driver made of functions that record what they are called with.
//
// Functions of a Driver are plain pointers without a context of their own, so
// the record is one per thread; FakeDriver resets it.
#pragma once

#include "runtime/Driver.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

namespace lath::test {

using namespace lath::cuda;

struct FakeLaunch {
  CUlaunchConfig config;
  std::vector<CUlaunchAttribute> attributes;
  std::vector<void *> params;        ///< addresses, valid during the call only
  std::vector<std::uint64_t> wide;   ///< each as 8 bytes
  std::vector<std::uint32_t> narrow; ///< each as 4 bytes
};

struct FakeRecord {
  std::vector<std::string> calls; ///< names, and objects where they matter
  std::map<std::string, CUresult> failing; ///< by call name
  std::vector<FakeLaunch> launches;
  std::map<CUdeviceptr, std::size_t> memory;
  std::vector<std::pair<CUfunction_attribute, int>> functionAttributes;
  std::string loadedCode; ///< as text, when it was loaded with JIT options
  std::string jitLog;     ///< what the driver's assembler writes
  CUcontext current = nullptr;
  bool capturing = false;
  bool hasPools = true;
  std::size_t paramCount = 0; ///< how many of a launch's params are read
  int staticShared = 0;
  /// The last one that was made: address, extents, strides and box.
  std::vector<std::uint64_t> tensorMap;
  int maxThreads = 1024;
  int l2Bytes = 4096;
  std::uintptr_t next = 0x1000; ///< the next handle or address
};

inline FakeRecord &record() {
  static thread_local FakeRecord kept;
  return kept;
}

inline CUcontext primaryContext() { return reinterpret_cast<CUcontext>(0x11); }

inline CUresult note(const std::string &name, const std::string &detail = {}) {
  record().calls.push_back(detail.empty() ? name : name + " " + detail);
  auto found = record().failing.find(name);
  return found == record().failing.end() ? CUDA_SUCCESS : found->second;
}

/// An address of `bytes` bytes, aligned as the driver's are.
inline CUdeviceptr fakeMemory(std::size_t bytes) {
  std::uintptr_t at = (record().next + 255) / 256 * 256;
  record().next = at + std::max<std::size_t>(bytes, 1);
  return at;
}

template <class T> CUresult make(const char *name, T *out) {
  CUresult result = note(name);
  if (result == CUDA_SUCCESS)
    *out = reinterpret_cast<T>(record().next++);
  return result;
}

inline std::size_t count(const std::string &name) {
  std::size_t found = 0;
  for (const std::string &call : record().calls)
    found += call == name || call.starts_with(name + " ");
  return found;
}

inline CUresult fakeAttribute(int *value, CUdevice_attribute which, CUdevice) {
  switch (which) {
  case CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT:
    *value = 132;
    break;
  case CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE:
    *value = record().l2Bytes;
    break;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR:
    *value = 9;
    break;
  case CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR:
    *value = 0;
    break;
  case CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN:
    *value = 232448;
    break;
  case CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED:
    *value = record().hasPools;
    break;
  }
  return note("deviceGetAttribute");
}

inline CUresult fakeFunctionAttribute(int *value, CUfunction_attribute which,
                                      CUfunction) {
  *value = which == CU_FUNC_ATTRIBUTE_NUM_REGS           ? 40
           : which == CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES ? 16
           : which == CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES
               ? record().staticShared
               : record().maxThreads;
  return note("funcGetAttribute");
}

inline CUresult fakeLoad(CUlibrary *library, const void *code,
                         CUjit_option *options, void **values, unsigned count,
                         CUlibraryOption *, void **, unsigned) {
  for (unsigned i = 0; i < count; ++i)
    if (options[i] == CU_JIT_ERROR_LOG_BUFFER) {
      record().loadedCode = static_cast<const char *>(code);
      record().jitLog.copy(static_cast<char *>(values[i]),
                           record().jitLog.size());
    }
  return make("libraryLoadData", library);
}

inline CUresult fakeLaunch(const CUlaunchConfig *config, CUfunction,
                           void **params, void **) {
  FakeLaunch launch{*config, {}, {}, {}, {}};
  for (unsigned i = 0; i < config->numAttrs; ++i)
    launch.attributes.push_back(config->attrs[i]);
  for (std::size_t i = 0; i < record().paramCount; ++i) {
    launch.wide.push_back(*static_cast<std::uint64_t *>(params[i]));
    launch.narrow.push_back(*static_cast<std::uint32_t *>(params[i]));
  }
  record().launches.push_back(std::move(launch));
  return note("launchKernelEx");
}

/// A map begins with its tensor's address.
inline CUresult fakeTensorMap(CUtensorMap *map, CUtensorMapDataType type,
                              std::uint32_t rank, void *address,
                              const std::uint64_t *extents,
                              const std::uint64_t *strides,
                              const std::uint32_t *box, const std::uint32_t *,
                              CUtensorMapInterleave, CUtensorMapSwizzle swizzle,
                              CUtensorMapL2promotion, CUtensorMapFloatOOBfill) {
  *map = {};
  map->opaque[0] = reinterpret_cast<std::uintptr_t>(address);
  std::vector<std::uint64_t> &made = record().tensorMap;
  made = {static_cast<std::uint64_t>(type), rank,
          static_cast<std::uint64_t>(swizzle), map->opaque[0]};
  made.insert(made.end(), extents, extents + rank);
  made.insert(made.end(), strides, strides + rank - 1);
  made.insert(made.end(), box, box + rank);
  return note("tensorMapEncodeTiled");
}

/// A driver whose every call succeeds, on an empty record.
inline Driver fakeDriver() {
  record() = FakeRecord();
  Driver d{};
  d.init = [](unsigned) { return note("init"); };
  d.driverGetVersion = [](int *v) { return *v = 13000, note("version"); };
  d.getErrorName = [](CUresult r, const char **s) {
    if (r != CUDA_ERROR_OUT_OF_MEMORY && r != CUDA_ERROR_INVALID_PTX)
      return CUDA_ERROR_INVALID_VALUE;
    *s = r == CUDA_ERROR_OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY"
                                       : "CUDA_ERROR_INVALID_PTX";
    return CUDA_SUCCESS;
  };
  d.getErrorString = [](CUresult r, const char **s) {
    if (r != CUDA_ERROR_OUT_OF_MEMORY)
      return CUDA_ERROR_INVALID_VALUE;
    *s = "out of memory";
    return CUDA_SUCCESS;
  };
  d.deviceGetCount = [](int *n) { return *n = 1, note("deviceGetCount"); };
  d.deviceGet = [](CUdevice *v, int i) { return *v = i, note("deviceGet"); };
  d.deviceGetName = [](char *s, int, CUdevice) {
    std::string("Fake GPU").copy(s, 8);
    return note("deviceGetName");
  };
  d.deviceGetAttribute = fakeAttribute;
  d.deviceTotalMem = [](std::size_t *n, CUdevice) {
    return *n = 1 << 30, note("deviceTotalMem");
  };
  d.devicePrimaryCtxRetain = [](CUcontext *c, CUdevice) {
    return *c = primaryContext(), note("primaryCtxRetain");
  };
  d.devicePrimaryCtxRelease = [](CUdevice) {
    return note("primaryCtxRelease");
  };
  d.ctxGetCurrent = [](CUcontext *c) {
    return *c = record().current, note("ctxGetCurrent");
  };
  d.ctxSetCurrent = [](CUcontext c) {
    return record().current = c, note("ctxSetCurrent");
  };
  d.ctxSynchronize = [] { return note("ctxSynchronize"); };
  d.memAlloc = [](CUdeviceptr *p, std::size_t n) {
    CUresult result = note("memAlloc");
    if (result == CUDA_SUCCESS)
      record().memory[ *p = fakeMemory(n)] = n;
    return result;
  };
  d.memAllocAsync = [](CUdeviceptr *p, std::size_t n, CUstream) {
    CUresult result = note("memAllocAsync");
    if (result == CUDA_SUCCESS)
      record().memory[ *p = fakeMemory(n)] = n;
    return result;
  };
  d.memFree = [](CUdeviceptr p) {
    return record().memory.erase(p) ? note("memFree")
                                    : CUDA_ERROR_INVALID_VALUE;
  };
  d.memcpyHtoD = [](CUdeviceptr, const void *, std::size_t) {
    return note("memcpyHtoD");
  };
  d.memcpyDtoH = [](void *, CUdeviceptr, std::size_t) {
    return note("memcpyDtoH");
  };
  d.memsetD8Async = [](CUdeviceptr, unsigned char, std::size_t, CUstream) {
    return note("memsetD8Async");
  };
  d.libraryLoadData = fakeLoad;
  d.libraryUnload = [](CUlibrary) { return note("libraryUnload"); };
  d.libraryGetKernel = [](CUkernel *k, CUlibrary, const char *name) {
    *k = reinterpret_cast<CUkernel>(record().next++);
    return note("libraryGetKernel", name);
  };
  d.kernelGetFunction = [](CUfunction *f, CUkernel) {
    return make("kernelGetFunction", f);
  };
  d.funcLoad = [](CUfunction) { return note("funcLoad"); };
  d.funcGetAttribute = fakeFunctionAttribute;
  d.funcSetAttribute = [](CUfunction, CUfunction_attribute which, int value) {
    record().functionAttributes.emplace_back(which, value);
    return note("funcSetAttribute");
  };
  d.occupancyMaxActiveBlocksPerMultiprocessor = [](int *blocks, CUfunction, int,
                                                   std::size_t) {
    return *blocks = 3, note("occupancy");
  };
  d.launchKernelEx = fakeLaunch;
  d.tensorMapEncodeTiled = fakeTensorMap;
  d.streamCreate = [](CUstream *s, unsigned flags) {
    CUresult result = make("streamCreate", s);
    record().calls.back() += " " + std::to_string(flags);
    return result;
  };
  d.streamDestroy = [](CUstream) { return note("streamDestroy"); };
  d.streamSynchronize = [](CUstream) { return note("streamSynchronize"); };
  d.streamIsCapturing = [](CUstream, CUstreamCaptureStatus *status) {
    *status = static_cast<CUstreamCaptureStatus>(record().capturing);
    return note("streamIsCapturing");
  };
  d.streamBeginCapture = [](CUstream, CUstreamCaptureMode mode) {
    record().capturing = true;
    return note("streamBeginCapture", std::to_string(mode));
  };
  d.streamEndCapture = [](CUstream, CUgraph *g) {
    record().capturing = false;
    return make("streamEndCapture", g);
  };
  d.graphGetNodes = [](CUgraph, CUgraphNode *, std::size_t *n) {
    return *n = record().launches.size(), note("graphGetNodes");
  };
  d.graphInstantiate = [](CUgraphExec *e, CUgraph, unsigned long long) {
    return make("graphInstantiate", e);
  };
  d.graphLaunch = [](CUgraphExec e, CUstream) {
    return note("graphLaunch",
                std::to_string(reinterpret_cast<std::uintptr_t>(e)));
  };
  d.graphExecDestroy = [](CUgraphExec) { return note("graphExecDestroy"); };
  d.graphDestroy = [](CUgraph) { return note("graphDestroy"); };
  d.eventCreate = [](CUevent *e, unsigned) { return make("eventCreate", e); };
  d.eventDestroy = [](CUevent) { return note("eventDestroy"); };
  d.eventRecord = [](CUevent, CUstream) { return note("eventRecord"); };
  d.eventElapsedTime = [](float *ms, CUevent, CUevent) {
    return *ms = 0.25f, note("eventElapsedTime");
  };
  return d;
}

} // namespace lath::test
