// What bindings of other languages use of the C interface: engines that a
// process shares, and the order in memory of weights.
#include "kernels/c/CApiEngine.h"
#include "kernels/weights/PackedWeights.h"
#include "tests/unit/Together.h"

#include <catch2/catch.hpp>

#include <string>
#include <vector>

using namespace lath;
using namespace lath::test;

namespace {

lath_gemm_spec specOf(const char *text) {
  lath_gemm_spec spec{};
  spec.struct_size = sizeof spec;
  REQUIRE(lath_gemm_spec_parse(text, &spec) == LATH_OK);
  return spec;
}

} // namespace

TEST_CASE("a device has one shared engine, whatever it is called",
          "[threads]") {
  lath_engine *engines[8] = {};
  together(8, [&](int t) {
    lath_shared_engine(t % 2 ? "emulator" : "emulator:sm_90a", &engines[t]);
  });
  for (lath_engine *engine : engines)
    CHECK(engine == engines[0]);
  REQUIRE(engines[0]);
  CHECK(std::string(lath_device_target(lath_engine_device(engines[0]))) ==
        "sm_90a");
  lath_engine *other = nullptr;
  REQUIRE(lath_shared_engine("emulator:sm_80", &other) == LATH_OK);
  CHECK(other != engines[0]);
  CHECK(std::string(lath_device_target(lath_engine_device(other))) == "sm_80");
  CHECK(lath_engine_device(nullptr) == nullptr);
}

TEST_CASE("a shared engine of a name that is no device is refused") {
  lath_engine *engine = nullptr;
  for (const char *name : {"gpu", "cuda:", "cuda:x", "cuda:1x", "cuda:5000",
                           "cuda:-1", "", "cpu"}) {
    CHECK(lath_shared_engine(name, &engine) == LATH_INVALID_ARGUMENT);
    CHECK(std::string(lath_last_error()) ==
          "device is '" + std::string(name) +
              "'; expected cuda:0, cuda:1, ..., emulator or emulator:TARGET");
  }
  CHECK(lath_shared_engine("emulator:sm_70", &engine) == LATH_UNSUPPORTED);
  CHECK(lath_shared_engine("emulator", nullptr) == LATH_INVALID_ARGUMENT);
  CHECK(engine == nullptr);
}

TEST_CASE("the policy of shared engines holds for all, later ones too") {
  lath_engine *early = nullptr, *late = nullptr;
  REQUIRE(lath_shared_engine("emulator", &early) == LATH_OK);
  REQUIRE(lath_shared_set_policy(LATH_POLICY_CACHED_ONLY) == LATH_OK);
  REQUIRE(lath_shared_engine("emulator:sm_89", &late) == LATH_OK);
  const lath_gemm_spec spec = specOf("m3n40k96g32");
  lath_kernel *kernel = nullptr;
  for (lath_engine *engine : {early, late})
    CHECK(lath_engine_gemm(engine, &spec, nullptr, &kernel) ==
          LATH_NOT_PREPARED);
  CHECK(lath_shared_set_policy(static_cast<lath_policy>(7)) ==
        LATH_INVALID_ARGUMENT);
  REQUIRE(lath_shared_set_policy(LATH_POLICY_COMPILE) == LATH_OK);
  for (lath_engine *engine : {early, late}) {
    REQUIRE(lath_engine_gemm(engine, &spec, nullptr, &kernel) == LATH_OK);
    CHECK(std::string(lath_kernel_spec(kernel)) == "m4n40k96g32");
    lath_kernel_free(kernel);
  }
  CHECK(std::string(lath_kernel_spec(nullptr)).empty());
}

TEST_CASE("buckets through C") {
  CHECK(lath_bucket_rows(1) == 1);
  CHECK(lath_bucket_rows(17) == 24);
  CHECK(lath_bucket_rows(65536) == 65536);
  for (std::int64_t outside : {0, -1, 65537})
    CHECK(lath_bucket_rows(outside) == 0);
}

TEST_CASE("weights are packed through C as in C++") {
  const std::int64_t n = 72, k = 160;
  const GptqLayer layer =
      randomLayer({.m = 1, .n = n, .k = k, .group = 32}, 11);
  const std::vector<std::uint32_t> &gptq = layer.qweight;
  std::vector<std::uint32_t> packed(lath_packed_words(n, k)), back(gptq.size());
  REQUIRE(packed.size() == packedWords(n, k));
  REQUIRE(lath_pack_weights(gptq.data(), gptq.size(), n, k, packed.data(),
                            packed.size()) == LATH_OK);
  CHECK(packed == packWeights(gptq, n, k));
  REQUIRE(lath_unpack_weights(packed.data(), packed.size(), n, k, back.data(),
                              back.size()) == LATH_OK);
  CHECK(back == gptq);
}

TEST_CASE("wrong weights are refused through C, and nothing is written") {
  std::vector<std::uint32_t> gptq(8 * 64), packed(lath_packed_words(64, 64), 7);
  auto pack = [&](const std::uint32_t *from, size_t words, std::int64_t n,
                  std::int64_t k, std::uint32_t *to, size_t toWords) {
    const lath_status status =
        lath_pack_weights(from, words, n, k, to, toWords);
    return std::pair(status, std::string(lath_last_error()));
  };
  const std::uint32_t *from = gptq.data();
  std::uint32_t *to = packed.data();
  using Answer = std::pair<lath_status, std::string>;
  CHECK(pack(from, gptq.size(), 60, 64, to, packed.size()) ==
        Answer(LATH_INVALID_ARGUMENT,
               "n is 60; expected a multiple of 8 in 8..2^20"));
  CHECK(pack(from, gptq.size(), 64, INT64_MAX, to, packed.size()) ==
        Answer(LATH_INVALID_ARGUMENT, "k is 9223372036854775807; expected a "
                                      "multiple of 8 in 8..2^20"));
  CHECK(pack(from, 5, 64, 64, to, packed.size()) ==
        Answer(LATH_INVALID_ARGUMENT,
               "expected 512 words of 64 x 64 weights, got 5"));
  CHECK(pack(from, gptq.size(), 64, 64, to, 5) ==
        Answer(LATH_INVALID_ARGUMENT,
               "expected 512 words of 64 x 64 weights, got 5"));
  CHECK(pack(nullptr, gptq.size(), 64, 64, to, packed.size()) ==
        Answer(LATH_INVALID_ARGUMENT, "the input is null"));
  CHECK(pack(from, gptq.size(), 64, 64, nullptr, packed.size()) ==
        Answer(LATH_INVALID_ARGUMENT, "the output is null"));
  CHECK(lath_packed_words(60, 64) == 0);
  CHECK(packed == std::vector<std::uint32_t>(packed.size(), 7));
}
