#include "kernels/gemm/MBuckets.h"
#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>

using namespace lath;

TEST_CASE("rows are raised to the smallest bucket that holds them") {
  std::vector<std::int64_t> buckets;
  for (std::int64_t m = 1; m <= 1024; ++m)
    if (bucketM(m) == m)
      buckets.push_back(m);
  CHECK(buckets == std::vector<std::int64_t>{1, 2, 4, 8, 16, 24, 32, 48, 64, 96,
                                             128, 192, 256, 384, 512, 768,
                                             1024});
  for (std::int64_t m = 1; m <= 1024; ++m) {
    auto holds = std::lower_bound(buckets.begin(), buckets.end(), m);
    CHECK(bucketM(m) == *holds);
  }
  CHECK(bucketM(65536) == 65536);
  CHECK(bucketM(49153) == 65536);
  // No bucket makes them valid.
  CHECK(bucketM(0) == 0);
  CHECK(bucketM(-3) == -3);
  CHECK(bucketM(65537) == 65537);
}

TEST_CASE("a spec for each bucket") {
  GemmSpec spec{.m = 7, .n = 64, .k = 256};
  std::vector<GemmSpec> specs = bucketSpecs(spec, 17);
  REQUIRE(specs.size() == 6);
  CHECK(specs.front().m == 1);
  CHECK(specs.back().m == 24);
  CHECK(specs.back().n == 64);
  CHECK(bucketSpecs(spec, 65536).back().m == 65536);
  CHECK(test::errorOf([&] { bucketSpecs(spec, 65537); }).kind() ==
        ErrorKind::invalidSpec);
}
