// What the two halves of the C interface share. Not for users.
#pragma once

#include "kernels/c/lath_c.h"
#include "kernels/launch/Kernel.h"
#include "kernels/pack/Pack.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <type_traits>

struct lath_device {
  std::shared_ptr<lath::Device> device;
};
struct lath_pack {
  lath::PackKernels kernels;
};
struct lath_kernel {
  explicit lath_kernel(lath::Kernel made)
      : kernel(std::move(made)), schedule(print(kernel.schedule())),
        spec(print(kernel.spec())) {}
  lath::Kernel kernel;
  std::string schedule, spec;
};

namespace lath::c {

/// Keeps the message for lath_last_error. Never throws.
lath_status failed(const Error &error) noexcept;
lath_status failed(lath_status status, const char *message) noexcept;

/// Runs `body`; an exception becomes a status. None passes into C.
template <class Body> lath_status guarded(Body &&body) noexcept {
  try {
    body();
    return LATH_OK;
  } catch (const Error &error) {
    return failed(error);
  } catch (const std::bad_alloc &) {
    return failed(LATH_NO_MEMORY, "not enough memory");
  } catch (const std::exception &error) {
    return failed(LATH_INTERNAL, error.what());
  } catch (...) {
    return failed(LATH_INTERNAL, "an unknown exception");
  }
}

/// Throws Error{invalidInput} where an argument that must be there is null.
template <class Type> Type &need(Type *pointer, const char *name) {
  if (!pointer)
    throw Error(ErrorKind::invalidInput, std::string(name) + " is null");
  return *pointer;
}

/// A copy of the caller's struct, whose size may differ from this library's:
/// what the caller lacks is zero, and what the library lacks has to be.
/// `least` bytes had the first version. Throws Error{invalidInput}.
template <class Struct>
Struct readStruct(const Struct *from, const char *name, std::size_t least) {
  static_assert(std::is_trivially_copyable_v<Struct>);
  const std::size_t size = need(from, name).struct_size;
  if (size < least || size > 4096)
    throw Error(ErrorKind::invalidInput,
                std::string(name) + ".struct_size is " + std::to_string(size) +
                    "; expected sizeof(" + name +
                    ") = " + std::to_string(sizeof(Struct)));
  const char *bytes = reinterpret_cast<const char *>(from);
  if (size > sizeof(Struct) && std::any_of(bytes + sizeof(Struct), bytes + size,
                                           [](char byte) { return byte != 0; }))
    throw Error(ErrorKind::unsupported,
                std::string(name) + " of " + std::to_string(size) +
                    " bytes says something that this library, whose has " +
                    std::to_string(sizeof(Struct)) + ", does not know");
  Struct copy{};
  std::memcpy(&copy, from, std::min(size, sizeof(Struct)));
  return copy;
}

/// Bytes of a caller's struct that will be written. Throws Error{invalidInput}
/// where it has less than the first version's.
template <class Struct>
std::size_t roomIn(const Struct *to, const char *name, std::size_t least) {
  const std::size_t size = need(to, name).struct_size;
  if (size < least)
    throw Error(ErrorKind::invalidInput,
                std::string(name) + ".struct_size is " + std::to_string(size) +
                    "; expected sizeof(" + name +
                    ") = " + std::to_string(sizeof(Struct)));
  return size;
}

/// Writes as much of `value` as the caller's struct has room for.
template <class Struct>
void writeStruct(Struct value, Struct *to, const char *name,
                 std::size_t least) {
  const std::size_t size = roomIn(to, name, least);
  value.struct_size = size;
  std::memcpy(to, &value, std::min(size, sizeof(Struct)));
}

GemmSpec specFrom(const lath_gemm_spec *spec);

/// Sizes of the structs' first versions. What came later stands behind.
inline constexpr std::size_t specBytes = 64, argumentsBytes = 88,
                             workspaceBytes = 32;
static_assert(offsetof(lath_gemm_spec, launches) + 4 == specBytes);
static_assert(offsetof(lath_gemm_arguments, ticket_bytes) + sizeof(size_t) ==
              argumentsBytes);
static_assert(sizeof(lath_workspace_size) == workspaceBytes);

} // namespace lath::c
