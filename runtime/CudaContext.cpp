// Retaining and entering the primary context.

#include "runtime/CudaContext.h"

namespace lath {

CudaContext::CudaContext(const cuda::Driver &driver, int ordinal)
    : driver(driver) {
  check(driver.init(0), "cuInit");
  int count = 0;
  check(driver.deviceGetCount(&count), "cuDeviceGetCount");
  if (ordinal < 0 || ordinal >= count)
    throw Error(ErrorKind::driver, "no CUDA device " + std::to_string(ordinal) +
                                       ": the driver has " +
                                       std::to_string(count));
  check(driver.deviceGet(&device, ordinal), "cuDeviceGet");
  check(driver.devicePrimaryCtxRetain(&context, device),
        "cuDevicePrimaryCtxRetain");
}

CudaContext::~CudaContext() { driver.devicePrimaryCtxRelease(device); }

ContextScope::ContextScope(const CudaContext &context) : context_(context) {
  context.check(context.driver.ctxGetCurrent(&previous_), "cuCtxGetCurrent");
  if (previous_ == context.context)
    return;
  context.check(context.driver.ctxSetCurrent(context.context),
                "cuCtxSetCurrent");
  changed_ = true;
}

ContextScope::ContextScope(const CudaContext &context, std::nothrow_t) noexcept
    : context_(context) {
  if (context.driver.ctxGetCurrent(&previous_) == cuda::CUDA_SUCCESS &&
      previous_ != context.context)
    changed_ =
        context.driver.ctxSetCurrent(context.context) == cuda::CUDA_SUCCESS;
}

ContextScope::~ContextScope() {
  if (changed_)
    context_.driver.ctxSetCurrent(previous_);
}

} // namespace lath
