// Catches what a call throws, so that a test can look at it.
#pragma once

#include "compiler/base/Error.h"

#include <catch2/catch.hpp>

#include <string>

namespace lath::test {

/// The Error that `call` throws; fails the test if it throws none.
template <typename Call> Error errorOf(Call &&call) {
  try {
    call();
  } catch (const Error &error) {
    return error;
  }
  FAIL("nothing was thrown");
  throw Error(ErrorKind::internal, "unreachable");
}

/// Its message alone.
template <typename Call> std::string messageOf(Call &&call) {
  return errorOf(call).message();
}

} // namespace lath::test
