// What a lath_engine is. Not for users.
#pragma once

#include "kernels/c/CApi.h"
#include "kernels/engine/Engine.h"

#include <string_view>

struct lath_engine {
  explicit lath_engine(std::shared_ptr<lath::Device> on,
                       const lath::EngineOptions &options = {})
      : device{on}, engine(std::move(on), options) {}
  lath_device device;
  lath::Engine engine;
};

namespace lath::c {

/// The engine that the process shares for a device: "cuda:1", "cuda",
/// "emulator:sm_80", "emulator". Made when first asked for; lives as long as
/// the process. Thread safe. Throws Error{invalidInput} on other names, and as
/// openCuda and openEmulator.
lath_engine &sharedEngine(std::string_view device);

/// Of an lath_policy. Throws Error{invalidInput} on any other number.
Policy policyFrom(std::int32_t policy);

} // namespace lath::c
