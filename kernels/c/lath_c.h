/* Lath for C and for languages that call C.
 *
 *   lath_device *device;
 *   if (lath_device_open_cuda(0, &device) != LATH_OK)
 *     return fail(lath_last_error());
 *
 * Two libraries have these functions: liblath_runtime, without a compiler, has
 * devices, packs and kernels; liblath has these and engines.
 *
 * Handles are opaque. What a function returns through a `lath_x **` is the
 * caller's and goes by lath_x_free (null is allowed); what a handle was made
 * from may be freed before it. Every function may be called from any thread;
 * handles may be shared between threads, but not freed while they are in use.
 *
 * Structs begin with their size: set it to sizeof. A library that is older than
 * the caller's header takes a larger struct where the rest of it is zero, a
 * newer one takes a smaller struct. Initialise them with zeros.
 *
 * A function that fails returns a status, leaves its output alone, and says why
 * in lath_last_error of the calling thread. */
#ifndef LATH_C_H
#define LATH_C_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define LATH_C_API __attribute__((visibility("default")))
#else
#define LATH_C_API
#endif

typedef enum lath_status {
  LATH_OK = 0,
  LATH_INVALID_ARGUMENT = 1, /* null, a size, a pointer, a file, rows */
  LATH_INVALID_SPEC = 2,     /* a spec or schedule that is impossible */
  LATH_UNSUPPORTED = 3,      /* well formed, but not for this device */
  LATH_COMPILE = 4,          /* generated code was rejected */
  LATH_TOOLCHAIN = 5,        /* no assembler */
  LATH_NOT_PREPARED = 6,     /* would have to be made now, and may not be */
  LATH_RETRY = 7,            /* driver: the same call may succeed later */
  LATH_CONTEXT_LOST = 8,     /* driver: start a new process */
  LATH_FATAL = 9,      /* driver: the same call will fail again; or no driver;
                        * or the process that measures ended */
  LATH_NO_MEMORY = 10, /* of the host */
  LATH_INTERNAL = 11   /* a bug in Lath */
} lath_status;

typedef struct lath_device lath_device;
typedef struct lath_pack lath_pack;
typedef struct lath_kernel lath_kernel;
typedef struct lath_engine lath_engine; /* liblath only */

typedef uint64_t lath_device_ptr; /* CUdeviceptr */
typedef void *lath_stream;        /* CUstream; null: the default stream */

/* "invalid spec" of LATH_INVALID_SPEC. Never null. */
LATH_C_API const char *lath_status_name(lath_status status);

/* Why the last call of this thread that failed did: a sentence, then notes, a
 * line each. Valid until this thread's next call of Lath. Never null. */
LATH_C_API const char *lath_last_error(void);

/* "0.1.0" */
LATH_C_API const char *lath_version(void);

/* Types of x, scales and out. */
typedef enum lath_dtype { LATH_F16 = 0, LATH_BF16 = 1 } lath_dtype;
/* Formats of weights (kernels/gemm/WeightFormat.h). Of 4 bits, by how qzeros
 * stores zero points: not at all (8), minus one, as they are. Of 8 bits,
 * signed, without zero points. */
typedef enum lath_zeros {
  LATH_ZEROS_SYMMETRIC = 0,
  LATH_ZEROS_V1 = 1,
  LATH_ZEROS_V2 = 2,
  LATH_WEIGHTS_S8 = 3
} lath_zeros;
/* The order of qweight: as GPTQ stores it, or packed by fragments
 * (docs/packed-weights.md). */
typedef enum lath_layout {
  LATH_LAYOUT_GPTQ = 0,
  LATH_LAYOUT_PACKED = 1
} lath_layout;
/* What the schedule is chosen for: a launch by itself, or back to back under
 * dependent launch, as in a captured graph (docs/tuning.md). Then no launch may
 * write what the next one has as qweight, scales, qzeros or bias. */
typedef enum lath_launches {
  LATH_LAUNCHES_ALONE = 0,
  LATH_LAUNCHES_CHAINED = 1
} lath_launches;
typedef enum lath_reduce {
  LATH_REDUCE_ORDERED = 0, /* the same bits on every launch */
  LATH_REDUCE_ATOMIC = 1,
  LATH_REDUCE_ATOMIC_OUT = 2,
  LATH_REDUCE_NONE = 3
} lath_reduce;

