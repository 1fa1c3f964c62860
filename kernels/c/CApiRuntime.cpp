// The C interface without a compiler: devices, packs, kernels. Compiled into
// both libraries.
#include "kernels/c/CApi.h"

#include "LathVersion.h"
#include "runtime/CudaDevice.h"

#include <fmt/format.h>

using namespace lath;
using namespace lath::c;

namespace lath::c {

static thread_local std::string lastError;

lath_status failed(lath_status status, const char *message) noexcept {
  try {
    lastError = message;
  } catch (...) {
    lastError.clear(); // not even memory for the message
  }
  return status;
}

static lath_status statusOf(const Error &error) {
  switch (error.kind()) {
  case ErrorKind::invalidSpec:
  case ErrorKind::invalidProgram:
    return LATH_INVALID_SPEC;
  case ErrorKind::unsupported:
    return LATH_UNSUPPORTED;
  case ErrorKind::invalidInput:
    return LATH_INVALID_ARGUMENT;
  case ErrorKind::compile:
    return LATH_COMPILE;
  case ErrorKind::toolchain:
    return LATH_TOOLCHAIN;
  case ErrorKind::notPrepared:
    return LATH_NOT_PREPARED;
  case ErrorKind::driver:
    return error.fault() == Fault::retry         ? LATH_RETRY
           : error.fault() == Fault::contextLost ? LATH_CONTEXT_LOST
                                                 : LATH_FATAL;
  case ErrorKind::mismatch:
  case ErrorKind::internal:
    return LATH_INTERNAL;
  }
  return LATH_INTERNAL;
}

lath_status failed(const Error &error) noexcept {
  try {
    std::string message = error.message();
    for (const std::string &note : error.notes())
      message += "\n" + note;
    return failed(statusOf(error), message.c_str());
  } catch (...) {
    return failed(statusOf(error), error.what());
  }
}

/// Throws Error{invalidInput}: `which` is none of a member's `count` values.
[[noreturn]] static void failOutside(const char *name, std::int32_t which,
                                     std::int64_t count) {
  throw Error(ErrorKind::invalidInput, std::string("lath_gemm_spec.") + name +
                                           " is " + std::to_string(which) +
                                           "; expected 0.." +
                                           std::to_string(count - 1));
}

/// One of the values of an enumeration. Throws Error{invalidInput}.
template <class Value, std::size_t count>
static Value choose(std::int32_t which, const char *name,
                    const Value (&values)[count]) {
  if (which < 0 || which >= static_cast<std::int32_t>(count))
    failOutside(name, which, count);
  return values[which];
}

static_assert(weightFormatNumbered(LATH_ZEROS_SYMMETRIC)->name == "u4" &&
              weightFormatNumbered(LATH_ZEROS_V1)->name == "u4z1" &&
              weightFormatNumbered(LATH_ZEROS_V2)->name == "u4z" &&
              weightFormatNumbered(LATH_WEIGHTS_S8)->name == "s8" &&
              name(WeightLayout(LATH_LAYOUT_GPTQ)) == "gptq" &&
              name(WeightLayout(LATH_LAYOUT_PACKED)) == "packed");

static constexpr Dtype dtypes[] = {Dtype::f16, Dtype::bf16};
static constexpr Reduce reductions[] = {Reduce::ordered, Reduce::atomic,
                                        Reduce::atomicOut, Reduce::none};

static_assert(reductions[LATH_REDUCE_ORDERED] == Reduce::ordered &&
              reductions[LATH_REDUCE_ATOMIC] == Reduce::atomic &&
              reductions[LATH_REDUCE_ATOMIC_OUT] == Reduce::atomicOut &&
              reductions[LATH_REDUCE_NONE] == Reduce::none);

static constexpr Launches launchKinds[] = {Launches::alone, Launches::chained};

/// The steps of an epilogue in C, in the order of epilogueSteps.
static constexpr std::array<std::int32_t lath_gemm_spec::*,
                            epilogueSteps.size()>
    epilogueFields = {&lath_gemm_spec::bias};
static_assert(std::find(epilogueFields.begin(), epilogueFields.end(),
                        nullptr) == epilogueFields.end());

GemmSpec specFrom(const lath_gemm_spec *from) {
  lath_gemm_spec c = readStruct(from, "lath_gemm_spec", specBytes);
  GemmSpec spec;
  spec.m = c.m;
  spec.n = c.n;
  spec.k = c.k;
  spec.group = c.group ? c.group : 128;
  spec.split = c.split;
  spec.x = choose(c.x, "x", dtypes);
  const WeightFormat *format = weightFormatNumbered(c.zeros);
  if (!format)
    failOutside("zeros", c.zeros, std::ssize(weightFormats));
  spec.w = format->codes;
  spec.zeros = format->zeros;
  spec.reduce = choose(c.reduce, "reduce", reductions);
  if (c.layout < 0 || c.layout >= std::ssize(weightLayoutNames))
    failOutside("layout", c.layout, std::ssize(weightLayoutNames));
  spec.layout = static_cast<WeightLayout>(c.layout);
  spec.launches = choose(c.launches, "launches", launchKinds);
  for (std::size_t i = 0; i < epilogueSteps.size(); ++i) {
    const EpilogueStep &step = epilogueSteps[i];
    const std::int32_t value = c.*epilogueFields[i];
    if (value < 0 || value >= std::ssize(step.words))
      throw Error(ErrorKind::invalidInput,
                  fmt::format("lath_gemm_spec.{} is {}; expected 0..{}",
                              step.key, value, step.words.size() - 1));
    step.set(spec.epilogue, value);
  }
  if (c.reserved)
    throw Error(
        ErrorKind::unsupported,
        fmt::format("lath_gemm_spec.reserved is {}; expected 0", c.reserved));
  return spec;
}

/// The operands of a launch in C.
struct Argument {
  DevicePtr GemmArguments::*to;
  lath_device_ptr lath_gemm_arguments::*from;
};
static constexpr Argument operands[] = {
    {&GemmArguments::x, &lath_gemm_arguments::x},
    {&GemmArguments::qweight, &lath_gemm_arguments::qweight},
    {&GemmArguments::scales, &lath_gemm_arguments::scales},
    {&GemmArguments::qzeros, &lath_gemm_arguments::qzeros},
    {&GemmArguments::out, &lath_gemm_arguments::out},
    {&GemmArguments::bias, &lath_gemm_arguments::bias},
};
static_assert(std::size(operands) == gemmOperands.size());
static_assert([] {
  for (std::size_t i = 0; i < gemmOperands.size(); ++i)
    if (operands[i].to != gemmOperands[i].argument)
      return false;
  return true;
}());

static std::optional<std::int64_t> rowsFrom(std::int64_t m) {
  return m == LATH_ALL_ROWS ? std::nullopt : std::optional(m);
}

template <class Value, std::size_t count>
static std::int32_t indexOf(Value value, const Value (&values)[count]) {
  return static_cast<std::int32_t>(std::find(values, values + count, value) -
                                   values);
}

} // namespace lath::c

