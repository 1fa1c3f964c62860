/* A deployment: a pack, liblath_runtime and a driver; no compiler.
 *
 *   runtime-consumer PACK DAMAGED-PACK
 *
 * LATH_CUDA_DRIVER names the driver of tests/install/FakeCuda.c. */
#include <lath/lath_c.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int wrong;
static void check(int holds, const char *what) {
  if (!holds) {
    fprintf(stderr, "wrong: %s: %s\n", what, lath_last_error());
    ++wrong;
  }
}

int main(int argc, char **argv) {
  if (argc != 3)
    return 2;
  lath_device *device = NULL;
  lath_pack *pack = NULL;
  lath_kernel *kernel = NULL, *none = NULL;
  check(lath_device_open_cuda(0, &device) == LATH_OK, "device");
  check(!strcmp(lath_device_name(device), "Fake GPU"), "name");
  check(lath_device_open_cuda(1, &device) == LATH_FATAL, "no such device");
  check(strstr(lath_last_error(), "no CUDA device 1") != NULL, "its message");

  check(lath_pack_open(device, argv[2], &pack) == LATH_INVALID_ARGUMENT,
        "a damaged pack");
  check(strstr(lath_last_error(), "checksum") != NULL, "its message");
  check(!pack, "no pack");
  check(lath_pack_open(device, argv[1], &pack) == LATH_OK, "pack");

  lath_gemm_spec spec = {.struct_size = sizeof spec, .m = 5, .n = 32, .k = 256};
  check(lath_pack_gemm(pack, &spec, &kernel) == LATH_OK, "gemm");
  check(lath_kernel_max_rows(kernel) == 8, "bucket");
  spec.n = 4096;
  check(lath_pack_gemm(pack, &spec, &none) == LATH_NOT_PREPARED, "no kernel");
  check(strstr(lath_last_error(), "n32k256") != NULL, "its shapes");
  spec.n = 33;
  check(lath_pack_gemm(pack, &spec, &none) == LATH_INVALID_SPEC, "no spec");

  lath_gemm_arguments a = {.struct_size = sizeof a,
                           .x = 0x1000,
                           .qweight = 0x2000,
                           .scales = 0x3000,
                           .out = 0x4000};
  check(lath_kernel_launch(kernel, NULL, &a) == LATH_OK, "no rows");
  a.m = LATH_ALL_ROWS;
  check(lath_kernel_launch(kernel, NULL, &a) == LATH_OK, "launch");
  a.m = 9;
  check(lath_kernel_launch(kernel, NULL, &a) == LATH_INVALID_ARGUMENT, "rows");
  lath_kernel *again = NULL;
  spec.n = 32;
  check(lath_pack_gemm_on(pack, NULL, &spec, &again) == LATH_OK, "gemm on");
  lath_kernel_free(again);
  size_t count = 0;
  check(lath_pack_load_all(pack, &count) == LATH_OK && count > 1, "all");

  /* The library is open already: this is the one that Lath called. */
  void *driver = dlopen(getenv("LATH_CUDA_DRIVER"), RTLD_NOW);
  int (*launches)(void) = (int (*)(void))dlsym(driver, "fake_cuda_launches");
  check(launches && launches() == 1, "the driver saw one launch");
  lath_device_free(device);
  lath_pack_free(pack);
  lath_kernel_free(kernel);
  return wrong != 0;
}