/* out[m,n] = x[m,k] * dequant(W)^T, as in kernels/gemm/GemmSpec.h. */
typedef struct lath_gemm_spec {
  size_t struct_size;
  int64_t m, n, k;
  int64_t group;    /* k values that share a scale; 0: 128 */
  int32_t split;    /* 0: the schedule chooses */
  int32_t x;        /* lath_dtype */
  int32_t zeros;    /* lath_zeros: the weights' format */
  int32_t reduce;   /* lath_reduce */
  int32_t layout;   /* lath_layout */
  int32_t launches; /* lath_launches */
  /* Done to each sum before it is rounded; 0: not. */
  int32_t bias;     /* 1: adds lath_gemm_arguments.bias */
  int32_t reserved; /* 0 */
} lath_gemm_spec;

/* From text, "m16n4096k4096g128s8,x=bf16"; spec->struct_size is set by the
 * caller. */
LATH_C_API lath_status lath_gemm_spec_parse(const char *text,
                                            lath_gemm_spec *spec);

/* In place of a number of rows: as many as the kernel was asked for. */
#define LATH_ALL_ROWS (-1)

/* Pointers of one launch, aligned to 16 bytes, and its rows. */
typedef struct lath_gemm_arguments {
  size_t struct_size;
  lath_device_ptr x;       /* [m, k] */
  lath_device_ptr qweight; /* i32 [k/8, n], of 8 bits [k/4, n], or packed */
  lath_device_ptr scales;  /* [k/group, n] */
  lath_device_ptr qzeros;  /* i32 [k/group, n/8]; unused if symmetric */
  lath_device_ptr out;     /* [m, n] */
  /* Rows, at most those of the kernel, or LATH_ALL_ROWS. With none, 0, a
   * launch reads and writes nothing. */
  int64_t m;
  /* Scratch memory of the caller's: both, or neither. */
  lath_device_ptr workspace, tickets;
  size_t workspace_bytes, ticket_bytes;
  lath_device_ptr bias; /* [n]; unused without lath_gemm_spec.bias */
} lath_gemm_arguments;

/* What a launch needs of it, in bytes. */
typedef struct lath_workspace_size {
  size_t struct_size;
  size_t tickets;   /* zero before the first launch; every launch zeroes it */
  size_t workspace; /* likewise if zeroed, else it may hold anything */
  int32_t zeroed;
} lath_workspace_size;

/* Devices. A GPU in its primary context, which CUDA's runtime and PyTorch use
 * as well. */
LATH_C_API lath_status lath_device_open_cuda(int ordinal, lath_device **device);
LATH_C_API void lath_device_free(lath_device *device);
/* "NVIDIA H200", and "sm_90a". Valid as long as the device. */
LATH_C_API const char *lath_device_name(const lath_device *device);
LATH_C_API const char *lath_device_target(const lath_device *device);

/* Packs: files of kernels, made by `lath pack`. The file is checked and mapped;
 * kernels are loaded as they are asked for. */
LATH_C_API lath_status lath_pack_open(const lath_device *device,
                                      const char *path, lath_pack **pack);
LATH_C_API void lath_pack_free(lath_pack *pack);
/* The kernel for a spec: that of the fewest rows, spec->m at least.
 * LATH_NOT_PREPARED where there is none. */
LATH_C_API lath_status lath_pack_gemm(const lath_pack *pack,
                                      const lath_gemm_spec *spec,
                                      lath_kernel **kernel);
/* For launches on a stream, which gets its workspace. While it is captured
 * nothing is loaded or allocated: LATH_NOT_PREPARED. */
LATH_C_API lath_status lath_pack_gemm_on(const lath_pack *pack,
                                         lath_stream stream,
                                         const lath_gemm_spec *spec,
                                         lath_kernel **kernel);
/* Loads all kernels for the device; count may be null. */
LATH_C_API lath_status lath_pack_load_all(const lath_pack *pack, size_t *count);
/* Gives a stream its workspace, so that launches allocate nothing. */
LATH_C_API lath_status lath_pack_prepare_stream(const lath_pack *pack,
                                                lath_stream stream);

/* Kernels. */
LATH_C_API void lath_kernel_free(lath_kernel *kernel);
/* Asynchronous; compiles and synchronises nothing. */
LATH_C_API lath_status lath_kernel_launch(const lath_kernel *kernel,
                                          lath_stream stream,
                                          const lath_gemm_arguments *arguments);
