// torch.ops.lath.linear: x @ dequant(W).T + bias, on the GPU that holds x by
// the engine that the process shares for it, on the CPU by its emulator.
//
// The schema and the fake are in lath/_ops.py. Arguments are tensors and plain
// numbers, so that graphs which hold them can be cached, pickled and loaded
// elsewhere.
#include "kernels/c/CApiEngine.h"
#include "python/ops/TorchTensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <atomic>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace lath::torch {

namespace {

[[noreturn]] void fail(std::string message) {
  throw Error(ErrorKind::invalidInput, std::move(message));
}

using Sizes = std::span<const std::int64_t>;

std::string text(Sizes sizes) {
  return fmt::format("[{}]", fmt::join(sizes, ", "));
}

/// Tensors and numbers of one call, as the schema has them.
struct Arguments {
  Tensor x, qweight, scales, qzeros, bias;
  std::int64_t group, format, layout;

  explicit Arguments(const Value *stack)
      : x(reinterpret_cast<Handle>(stack[0])),
        qweight(reinterpret_cast<Handle>(stack[1])),
        scales(reinterpret_cast<Handle>(stack[2])),
        qzeros(Tensor::optional(stack[3])), bias(Tensor::optional(stack[4])),
        group(static_cast<std::int64_t>(stack[5])),
        format(static_cast<std::int64_t>(stack[6])),
        layout(static_cast<std::int64_t>(stack[7])) {}
};

void expectSizes(const Tensor &tensor, const char *name, Sizes expected) {
  const Sizes sizes = tensor.sizes();
  if (!std::equal(sizes.begin(), sizes.end(), expected.begin(), expected.end()))
    fail(fmt::format("{} has shape {}; expected {}", name, text(sizes),
                     text(expected)));
}

void expectDtype(const Tensor &tensor, const char *name, std::int32_t expected,
                 const char *text) {
  if (tensor.dtype() != expected)
    fail(fmt::format("{} has another type; expected {}", name, text));
}

/// What belongs to a layer is made right once, not copied in every call.
void expectDense(const Tensor &tensor, const char *name) {
  if (!tensor.contiguous())
    fail(fmt::format("{} is not contiguous; expected weights as lath.pack and "
                     "lath.from_gptq return them",
                     name));
  if (!tensor.dense())
    fail(fmt::format("{} does not begin at a multiple of 16 bytes; clone it",
                     name));
}

/// The problem of a call, but for its rows. Throws Error{invalidInput} on
/// tensors that do not fit each other.
GemmSpec specOf(const Arguments &a) {
  const Shim &torch = Shim::get();
  GemmSpec spec;
  const std::int32_t dtype = a.x.dtype();
  if (dtype != torch.dtypeF16() && dtype != torch.dtypeBf16())
    fail("x is neither torch.float16 nor torch.bfloat16");
  spec.x = dtype == torch.dtypeF16() ? Dtype::f16 : Dtype::bf16;
  const char *dtypeText =
      spec.x == Dtype::f16 ? "torch.float16, x's" : "torch.bfloat16, x's";
  const WeightFormat *format = weightFormatNumbered(a.format);
  if (!format || format->bits() != 4)
    fail(fmt::format("format is {}; expected 0, 1 or 2", a.format));
  spec.w = format->codes;
  spec.zeros = format->zeros;
  if (a.layout < 0 || a.layout >= std::ssize(weightLayoutNames))
    fail(fmt::format("layout is {}; expected 0 or 1", a.layout));
  spec.layout = static_cast<WeightLayout>(a.layout);
  if (a.group < 1 || a.group > 1 << 20)
    fail(fmt::format("group is {}; expected 32, 64, 128 or K", a.group));
  spec.group = a.group;

  const Sizes scales = a.scales.sizes(), x = a.x.sizes();
  if (scales.size() != 2)
    fail(fmt::format("scales has shape {}; expected [K / group, N]",
                     text(scales)));
  spec.k = scales[0] * a.group;
  spec.n = scales[1];
  if (x.empty() || x.back() != spec.k)
    fail(fmt::format("x has shape {}; expected [..., {}] for weights of "
                     "{} x {}",
                     text(x), spec.k, spec.n, spec.k));
  if (spec.layout == WeightLayout::gptq)
    expectSizes(a.qweight, "qweight",
                std::array{spec.k / format->perWord(), spec.n});
  else
    expectSizes(a.qweight, "packed qweight",
                std::array<std::int64_t, 3>{(spec.k + 63) / 64,
                                            (spec.n + 15) / 16, 128});
  expectDtype(a.qweight, "qweight", torch.dtypeI32(), "torch.int32");
  expectDtype(a.scales, "scales", dtype, dtypeText);
  if (format->storesZeros() != bool(a.qzeros))
    fail(fmt::format("weights in format {} ({}) {} qzeros", format->name,
                     format->meaning,
                     format->storesZeros() ? "need" : "have no"));
  if (a.qzeros) {
    expectSizes(a.qzeros, "qzeros",
                std::array{scales[0], spec.n / format->perWord()});
    expectDtype(a.qzeros, "qzeros", torch.dtypeI32(), "torch.int32");
    expectDense(a.qzeros, "qzeros");
  }
  expectDense(a.qweight, "qweight");
  expectDense(a.scales, "scales");
  if (a.bias) {
    expectSizes(a.bias, "bias", std::array{spec.n});
    expectDtype(a.bias, "bias", dtype, dtypeText);
    spec.epilogue.bias = true;
  }
  const DeviceOf device = a.x.device();
  for (auto [tensor, name] :
       {std::pair(&a.qweight, "qweight"), std::pair(&a.scales, "scales"),
        std::pair(&a.qzeros, "qzeros"), std::pair(&a.bias, "bias")})
    if (*tensor && tensor->device() != device)
      fail(fmt::format("{} is on another device than x", name));
  return spec;
}

/// Kernels that calls have launched. They stay: a captured graph may hold one.
class Kept {
public:
  void keep(const Kernel &kernel) {
    const LoadedKernel *key = &kernel.loaded();
    {
      std::shared_lock lock(mutex_);
      if (kernels_.contains(key))
        return;
    }
    std::lock_guard lock(mutex_);
    kernels_.emplace(key, kernel);
  }

private:
  std::shared_mutex mutex_;
  std::unordered_map<const LoadedKernel *, Kernel> kernels_;
};

Kernel kernelFor(Engine &engine, Stream stream, const GemmSpec &spec) {
  static Kept &kept = *new Kept;
  Kernel kernel;
  try {
    kernel = engine.gemmOn(stream, spec);
  } catch (const Error &error) {
    if (error.kind() != ErrorKind::notPrepared)
      throw;
    // Who forbids to compile has a slower kernel rather than none; but not in
    // a graph, which would keep it.
    if (engine.policy() == Policy::cachedOnly &&
        !engine.device()->capturing(stream))
      kernel = engine.nearest(spec);
    if (!kernel) {
      std::vector<std::string> notes = error.notes();
      notes.push_back(
          fmt::format("lath.prepare(model, {}) before makes what is missing; "
                      "for a capture, under torch.cuda.stream of its stream",
                      spec.m));
      throw Error(error.kind(), error.message(), std::move(notes));
    }
  }
  kept.keep(kernel);
  return kernel;
}

DevicePtr address(const Tensor &tensor) {
  return tensor ? reinterpret_cast<DevicePtr>(tensor.data()) : 0;
}

/// Rows that one kernel takes after the other: few launches have more than one.
template <class Body> void forChunks(std::int64_t rows, const Body &body) {
  for (std::int64_t row = 0; row < rows; row += maxRows)
    body(row, std::min(maxRows, rows - row));
}

void launchOnGpu(GemmSpec spec, std::int64_t rows, const Arguments &a,
                 const Tensor &out) {
  static std::array<std::atomic<lath_engine *>, 64> engines{};
  const CudaShim &cuda = CudaShim::get();
  const std::int32_t index = a.x.device().index;
  auto &slot = engines[static_cast<std::size_t>(index) % engines.size()];
  lath_engine *engine = slot.load(std::memory_order_acquire);
  if (!engine) {
    engine = &c::sharedEngine(fmt::format("cuda:{}", index));
    slot.store(engine, std::memory_order_release);
  }
  void *stream = nullptr;
  done(cuda.currentStream(index, &stream), "current_stream");
  forChunks(rows, [&](std::int64_t row, std::int64_t count) {
    spec.m = count;
    kernelFor(engine->engine, stream, spec)
        .launch(stream, {.x = address(a.x) + 2 * row * spec.k,
                         .qweight = address(a.qweight),
                         .scales = address(a.scales),
                         .qzeros = address(a.qzeros),
                         .out = address(out) + 2 * row * spec.n,
                         .m = count,
                         .bias = address(a.bias)});
  });
}

std::size_t bytesOf(const Tensor &tensor, std::size_t each) {
  std::size_t bytes = each;
  for (std::int64_t size : tensor.sizes())
    bytes *= static_cast<std::size_t>(size);
  return bytes;
}

/// The same kernel on the emulator, whose memory is its own.
void launchOnCpu(GemmSpec spec, std::int64_t rows, const Arguments &a,
                 const Tensor &out) {
  lath_engine &engine = c::sharedEngine("emulator");
  const std::shared_ptr<Device> &device = engine.engine.device();
  auto uploaded = [&](const Tensor &tensor, std::size_t each) {
    if (!tensor)
      return DeviceBuffer();
    DeviceBuffer buffer(device, bytesOf(tensor, each));
    device->upload(buffer.get(), tensor.data(), buffer.bytes());
    return buffer;
  };
  const DeviceBuffer x = uploaded(a.x, 2), qweight = uploaded(a.qweight, 4),
                     scales = uploaded(a.scales, 2),
                     qzeros = uploaded(a.qzeros, 4), bias = uploaded(a.bias, 2),
                     sums(device, bytesOf(out, 2));
  forChunks(rows, [&](std::int64_t row, std::int64_t count) {
    spec.m = count;
    kernelFor(engine.engine, nullptr, spec)
        .launch(nullptr, {.x = x.get() + 2 * row * spec.k,
                          .qweight = qweight.get(),
                          .scales = scales.get(),
                          .qzeros = qzeros.get(),
                          .out = sums.get() + 2 * row * spec.n,
                          .m = count,
                          .bias = bias.get()});
  });
  device->synchronize();
  device->download(out.data(), sums.get(), sums.bytes());
}

/// The device of x is the current one as long as this lives.
class Guard {
public:
  explicit Guard(DeviceOf device) {
    if (device.type == Shim::get().deviceCuda())
      done(CudaShim::get().createGuard(device.index, &guard_), "device guard");
  }
  Guard(const Guard &) = delete;
  Guard &operator=(const Guard &) = delete;
  ~Guard() {
    if (guard_)
      CudaShim::get().deleteGuard(guard_);
  }

private:
  void *guard_ = nullptr;
};

Tensor linear(Arguments &a) {
  const GemmSpec spec = specOf(a);
  const DeviceOf device = a.x.device();
  Guard guard(device);
  const Sizes sizes = a.x.sizes();
  std::vector<std::int64_t> outSizes(sizes.begin(), sizes.end());
  outSizes.back() = spec.n;
  Tensor out = Tensor::empty(outSizes, a.x.dtype(), device);
  std::int64_t rows = 1;
  for (std::int64_t size : sizes.first(sizes.size() - 1))
    rows *= size;
  if (rows == 0)
    return out;
  for (Tensor *tensor : {&a.x, &a.bias})
    if (*tensor && !tensor->dense())
      *tensor = tensor->copy();
  if (device.type == Shim::get().deviceCuda())
    launchOnGpu(spec, rows, a, out);
  else
    launchOnCpu(spec, rows, a, out);
  return out;
}

/// What torch calls. Its exceptions are torch's own: those of another C++
/// library may not pass through it.
void linearBoxed(Value *stack, std::uint64_t, std::uint64_t) {
  static thread_local std::string message;
  const lath_status status = c::guarded([&] {
    Arguments arguments(stack);
    stack[0] = linear(arguments).release();
  });
  if (status == LATH_OK)
    return;
  message = std::string("lath.linear: ") + lath_last_error();
  Shim::get().check(false, "lath::linear", __FILE__, __LINE__, message.c_str());
}

} // namespace

