/* The C interface of liblath on the emulator, and what a caller does wrong. */
#include <lath/lath_c.h>

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
static void fails(lath_status status, lath_status expected, const char *text) {
  if (status != expected || !strstr(lath_last_error(), text)) {
    fprintf(stderr,
            "wrong: status %s instead of %s, message '%s' without '%s'\n",
            lath_status_name(status), lath_status_name(expected),
            lath_last_error(), text);
    ++wrong;
  }
}

static lath_device_ptr upload(lath_device *device, const void *from,
                              size_t bytes) {
  lath_device_ptr memory = 0;
  check(lath_device_allocate(device, bytes, &memory) == LATH_OK, "allocate");
  check(lath_device_upload(device, memory, from, bytes) == LATH_OK, "upload");
  return memory;
}

static size_t reported;
static void progress(const lath_prepare_progress *p, void *data) {
  check(data == &reported && p->total == 2 && p->done == reported + 1 &&
            p->index < 2 && !p->error,
        "progress");
  ++reported;
}

int main(void) {
  lath_device *device = NULL;
  lath_engine *engine = NULL;
  lath_kernel *kernel = NULL, *second = NULL;
  check(lath_device_open_emulator("sm_90a", &device) == LATH_OK, "emulator");
  check(!strcmp(lath_device_target(device), "sm_90a"), "target");
  check(lath_engine_create(device, NULL, &engine) == LATH_OK, "engine");

  lath_gemm_spec spec = {.struct_size = sizeof spec};
  check(lath_gemm_spec_parse("m8n32k256s2", &spec) == LATH_OK, "parse");
  check(spec.m == 8 && spec.group == 128 && spec.split == 2, "parsed");
  /* A split that adds through memory, so that it has a workspace. */
  check(lath_engine_gemm(engine, &spec, "bm8bn32bk128w1st2s2", &kernel) ==
            LATH_OK,
        "gemm");
  check(lath_kernel_max_rows(kernel) == 8, "rows");
  check(strstr(lath_kernel_ptx(kernel), ".entry") != NULL, "ptx");

  uint16_t ones[8 * 256], out[8 * 32];
  uint32_t weights[256 / 8 * 32];
  for (size_t i = 0; i < 8 * 256; ++i)
    ones[i] = 0x3c00;
  memset(weights, 0x99, sizeof weights);
  memset(out, 0, sizeof out);
  lath_gemm_arguments a = {.struct_size = sizeof a};
  a.x = upload(device, ones, sizeof ones);
  a.qweight = upload(device, weights, sizeof weights);
  a.scales = upload(device, ones, 2 * 2 * 32);
  a.out = upload(device, out, sizeof out);
  check(lath_kernel_launch(kernel, NULL, &a) == LATH_OK, "launch of no rows");
  check(lath_device_download(device, out, a.out, sizeof out) == LATH_OK,
        "download");
  for (size_t i = 0; i < 8 * 32; ++i)
    check(out[i] == 0, "no rows are written");
  a.m = LATH_ALL_ROWS;
  check(lath_kernel_launch(kernel, NULL, &a) == LATH_OK, "launch");
  check(lath_device_download(device, out, a.out, sizeof out) == LATH_OK,
        "download");
  for (size_t i = 0; i < 8 * 32; ++i)
    check(out[i] == 0x5c00, "the product"); /* 256 in f16 */

  lath_workspace_size size = {.struct_size = sizeof size};
  check(lath_kernel_workspace(kernel, LATH_ALL_ROWS, &size) == LATH_OK,
        "workspace");
  check(size.tickets > 0 && size.workspace > 0 && !size.zeroed, "sizes");

  lath_gemm_spec both[2] = {spec, spec};
  both[1].n = 64;
  lath_kernel *prepared[2] = {NULL, NULL};
  check(lath_engine_prepare(engine, both, 2, prepared, progress, &reported) ==
            LATH_OK,
        "prepare");
  check(reported == 2, "progress of both");
  check(prepared[0] && prepared[1], "prepared");
  check(lath_engine_prepare_stream(engine, NULL) == LATH_OK, "stream");

  /* What a caller does wrong. */
  fails(lath_engine_gemm(engine, NULL, NULL, &second), LATH_INVALID_ARGUMENT,
        "lath_gemm_spec is null");
  fails(lath_engine_gemm(NULL, &spec, NULL, &second), LATH_INVALID_ARGUMENT,
        "engine is null");
  fails(lath_engine_gemm(engine, &spec, NULL, NULL), LATH_INVALID_ARGUMENT,
        "kernel is null");
  lath_gemm_spec bad = spec;
  bad.struct_size = 0;
  fails(lath_engine_gemm(engine, &bad, NULL, &second), LATH_INVALID_ARGUMENT,
        "struct_size is 0; expected sizeof(lath_gemm_spec) = 72");
  bad = spec;
  bad.n = 60;
  fails(lath_engine_gemm(engine, &bad, NULL, &second), LATH_INVALID_SPEC, "60");
  bad = spec;
  bad.x = 7;
  fails(lath_engine_gemm(engine, &bad, NULL, &second), LATH_INVALID_ARGUMENT,
        "lath_gemm_spec.x is 7; expected 0..1");
  fails(lath_engine_gemm(engine, &spec, "bm7", &second), LATH_INVALID_SPEC,
        "7");
  fails(lath_gemm_spec_parse("m8", &spec), LATH_INVALID_SPEC, "n");
  fails(lath_device_open_emulator("sm_1x", &device), LATH_UNSUPPORTED, "sm_1x");
  fails(lath_engine_add_pack(engine, "/nonexistent"), LATH_INVALID_ARGUMENT,
        "/nonexistent");
  check(second == NULL, "outputs of failures");
  /* A struct of a later version whose rest is zero, and one whose is not. */
  struct {
    lath_gemm_spec spec;
    int64_t later;
  } larger = {spec, 0};
  larger.spec.struct_size = sizeof larger;
  check(lath_engine_gemm(engine, &larger.spec, NULL, &second) == LATH_OK,
        "a larger struct");
  larger.later = 1;
  lath_kernel *third = NULL;
  fails(lath_engine_gemm(engine, &larger.spec, NULL, &third), LATH_UNSUPPORTED,
        "of 80 bytes says something that this library, whose has 72,");

  check(lath_engine_set_policy(engine, LATH_POLICY_CACHED_ONLY) == LATH_OK,
        "policy");
  bad = spec;
  bad.m = 5;
  bad.n = 128;
  fails(lath_engine_gemm(engine, &bad, NULL, &third), LATH_NOT_PREPARED,
        "may not compile");
  fails(lath_engine_nearest(engine, &bad, &third), LATH_NOT_PREPARED, "m5n128");
  bad.n = 32;
  check(lath_engine_nearest(engine, &bad, &third) == LATH_OK, "nearest");
  check(lath_kernel_max_rows(third) == 8, "nearest rows");
  a.x = 0;
  fails(lath_kernel_launch(third, NULL, &a), LATH_INVALID_ARGUMENT, "x is 0x0");

  /* Handles go in any order. */
  lath_engine_free(engine);
  lath_device_free(device);
  lath_kernel_free(kernel);
  lath_kernel_free(second);
  lath_kernel_free(third);
  lath_kernel_free(prepared[0]);
  lath_kernel_free(prepared[1]);
  lath_kernel_free(NULL);
  return wrong != 0;
}