/* With m rows, or LATH_ALL_ROWS. */
LATH_C_API lath_status lath_kernel_workspace(const lath_kernel *kernel,
                                             int64_t m,
                                             lath_workspace_size *size);
/* The most rows of a launch; 0 of null. */
LATH_C_API int64_t lath_kernel_max_rows(const lath_kernel *kernel);
/* Text of its schedule, and of its spec with the rows of its bucket. Valid as
 * long as the kernel. */
LATH_C_API const char *lath_kernel_schedule(const lath_kernel *kernel);
LATH_C_API const char *lath_kernel_spec(const lath_kernel *kernel);

/* ---- The rest is in liblath only. ---- */

/* An emulated GPU, "sm_90a", for tests. */
LATH_C_API lath_status lath_device_open_emulator(const char *target,
                                                 lath_device **device);
/* Memory for programs that have no CUDA of their own, and tests. */
LATH_C_API lath_status lath_device_allocate(const lath_device *device,
                                            size_t bytes,
                                            lath_device_ptr *memory);
LATH_C_API void lath_device_release(const lath_device *device,
                                    lath_device_ptr memory);
LATH_C_API lath_status lath_device_upload(const lath_device *device,
                                          lath_device_ptr to, const void *from,
                                          size_t bytes);
/* Waits for the device first. */
LATH_C_API lath_status lath_device_download(const lath_device *device, void *to,
                                            lath_device_ptr from, size_t bytes);

typedef enum lath_policy {
  LATH_POLICY_COMPILE = 0,
  LATH_POLICY_CACHED_ONLY = 1
} lath_policy;

typedef struct lath_engine_options {
  size_t struct_size;
  int32_t policy;      /* lath_policy */
  uint32_t threads;    /* of lath_engine_prepare; 0: all cores */
  size_t memory_bytes; /* of kernels in memory; 0: 256 MB */
  /* Where kernels are kept on disk. Null: LATH_CACHE_DIR, else the user's
   * folder of caches, and only for GPUs; "": nowhere. Copied. */
  const char *cache_folder;
} lath_engine_options;

/* options may be null. */
LATH_C_API lath_status lath_engine_create(const lath_device *device,
                                          const lath_engine_options *options,
                                          lath_engine **engine);
LATH_C_API void lath_engine_free(lath_engine *engine);
LATH_C_API lath_status lath_engine_set_policy(lath_engine *engine,
                                              lath_policy policy);
/* From memory, packs, or compiled. schedule: text, or null: chosen. */
LATH_C_API lath_status lath_engine_gemm(lath_engine *engine,
                                        const lath_gemm_spec *spec,
                                        const char *schedule,
                                        lath_kernel **kernel);
/* For launches on a stream, which gets its workspace. While it is captured
 * nothing is made: LATH_NOT_PREPARED. */
LATH_C_API lath_status lath_engine_gemm_on(lath_engine *engine,
                                           lath_stream stream,
                                           const lath_gemm_spec *spec,
                                           const char *schedule,
                                           lath_kernel **kernel);
/* A kernel in memory that computes spec, made for as many rows or more;
 * LATH_NOT_PREPARED where there is none. */
LATH_C_API lath_status lath_engine_nearest(const lath_engine *engine,
                                           const lath_gemm_spec *spec,
                                           lath_kernel **kernel);

typedef struct lath_prepare_progress {
  size_t struct_size;
  size_t done, total;
  size_t index;      /* of the spec that is done */
  const char *error; /* why it failed; null: it did not */
} lath_prepare_progress;
typedef void (*lath_prepare_callback)(const lath_prepare_progress *progress,
                                      void *data);
/* Makes all kernels on all cores. `specs` are `count` structs of equal
 * struct_size. `kernels` may be null, or has room for count; on success each is
 * the caller's. `callback` may be null; it is called from one thread at a time
 * and must not throw. Where some fail the others are made all the same, and
 * the status is that of the first. */
LATH_C_API lath_status lath_engine_prepare(lath_engine *engine,
                                           const lath_gemm_spec *specs,
                                           size_t count, lath_kernel **kernels,
                                           lath_prepare_callback callback,
                                           void *data);
LATH_C_API lath_status lath_engine_prepare_stream(lath_engine *engine,
                                                  lath_stream stream);
/* Kernels of the pack's file are found from now on. */
LATH_C_API lath_status lath_engine_add_pack(lath_engine *engine,
                                            const char *path);