const char *lath_status_name(lath_status status) {
  switch (status) {
  case LATH_OK:
    return "ok";
  case LATH_INVALID_ARGUMENT:
    return "invalid argument";
  case LATH_INVALID_SPEC:
    return "invalid spec";
  case LATH_UNSUPPORTED:
    return "unsupported";
  case LATH_COMPILE:
    return "compile error";
  case LATH_TOOLCHAIN:
    return "tool chain";
  case LATH_NOT_PREPARED:
    return "not prepared";
  case LATH_RETRY:
    return "retry";
  case LATH_CONTEXT_LOST:
    return "context lost";
  case LATH_FATAL:
    return "fatal";
  case LATH_NO_MEMORY:
    return "not enough memory";
  case LATH_INTERNAL:
    return "internal error";
  }
  return "unknown status";
}

const char *lath_last_error(void) { return lastError.c_str(); }
const char *lath_version(void) { return build::version; }

lath_status lath_gemm_spec_parse(const char *text, lath_gemm_spec *spec) {
  return guarded([&] {
    GemmSpec parsed = parseGemmSpec(&need(text, "text"));
    lath_gemm_spec c{};
    c.m = parsed.m;
    c.n = parsed.n;
    c.k = parsed.k;
    c.group = parsed.group;
    c.split = parsed.split;
    c.x = indexOf(parsed.x, dtypes);
    c.zeros = weightFormat(parsed).number;
    c.reduce = indexOf(parsed.reduce, reductions);
    c.layout = static_cast<std::int32_t>(parsed.layout);
    c.launches = indexOf(parsed.launches, launchKinds);
    for (std::size_t i = 0; i < epilogueSteps.size(); ++i)
      c.*epilogueFields[i] = epilogueSteps[i].get(parsed.epilogue);
    // What a caller's older struct has no room for must not be lost.
    const char *bytes = reinterpret_cast<const char *>(&c);
    if (const std::size_t size = need(spec, "lath_gemm_spec").struct_size;
        size >= specBytes && size < sizeof c &&
        std::any_of(
            bytes + size, bytes + sizeof c,
            [](char byte) { return byte != 0; }))
      throw Error(ErrorKind::unsupported,
                  fmt::format("lath_gemm_spec of {} bytes has no room for all "
                              "that '{}' says; expected {}",
                              size, text, sizeof c));
    writeStruct(c, spec, "lath_gemm_spec", specBytes);
  });
}

