// Opening the driver, and the text of its errors.

#include <catch2/catch.hpp>

#include "FakeDriver.h"
#include "runtime/Driver.h"

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;

TEST_CASE("a failed driver call names the call and the CUDA error",
          "[runtime]") {
  Driver driver = fakeDriver();
  CHECK_NOTHROW(check(driver, CUDA_SUCCESS, "cuMemAlloc"));
  Error error =
      driverError(driver, CUDA_ERROR_OUT_OF_MEMORY, "cuMemAlloc", "64 bytes");
  CHECK(error.kind() == ErrorKind::driver);
  CHECK(error.message() == "cuMemAlloc failed: CUDA_ERROR_OUT_OF_MEMORY (2, "
                           "out of memory): 64 bytes");
  CHECK_THROWS_AS(check(driver, CUDA_ERROR_OUT_OF_MEMORY, "cuMemAlloc"), Error);
}

TEST_CASE("an error that the driver cannot name keeps its number",
          "[runtime]") {
  Driver driver = fakeDriver();
  Error error = driverError(driver, CUresult(987), "cuInit");
  CHECK_THAT(error.message(), Contains("cuInit") && Contains("987"));
}

TEST_CASE("a missing driver library is a driver error that says so",
          "[runtime]") {
  Environment environment;
  environment.cudaDriver = "/nonexistent/libcuda.so.1";
  try {
    openDriver(environment);
    FAIL("opened a driver that is not there");
  } catch (const Error &error) {
    CHECK(error.kind() == ErrorKind::driver);
    CHECK_THAT(error.message(), Contains("LATH_CUDA_DRIVER") &&
                                    Contains("/nonexistent/libcuda.so.1"));
  }
  try {
    openDriver(Environment());
  } catch (const Error &error) { // this machine has no driver
    CHECK(error.kind() == ErrorKind::driver);
    CHECK_THAT(error.message(), Contains("libcuda.so.1 not found: "));
    CHECK(error.notes().size() == 1);
  }
}

TEST_CASE("a library that is no CUDA driver is refused by the missing call",
          "[runtime]") {
  Environment environment;
  environment.cudaDriver = "libm.so.6";
  try {
    openDriver(environment);
    FAIL("took the maths library for a driver");
  } catch (const Error &error) {
    CHECK(error.kind() == ErrorKind::driver);
    CHECK_THAT(error.message(),
               Contains("has no cuInit") && Contains("CUDA 12.0"));
  }
}

TEST_CASE("every symbol that the driver table needs is in NVIDIA's stub",
          "[runtime]") {
  Environment environment;
  environment.cudaDriver = "/usr/local/cuda/lib64/stubs/libcuda.so";
  try {
    Driver driver = openDriver(environment);
    CHECK(driver.init != nullptr);
    CHECK(driver.funcLoad != nullptr);
  } catch (const Error &error) {
    if (error.message().find("cannot be opened") == std::string::npos)
      FAIL(error.message());
    WARN("skipped: " << error.message());
  }
}
