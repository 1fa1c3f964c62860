#include "kernels/pack/Models.h"

#include "tests/unit/ErrorOf.h"

#include <catch2/catch.hpp>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;

TEST_CASE("tensor parallelism divides outputs of some layers, inputs of others",
          "[tuning][models]") {
  auto shape = [](const ModelLayer &layer) {
    return std::pair(layer.n, layer.k);
  };
  const Model &llama = model("llama-3-8b");
  auto whole = layersOfPart(llama, 1), parts = layersOfPart(llama, 4);
  REQUIRE(whole.size() == 4);
  REQUIRE(parts.size() == 4);
  CHECK(shape(whole[0]) == std::pair<std::int64_t, std::int64_t>(6144, 4096));
  CHECK(shape(parts[0]) == std::pair<std::int64_t, std::int64_t>(1536, 4096));
  CHECK(shape(parts[1]) == std::pair<std::int64_t, std::int64_t>(4096, 1024));
  CHECK(shape(parts[2]) == std::pair<std::int64_t, std::int64_t>(7168, 4096));
  CHECK(shape(parts[3]) == std::pair<std::int64_t, std::int64_t>(4096, 3584));
  // 5 divides no extent; a quarter of 11008 is 21.5 groups of 128.
  CHECK(layersOfPart(llama, 5).empty());
  for (const ModelLayer &layer : layersOfPart(model("llama-2-7b"), 4))
    CHECK(layer.name != "down");
  CHECK(layersOfPart(model("llama-2-7b"), 4, 32).size() == 4);
  // Low-rank projections stay whole.
  CHECK(shape(layersOfPart(model("deepseek-v3"), 2).front()) ==
        std::pair<std::int64_t, std::int64_t>(2112, 7168));
  CHECK_THAT(messageOf([&] { layersOfPart(llama, 0); }),
             Contains("0 tensor-parallel processes; expected 1 or more"));
}
