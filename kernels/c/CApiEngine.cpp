// The C interface to the engine.
#include "kernels/c/CApiEngine.h"
#include "kernels/tune/Tuner.h"
#include "runtime/EmulatedDevice.h"

#include <fmt/format.h>

#include <atomic>

using namespace lath;
using namespace lath::c;

Policy lath::c::policyFrom(std::int32_t policy) {
  if (policy != LATH_POLICY_COMPILE && policy != LATH_POLICY_CACHED_ONLY)
    throw Error(ErrorKind::invalidInput,
                "policy is " + std::to_string(policy) + "; expected 0 or 1");
  return policy == LATH_POLICY_COMPILE ? Policy::compile : Policy::cachedOnly;
}

namespace {

constexpr std::size_t optionsBytes = 32, statsBytes = 56, tuneOptionsBytes = 48,
                      tuneReportBytes = 56;
static_assert(sizeof(lath_engine_options) == optionsBytes);
static_assert(sizeof(lath_stats) == statsBytes);
static_assert(sizeof(lath_tune_options) == tuneOptionsBytes);
static_assert(sizeof(lath_tune_report) == tuneReportBytes);

std::optional<Schedule> scheduleFrom(const char *text) {
  if (!text)
    return std::nullopt;
  return parseSchedule(text);
}

std::vector<GemmSpec> specsFrom(const lath_gemm_spec *specs, size_t count) {
  std::vector<GemmSpec> list;
  for (std::size_t i = 0; i < count; ++i) {
    // The caller's structs may be larger than this library's.
    const auto *at = reinterpret_cast<const char *>(&need(specs, "specs"));
    list.push_back(specFrom(
        reinterpret_cast<const lath_gemm_spec *>(at + i * specs->struct_size)));
  }
  return list;
}

Device &deviceOf(const lath_device *device) {
  return *need(device, "device").device;
}

} // namespace

lath_status lath_device_open_emulator(const char *target,
                                      lath_device **device) {
  return guarded([&] {
    need(device, "device");
    *device = new lath_device{openEmulator(&need(target, "target"))};
  });
}

lath_status lath_device_allocate(const lath_device *device, size_t bytes,
                                 lath_device_ptr *memory) {
  return guarded([&] {
    need(memory, "memory");
    *memory = deviceOf(device).allocate(bytes);
  });
}

void lath_device_release(const lath_device *device, lath_device_ptr memory) {
  if (device)
    device->device->free(memory);
}

lath_status lath_device_upload(const lath_device *device, lath_device_ptr to,
                               const void *from, size_t bytes) {
  return guarded([&] {
    if (bytes && !from)
      throw Error(ErrorKind::invalidInput, "from is null");
    deviceOf(device).upload(to, from, bytes);
  });
}

lath_status lath_device_download(const lath_device *device, void *to,
                                 lath_device_ptr from, size_t bytes) {
  return guarded([&] {
    if (bytes && !to)
      throw Error(ErrorKind::invalidInput, "to is null");
    deviceOf(device).synchronize();
    deviceOf(device).download(to, from, bytes);
  });
}

lath_status lath_engine_create(const lath_device *device,
                               const lath_engine_options *options,
                               lath_engine **engine) {
  return guarded([&] {
    need(engine, "engine");
    EngineOptions chosen;
    if (options) {
      lath_engine_options c =
          readStruct(options, "lath_engine_options", optionsBytes);
      chosen.policy = policyFrom(c.policy);
      chosen.threads = c.threads;
      if (c.memory_bytes)
        chosen.memoryBytes = c.memory_bytes;
      if (c.cache_folder) {
        chosen.disk = *c.cache_folder != 0;
        chosen.cache = cubinCacheOptions(environment());
        chosen.cache->folder = c.cache_folder;
        chosen.cache->noFolder.clear();
      }
    }
    *engine = new lath_engine(need(device, "device").device, chosen);
  });
}

void lath_engine_free(lath_engine *engine) { delete engine; }

lath_status lath_engine_set_policy(lath_engine *engine, lath_policy policy) {
  return guarded(
      [&] { need(engine, "engine").engine.setPolicy(policyFrom(policy)); });
}

lath_status lath_engine_gemm(lath_engine *engine, const lath_gemm_spec *spec,
                             const char *schedule, lath_kernel **kernel) {
  return guarded([&] {
    need(kernel, "kernel");
    *kernel = new lath_kernel(
        need(engine, "engine")
            .engine.gemm(specFrom(spec), scheduleFrom(schedule)));
  });
}

lath_status lath_engine_gemm_on(lath_engine *engine, lath_stream stream,
                                const lath_gemm_spec *spec,
                                const char *schedule, lath_kernel **kernel) {
  return guarded([&] {
    need(kernel, "kernel");
    *kernel = new lath_kernel(
        need(engine, "engine")
            .engine.gemmOn(stream, specFrom(spec), scheduleFrom(schedule)));
  });
}

