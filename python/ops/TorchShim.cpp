#include "python/ops/TorchShim.h"

#include "compiler/base/Error.h"

#include <dlfcn.h>
#include <string>

namespace lath::torch {

namespace {

/// A library that is loaded already.
class Loaded {
public:
  explicit Loaded(const char *name)
      : name_(name), library_(dlopen(name, RTLD_LAZY | RTLD_NOLOAD)) {
    if (!library_)
      throw Error(ErrorKind::unsupported,
                  std::string(name) + " is not loaded; import torch first");
  }

  template <class Function>
  void find(Function *&function, const char *symbol) const {
    function = reinterpret_cast<Function *>(dlsym(library_, symbol));
    if (!function)
      throw Error(ErrorKind::unsupported, std::string(name_) + " has no " +
                                              symbol +
                                              "; expected torch 2.10 or later");
  }

private:
  const char *name_;
  void *library_;
};

} // namespace

const Shim &Shim::get() {
  static const Shim shim = [] {
    Shim s;
    Loaded torch("libtorch_cpu.so");
    torch.find(s.deviceCpu, "aoti_torch_device_type_cpu");
    torch.find(s.deviceCuda, "aoti_torch_device_type_cuda");
    torch.find(s.dtypeF16, "aoti_torch_dtype_float16");
    torch.find(s.dtypeBf16, "aoti_torch_dtype_bfloat16");
    torch.find(s.dtypeI32, "aoti_torch_dtype_int32");
    torch.find(s.getDataPtr, "aoti_torch_get_data_ptr");
    torch.find(s.getDim, "aoti_torch_get_dim");
    torch.find(s.getSizes, "aoti_torch_get_sizes");
    torch.find(s.getDtype, "aoti_torch_get_dtype");
    torch.find(s.getDeviceType, "aoti_torch_get_device_type");
    torch.find(s.getDeviceIndex, "aoti_torch_get_device_index");
    torch.find(s.isContiguous, "aoti_torch_is_contiguous");
    torch.find(s.emptyStrided, "aoti_torch_empty_strided");
    torch.find(s.copyInto, "aoti_torch_copy_");
    torch.find(s.deleteTensor, "aoti_torch_delete_tensor_object");
    torch.find(s.libraryImpl, "aoti_torch_library_init_impl");
    torch.find(s.implement, "torch_library_impl");
    torch.find(s.check, "aoti_torch_check");
    return s;
  }();
  return shim;
}

const CudaShim &CudaShim::get() {
  static const CudaShim shim = [] {
    CudaShim s;
    Loaded torch("libtorch_cuda.so");
    torch.find(s.currentStream, "aoti_torch_get_current_cuda_stream");
    torch.find(s.createGuard, "aoti_torch_create_cuda_guard");
    torch.find(s.deleteGuard, "aoti_torch_delete_cuda_guard");
    return s;
  }();
  return shim;
}

} // namespace lath::torch