/* Counted since the engine was made; entries and bytes are those of now. */
typedef struct lath_stats {
  size_t struct_size;
  size_t entries, bytes; /* kernels in memory, and their size */
  uint64_t compiled, from_disk, from_packs;
  uint64_t dropped; /* from memory, for others */
} lath_stats;
LATH_C_API lath_status lath_engine_stats(const lath_engine *engine,
                                         lath_stats *stats);

typedef struct lath_tune_options {
  size_t struct_size;
  size_t candidates;     /* of each problem; 0: 48 */
  double budget_seconds; /* after which none is begun; 0: none */
  uint32_t threads;      /* that compile; 0: all cores */
  /* The command of a process that measures, by words, with null at the end:
   * {"/usr/bin/lath", "tune-worker", "--device", "cuda:0", NULL}. A candidate
   * that hangs or corrupts its context takes only that process along. Null:
   * this process measures. */
  const char *const *worker;
  /* Null: LATH_TUNING_DB, else the user's. */
  const char *database;
} lath_tune_options;

typedef struct lath_tune_progress {
  size_t struct_size;
  size_t done, total;  /* candidates, of all problems */
  const char *what;    /* "m16n4096k4096g128: 12 of 48 checked" */
  double seconds_left; /* estimated */
} lath_tune_progress;
/* Not 0 ends the tuning; what was measured is kept. */
typedef int (*lath_tune_callback)(const lath_tune_progress *progress,
                                  void *data);

typedef struct lath_tune_report {
  size_t struct_size;
  size_t problems;                /* of the specs; those that share one, once */
  size_t solved;                  /* that have a fastest schedule */
  size_t measured, known, failed; /* candidates; known: not measured again */
  int32_t stopped;                /* by the callback */
} lath_tune_report;

/* Measures schedules of `count` specs, structs of equal struct_size, and keeps
 * the times in the database, which requests without a schedule look in from
 * then on. `options`, `callback` and `report` may be null. Blocks until done;
 * the callback comes from this thread, between candidates, and must not throw.
 * LATH_NOT_PREPARED while a stream is captured. */
LATH_C_API lath_status lath_engine_tune(lath_engine *engine,
                                        const lath_gemm_spec *specs,
                                        size_t count,
                                        const lath_tune_options *options,
                                        lath_tune_callback callback, void *data,
                                        lath_tune_report *report);

/* The rows of the bucket that m belongs to: the least kernel for a launch with
 * so many. 0 where m is not in 1..65536. */
LATH_C_API int64_t lath_bucket_rows(int64_t m);

/* The device of an engine: valid as long as that, not to be freed. */
LATH_C_API const lath_device *lath_engine_device(const lath_engine *engine);

/* Engines that all of a process share, one for each device, for callers that
 * do not know of each other: bindings of languages, plug-ins. Made with the
 * default options when first asked for; not to be freed. A device is
 * "cuda:1", or an emulated GPU of a target, "emulator:sm_90a"; "cuda" is
 * "cuda:0", and "emulator" that of sm_90a, without checks. Null: the default
 * one. */
LATH_C_API lath_status lath_shared_engine(const char *device,
                                          lath_engine **engine);
/* "cuda:0" where there is a GPU or LATH_CUDA_DRIVER names a driver, else
 * "emulator". */
LATH_C_API const char *lath_default_device(void);
/* Of all shared engines, those that are made later too. */
LATH_C_API lath_status lath_shared_set_policy(lath_policy policy);

/* The order in memory of 4-bit weights (docs/packed-weights.md). Of qweight as
 * GPTQ stores it, `gptq_words` = k / 8 * n, to `packed_words` =
 * lath_packed_words(n, k), and back; in memory of the host, on all cores.
 * n and k are multiples of 8 in 8..2^20; else lath_packed_words is 0. */
LATH_C_API size_t lath_packed_words(int64_t n, int64_t k);
LATH_C_API lath_status lath_pack_weights(const uint32_t *gptq,
                                         size_t gptq_words, int64_t n,
                                         int64_t k, uint32_t *packed,
                                         size_t packed_words);
LATH_C_API lath_status lath_unpack_weights(const uint32_t *packed,
                                           size_t packed_words, int64_t n,
                                           int64_t k, uint32_t *gptq,
                                           size_t gptq_words);

/* The PTX of a kernel; empty where it came from a pack without it. Valid as
 * long as the kernel. */
LATH_C_API const char *lath_kernel_ptx(const lath_kernel *kernel);

#ifdef __cplusplus
}
#endif
#endif