lath_status lath_device_open_cuda(int ordinal, lath_device **device) {
  return guarded([&] {
    need(device, "device");
#ifdef LATH_RUNTIME_ONLY
    auto opened = openCuda(cuda::systemDriver(), {}, ordinal);
#else
    auto opened = openCuda(ordinal);
#endif
    *device = new lath_device{std::move(opened)};
  });
}

void lath_device_free(lath_device *device) { delete device; }
const char *lath_device_name(const lath_device *device) {
  return device ? device->device->info().name.c_str() : "";
}
const char *lath_device_target(const lath_device *device) {
  return device ? device->device->info().target.c_str() : "";
}

lath_status lath_pack_open(const lath_device *device, const char *path,
                           lath_pack **pack) {
  return guarded([&] {
    auto file = Pack::open(&need(path, "path"));
    PackKernels kernels(need(device, "device").device, std::move(file));
    need(pack, "pack");
    *pack = new lath_pack{std::move(kernels)};
  });
}

void lath_pack_free(lath_pack *pack) { delete pack; }

lath_status lath_pack_gemm(const lath_pack *pack, const lath_gemm_spec *spec,
                           lath_kernel **kernel) {
  return guarded([&] {
    need(kernel, "kernel");
    *kernel = new lath_kernel(need(pack, "pack").kernels.gemm(specFrom(spec)));
  });
}

lath_status lath_pack_gemm_on(const lath_pack *pack, lath_stream stream,
                              const lath_gemm_spec *spec,
                              lath_kernel **kernel) {
  return guarded([&] {
    need(kernel, "kernel");
    *kernel = new lath_kernel(
        need(pack, "pack").kernels.gemmOn(stream, specFrom(spec)));
  });
}

lath_status lath_pack_load_all(const lath_pack *pack, size_t *count) {
  return guarded([&] {
    std::size_t loaded = need(pack, "pack").kernels.loadAll();
    if (count)
      *count = loaded;
  });
}

lath_status lath_pack_prepare_stream(const lath_pack *pack,
                                     lath_stream stream) {
  return guarded([&] { need(pack, "pack").kernels.prepareStream(stream); });
}

void lath_kernel_free(lath_kernel *kernel) { delete kernel; }

lath_status lath_kernel_launch(const lath_kernel *kernel, lath_stream stream,
                               const lath_gemm_arguments *arguments) {
  return guarded([&] {
    lath_gemm_arguments c =
        readStruct(arguments, "lath_gemm_arguments", argumentsBytes);
    GemmArguments a;
    for (const Argument &argument : operands)
      a.*argument.to = c.*argument.from;
    a.m = rowsFrom(c.m);
    a.workspace = c.workspace;
    a.tickets = c.tickets;
    a.workspaceBytes = c.workspace_bytes;
    a.ticketBytes = c.ticket_bytes;
    need(kernel, "kernel").kernel.launch(stream, a);
  });
}

lath_status lath_kernel_workspace(const lath_kernel *kernel, int64_t m,
                                  lath_workspace_size *size) {
  return guarded([&] {
    WorkspaceSize needed = need(kernel, "kernel").kernel.workspace(rowsFrom(m));
    lath_workspace_size c{};
    c.tickets = needed.tickets;
    c.workspace = needed.workspace;
    c.zeroed = needed.zeroed;
    writeStruct(c, size, "lath_workspace_size", workspaceBytes);
  });
}

int64_t lath_kernel_max_rows(const lath_kernel *kernel) {
  return kernel ? kernel->kernel.spec().m : 0;
}
const char *lath_kernel_schedule(const lath_kernel *kernel) {
  return kernel ? kernel->schedule.c_str() : "";
}
const char *lath_kernel_spec(const lath_kernel *kernel) {
  return kernel ? kernel->spec.c_str() : "";
}
