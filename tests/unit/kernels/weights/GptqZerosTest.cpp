// Protects the reading of zero points: both conventions, and labels that lie.
#include "tests/unit/kernels/weights/GptqDraft.h"

using namespace lath;
using namespace lath::test;

TEST_CASE("symmetric weights with a true label lose their zero points") {
  for (Zeros zeros : {Zeros::v1, Zeros::v2}) {
    Draft draft(zeros);
    draft.setZeros(zeros == Zeros::v1 ? 0x77777777 : 0x88888888);
    GptqReadResult result = draft.read();
    CHECK(result.warnings.empty());
    CHECK(result.layer.zeros == Zeros::symmetric);
    CHECK(result.layer.qzeros.empty());
    CHECK(result.layer.zero(0, 0) == 8);
    // Asked for, they are kept.
    result = draft.read({.zeros = zeros});
    CHECK(result.warnings.empty());
    CHECK(result.layer.zeros == zeros);
    CHECK(result.layer.zero(0, 0) == 8);
  }
}

TEST_CASE("symmetric weights whose label lies are read as symmetric") {
  Draft v1(Zeros::v1);
  v1.setZeros(0x88888888);
  GptqReadResult result = v1.read();
  CHECK(result.layer.zeros == Zeros::symmetric);
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0] ==
        "'l.qzeros' stores 8 throughout: z = 9 in v1, but z = 8 in v2, as "
        "symmetric weights have it. Taken as symmetric against the "
        "checkpoint_format");

  Draft v2(Zeros::v2);
  v2.setZeros(0x77777777);
  result = v2.read();
  CHECK(result.layer.zeros == Zeros::symmetric);
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0] ==
        "'l.qzeros' stores 7 throughout: z = 7 in v2, but z = 8 in v1, as "
        "symmetric weights have it. Taken as symmetric against the "
        "checkpoint_format");
}

TEST_CASE("a convention that is asked for is obeyed, with a warning") {
  Draft draft(Zeros::v1);
  draft.setZeros(0x88888888);
  GptqReadResult result = draft.read({.zeros = Zeros::v1});
  CHECK(result.layer.zero(0, 0) == 9);
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0] ==
        "'l.qzeros' stores 8 throughout: z = 9 in v1, but z = 8 in v2, as "
        "symmetric weights have it. Read as asked for");
  CHECK(draft.read({.zeros = Zeros::symmetric}).warnings.empty());
  CHECK(draft.read({.zeros = Zeros::symmetric}).layer.zero(0, 0) == 8);

  CHECK(Draft(Zeros::v1).read({.zeros = Zeros::v2}).layer.zeros == Zeros::v2);
  CHECK(Draft(Zeros::v2).error(invalid, {.zeros = Zeros::symmetric}) ==
        "'l.qzeros' does not store 7 (v1) or 8 (v2) throughout: the weights "
        "are not symmetric");
  CHECK(Draft(Zeros::symmetric).error(invalid, {.zeros = Zeros::v1}) ==
        "no tensor 'l.qzeros', though zero points were asked for; without "
        "them z = 8");
}

TEST_CASE("one zero point that differs makes weights asymmetric") {
  Draft draft(Zeros::v1);
  std::vector<std::uint32_t> zeros(groups * n / 8, 0x77777777);
  zeros.back() = 0x67777777;
  draft.set("l.qzeros", "I32", {groups, n / 8}, zeros);
  GptqReadResult result = draft.read();
  CHECK(result.warnings.empty());
  CHECK(result.layer.zeros == Zeros::v1);
  CHECK(result.layer.zero(15, 2) == 7);
  CHECK(result.layer.zero(14, 2) == 8);
}

TEST_CASE("zero points without a label are taken as v1, with a warning") {
  Draft draft(Zeros::v1);
  draft.metadata.clear();
  GptqReadResult result = draft.read();
  CHECK(result.layer.zeros == Zeros::v1);
  REQUIRE(result.warnings.size() == 1);
  CHECK(result.warnings[0] ==
        "'l.qzeros': the file does not say how zero points are stored; taken "
        "as v1 (z - 1), as GPTQ checkpoints without a checkpoint_format are");
  CHECK(draft.read({.zeros = Zeros::v1}).warnings.empty());
  // Values of symmetric weights speak for themselves.
  for (std::uint32_t word : {0x77777777u, 0x88888888u}) {
    draft.setZeros(word);
    result = draft.read();
    CHECK(result.warnings.empty());
    CHECK(result.layer.zeros == Zeros::symmetric);
  }
  draft.metadata["checkpoint_format"] = "marlin";
  CHECK(draft.error(unsupported) ==
        "checkpoint_format is 'marlin', expected gptq or gptq_v2");
}