Tensor Tensor::empty(Sizes sizes, std::int32_t dtype, DeviceOf device) {
  std::array<std::int64_t, 16> strides;
  if (sizes.size() > strides.size())
    fail(fmt::format("x has {} dimensions; expected at most {}", sizes.size(),
                     strides.size()));
  std::int64_t stride = 1;
  for (std::size_t i = sizes.size(); i-- > 0; stride *= sizes[i])
    strides[i] = stride;
  Handle handle;
  done(Shim::get().emptyStrided(static_cast<std::int64_t>(sizes.size()),
                                sizes.data(), strides.data(), dtype,
                                device.type, device.index, &handle),
       "empty_strided");
  return Tensor(handle);
}

} // namespace lath::torch

/// Gives torch.ops.lath.linear, whose schema is known to torch by now, its
/// implementations. Once for each process.
extern "C" LATH_C_API lath_status lath_torch_register(void) {
  using namespace lath::torch;
  return lath::c::guarded([] {
    const Shim &torch = Shim::get();
    // The version whose rules for values on the stack are kept: 2.11.
    constexpr std::uint64_t abi = 0x020B000000000000;
    for (const char *key : {"CPU", "CUDA"}) {
      Handle library = nullptr; // as long as the process
      done(torch.libraryImpl("lath", key, __FILE__, __LINE__, &library),
           "library_init_impl");
      done(torch.implement(library, "linear", linearBoxed, abi),
           "library_impl");
    }
  });
}