lath_status lath_engine_nearest(const lath_engine *engine,
                                const lath_gemm_spec *spec,
                                lath_kernel **kernel) {
  return guarded([&] {
    need(kernel, "kernel");
    GemmSpec asked = specFrom(spec);
    Kernel found = need(engine, "engine").engine.nearest(asked);
    if (!found)
      throw Error(ErrorKind::notPrepared,
                  "no kernel in memory computes " + print(asked));
    *kernel = new lath_kernel(std::move(found));
  });
}

lath_status lath_engine_prepare(lath_engine *engine,
                                const lath_gemm_spec *specs, size_t count,
                                lath_kernel **kernels,
                                lath_prepare_callback callback, void *data) {
  return guarded([&] {
    std::vector<GemmSpec> list = specsFrom(specs, count);
    std::function<void(const PrepareProgress &)> progress;
    if (callback)
      progress = [&](const PrepareProgress &p) {
        lath_prepare_progress c{sizeof c, p.done, p.total, p.index,
                                p.error ? p.error->what() : nullptr};
        callback(&c, data);
      };
    std::vector<Kernel> made =
        need(engine, "engine").engine.prepare(list, progress);
    if (!kernels)
      return;
    std::vector<std::unique_ptr<lath_kernel>> handles;
    for (Kernel &kernel : made)
      handles.push_back(std::make_unique<lath_kernel>(std::move(kernel)));
    for (std::size_t i = 0; i < count; ++i)
      kernels[i] = handles[i].release();
  });
}

lath_status lath_engine_prepare_stream(lath_engine *engine,
                                       lath_stream stream) {
  return guarded([&] { need(engine, "engine").engine.prepareStream(stream); });
}

lath_status lath_engine_add_pack(lath_engine *engine, const char *path) {
  return guarded([&] {
    need(engine, "engine").engine.addPack(Pack::open(&need(path, "path")));
  });
}

lath_status lath_engine_stats(const lath_engine *engine, lath_stats *stats) {
  return guarded([&] {
    EngineStats s = need(engine, "engine").engine.stats();
    lath_stats c{};
    c.entries = s.entries;
    c.bytes = s.bytes;
    c.compiled = s.compiled;
    c.from_disk = s.fromDisk;
    c.from_packs = s.fromPacks;
    c.dropped = s.dropped;
    writeStruct(c, stats, "lath_stats", statsBytes);
  });
}

lath_status lath_engine_tune(lath_engine *engine, const lath_gemm_spec *specs,
                             size_t count, const lath_tune_options *options,
                             lath_tune_callback callback, void *data,
                             lath_tune_report *report) {
  return guarded([&] {
    if (report) // before the work: its result would be lost
      roomIn(report, "lath_tune_report", tuneReportBytes);
    TuneOptions chosen;
    std::string database;
    if (options) {
      lath_tune_options c =
          readStruct(options, "lath_tune_options", tuneOptionsBytes);
      if (c.candidates)
        chosen.candidates = c.candidates;
      if (!(c.budget_seconds >= 0))
        throw Error(ErrorKind::invalidInput,
                    fmt::format("budget_seconds is {:#}; expected 0 or more",
                                c.budget_seconds));
      chosen.budgetSeconds = c.budget_seconds;
      chosen.threads = c.threads;
      for (const char *const *word = c.worker; word && *word; ++word)
        chosen.worker.push_back(*word);
      if (c.database)
        database = c.database;
    }
    std::atomic<bool> stop = false;
    chosen.stop = &stop;
    if (callback)
      chosen.progress = [&](const TuneProgress &p) {
        lath_tune_progress c{sizeof c, p.done, p.total, p.what.c_str(),
                             p.secondsLeft};
        if (callback(&c, data))
          stop = true;
      };
    TuneReport all =
        need(engine, "engine")
            .engine.tune(specsFrom(specs, count), chosen, database);
    if (!report)
      return;
    lath_tune_report c{};
    c.problems = all.results.size();
    for (const TuneResult &r : all.results) {
      c.solved += r.winner.has_value();
      c.measured += r.measured;
      c.known += r.known;
      c.failed += r.failed;
    }
    c.stopped = all.stopped;
    writeStruct(c, report, "lath_tune_report", tuneReportBytes);
  });
}

const lath_device *lath_engine_device(const lath_engine *engine) {
  return engine ? &engine->device : nullptr;
}

int64_t lath_bucket_rows(int64_t m) {
  return m < 1 || m > maxRows ? 0 : bucketM(m);
}

const char *lath_kernel_ptx(const lath_kernel *kernel) {
  return kernel ? kernel->kernel.ptx().text.c_str() : "";
}
