/* A libcuda.so whose every call succeeds and does nothing, for programs that
 * load a real shared library: LATH_CUDA_DRIVER names it. One device of compute
 * capability 9.0. Memory is the host's. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define API __attribute__((visibility("default")))

static int launches, loads;
API int fake_cuda_launches(void) { return launches; }
API int fake_cuda_loads(void) { return loads; }

static uintptr_t next = 0x1000;
static int give(void **out) {
  *out = (void *)__atomic_add_fetch(&next, 16, __ATOMIC_RELAXED);
  return 0;
}

API int cuInit(unsigned f) { return 0; }
API int cuDriverGetVersion(int *v) { return *v = 13000, 0; }
API int cuGetErrorName(int r, const char **s) { return *s = "FAKE", 0; }
API int cuGetErrorString(int r, const char **s) { return *s = "fake", 0; }
API int cuDeviceGetCount(int *n) { return *n = 1, 0; }
API int cuDeviceGet(int *d, int i) { return *d = i, 0; }
API int cuDeviceGetName(char *s, int n, int d) {
  return strncpy(s, "Fake GPU", (size_t)n), 0;
}
API int cuDeviceGetAttribute(int *v, int which, int d) {
  switch (which) {
  case 16: /* multiprocessors */
    *v = 132;
    break;
  case 75: /* compute capability */
    *v = 9;
    break;
  case 76:
    *v = 0;
    break;
  case 97: /* shared memory of a block */
    *v = 232448;
    break;
  default:
    *v = 1;
  }
  return 0;
}
API int cuDeviceTotalMem_v2(size_t *n, int d) {
  return *n = (size_t)1 << 37, 0;
}
API int cuDevicePrimaryCtxRetain(void **c, int d) {
  return *c = (void *)0x11, 0;
}
API int cuDevicePrimaryCtxRelease_v2(int d) { return 0; }
static __thread void *current;
API int cuCtxGetCurrent(void **c) { return *c = current, 0; }
API int cuCtxSetCurrent(void *c) { return current = c, 0; }
API int cuCtxSynchronize(void) { return 0; }
API int cuMemAlloc_v2(uint64_t *p, size_t n) {
  *p = (uint64_t)(uintptr_t)aligned_alloc(256, (n + 255) / 256 * 256);
  return *p ? 0 : 2;
}
API int cuMemFree_v2(uint64_t p) { return free((void *)(uintptr_t)p), 0; }
API int cuMemAllocAsync(uint64_t *p, size_t n, void *s) {
  return cuMemAlloc_v2(p, n);
}
API int cuMemcpyHtoD_v2(uint64_t to, const void *from, size_t n) {
  return memcpy((void *)(uintptr_t)to, from, n), 0;
}
API int cuMemcpyDtoH_v2(void *to, uint64_t from, size_t n) {
  return memcpy(to, (void *)(uintptr_t)from, n), 0;
}
API int cuMemsetD8Async(uint64_t p, unsigned char v, size_t n, void *s) {
  return memset((void *)(uintptr_t)p, v, n), 0;
}
/* Machine code is an ELF file. */
API int cuLibraryLoadData(void **l, const void *code, void *o, void **v,
                          unsigned n, void *lo, void **lv, unsigned ln) {
  if (memcmp(code, "\177ELF", 4) != 0)
    return 200;
  __atomic_add_fetch(&loads, 1, __ATOMIC_RELAXED);
  return give(l);
}
API int cuLibraryUnload(void *l) { return 0; }
API int cuLibraryGetKernel(void **k, void *l, const char *name) {
  return give(k);
}
API int cuKernelGetFunction(void **f, void *k) { return give(f); }
API int cuFuncLoad(void *f) { return 0; }
API int cuFuncGetAttribute(int *v, int which, void *f) {
  return *v = which == 0 ? 1024 : 0, 0;
}
API int cuFuncSetAttribute(void *f, int which, int v) { return 0; }
API int cuOccupancyMaxActiveBlocksPerMultiprocessor(int *b, void *f, int t,
                                                    size_t s) {
  return *b = 1, 0;
}
API int cuLaunchKernelEx(const void *c, void *f, void **p, void **e) {
  __atomic_add_fetch(&launches, 1, __ATOMIC_RELAXED);
  return 0;
}
API int cuLaunchKernel(void *f, unsigned gx, unsigned gy, unsigned gz,
                       unsigned bx, unsigned by, unsigned bz, unsigned shared,
                       void *stream, void **p, void **e) {
  __atomic_add_fetch(&launches, 1, __ATOMIC_RELAXED);
  return 0;
}
API int cuModuleLoadData(void **m, const void *code) {
  return memcmp(code, "\177ELF", 4) != 0 ? 200 : give(m);
}
API int cuModuleGetFunction(void **f, void *m, const char *name) {
  return give(f);
}
API int cuModuleUnload(void *m) { return 0; }
API int cuStreamCreate(void **s, unsigned f) { return give(s); }
API int cuStreamDestroy_v2(void *s) { return 0; }
API int cuStreamSynchronize(void *s) { return 0; }
API int cuStreamIsCapturing(void *s, int *status) { return *status = 0, 0; }
API int cuStreamBeginCapture_v2(void *s, int mode) { return 0; }
API int cuStreamEndCapture(void *s, void **g) { return give(g); }
API int cuGraphGetNodes(void *g, void *nodes, size_t *n) { return *n = 1, 0; }
API int cuGraphInstantiateWithFlags(void **e, void *g, unsigned long long f) {
  return give(e);
}
API int cuGraphLaunch(void *e, void *s) { return 0; }
API int cuGraphExecDestroy(void *e) { return 0; }
API int cuGraphDestroy(void *g) { return 0; }
API int cuEventCreate(void **e, unsigned f) { return give(e); }
API int cuEventDestroy_v2(void *e) { return 0; }
API int cuEventRecord(void *e, void *s) { return 0; }
API int cuEventElapsedTime(float *ms, void *a, void *b) { return *ms = 1, 0; }
