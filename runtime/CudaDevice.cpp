// Device on the CUDA driver: memory, loading.

#include "runtime/CudaDevice.h"

#include "runtime/CudaInfo.h"
#include "runtime/CudaKernel.h"
#include "runtime/CudaTiming.h"

namespace lath {

using namespace cuda;

/// Some virtual GPUs have none.
static bool hasMemoryPools(const CudaContext &context) {
  int has = 0;
  return context.driver.deviceGetAttribute(
             &has, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED,
             context.device) == CUDA_SUCCESS &&
         has;
}

namespace {

class CudaDevice final : public Device {
public:
  CudaDevice(const Driver &driver, Assembler assembler, int ordinal,
             std::function<std::string()> identity)
      : context_(std::make_shared<const CudaContext>(driver, ordinal)),
        assembler_(std::move(assembler)), identity_(std::move(identity)),
        info_(readDeviceInfo(context_->driver, context_->device)),
        hasPools_(hasMemoryPools(*context_)) {}

  const DeviceInfo &info() const override { return info_; }

  DevicePtr allocate(std::size_t bytes) override {
    if (bytes == 0)
      return 0;
    ContextScope scope(*context_);
    CUdeviceptr memory = 0;
    CUresult result = driver().memAlloc(&memory, bytes);
    if (result != CUDA_SUCCESS)
      throw driverError(driver(), result, "cuMemAlloc",
                        std::to_string(bytes) + " bytes");
    return memory;
  }

  DevicePtr allocateOn(Stream stream, std::size_t bytes) override {
    if (bytes == 0 || !hasPools_)
      return allocate(bytes);
    ContextScope scope(*context_);
    CUdeviceptr memory = 0;
    CUresult result =
        driver().memAllocAsync(&memory, bytes, static_cast<CUstream>(stream));
    if (result != CUDA_SUCCESS)
      throw driverError(driver(), result, "cuMemAllocAsync",
                        std::to_string(bytes) + " bytes");
    return memory;
  }

  bool capturing(Stream stream) override {
    ContextScope scope(*context_);
    CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
    CUresult result =
        driver().streamIsCapturing(static_cast<CUstream>(stream), &status);
    if (result == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT)
      return true;
    context_->check(result, "cuStreamIsCapturing");
    return status != CU_STREAM_CAPTURE_STATUS_NONE;
  }

  void free(DevicePtr memory) noexcept override {
    if (!memory)
      return;
    ContextScope scope(*context_, std::nothrow);
    // An error here is one of an earlier launch, which the next call reports
    // again, or the driver has shut down with the process.
    driver().memFree(memory);
  }

  void upload(DevicePtr to, const void *from, std::size_t bytes) override {
    if (bytes == 0)
      return;
    ContextScope scope(*context_);
    context_->check(driver().memcpyHtoD(to, from, bytes), "cuMemcpyHtoD");
    // From pageable memory the copy may still be on its way, and a stream that
    // does not synchronise with this one would overtake it.
    context_->check(driver().streamSynchronize(nullptr), "cuStreamSynchronize");
  }

  void download(void *to, DevicePtr from, std::size_t bytes) override {
    if (bytes == 0)
      return;
    ContextScope scope(*context_);
    context_->check(driver().memcpyDtoH(to, from, bytes), "cuMemcpyDtoH");
  }

  void fill(DevicePtr to, unsigned char value, std::size_t bytes,
            Stream stream) override {
    if (bytes == 0)
      return;
    ContextScope scope(*context_);
    context_->check(
        driver().memsetD8Async(to, value, bytes, static_cast<CUstream>(stream)),
        "cuMemsetD8Async");
  }

  void synchronize() override {
    ContextScope scope(*context_);
    context_->check(driver().ctxSynchronize(), "cuCtxSynchronize");
  }

  std::shared_ptr<const LoadedKernel> load(const Ptx &ptx) override {
    return loadAssembled(ptx, assemble(ptx));
  }

  std::vector<char> assemble(const Ptx &ptx) override {
    if (!assembler_)
      return {};
    std::optional<Cubin> cubin = assembler_(ptx);
    return cubin ? std::move(cubin->bytes) : std::vector<char>();
  }

  std::optional<std::string> assembler() const override {
    if (!identity_)
      return std::nullopt;
    std::string identity = identity_();
    return identity.empty() ? "driver " + info_.driverText : identity;
  }

  bool takesMachineCode() const override { return true; }

  std::shared_ptr<const LoadedKernel>
  loadAssembled(const Ptx &ptx, std::span<const char> cubin) override {
    try {
      return std::make_shared<const CudaKernel>(context_, ptx, cubin);
    } catch (const Error &error) {
      std::vector<std::string> notes = error.notes();
      notes.push_back("the device is " + info_.name + ", " + info_.target +
                      ", driver " + info_.driverText);
      throw Error(error.kind(), error.message(), std::move(notes),
                  error.fault());
    }
  }

  std::vector<double> timeGraph(const std::function<void(Stream)> &work,
                                int warmups, int replays) override {
    return timeGraphs({&work, 1}, warmups, replays).front();
  }

  std::vector<std::vector<double>>
  timeGraphs(std::span<const std::function<void(Stream)>> works, int warmups,
             int replays) override {
    return timeGraphsOnGpu(*context_, works, warmups, replays);
  }

private:
  const Driver &driver() const { return context_->driver; }

  std::shared_ptr<const CudaContext> context_;
  Assembler assembler_;
  std::function<std::string()> identity_;
  DeviceInfo info_;
  bool hasPools_;
};

} // namespace

std::shared_ptr<Device> openCuda(const Driver &driver, Assembler assembler,
                                 int ordinal,
                                 std::function<std::string()> identity) {
  return std::make_shared<CudaDevice>(driver, std::move(assembler), ordinal,
                                      std::move(identity));
}

int cudaDeviceCount() {
  try {
    const Driver &driver = systemDriver();
    int count = 0;
    check(driver, driver.init(0), "cuInit");
    check(driver, driver.deviceGetCount(&count), "cuDeviceGetCount");
    return count;
  } catch (const Error &) {
    return 0;
  }
}

} // namespace lath
