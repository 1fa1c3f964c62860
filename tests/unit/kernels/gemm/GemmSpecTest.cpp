// Protects the text form of a spec, its rules, and the words of every mistake.
#include "kernels/gemm/GemmSpec.h"
#include "tests/unit/ErrorOf.h"

#include <limits>
#include <string>

using namespace lath;
using lath::test::errorOf;

namespace {

std::string parseError(std::string_view text) {
  Error error = errorOf([&] { parseGemmSpec(text); });
  CHECK(error.kind() == ErrorKind::invalidSpec);
  CHECK(!error.notes().empty());
  return error.message();
}

std::string validateError(const GemmSpec &spec) {
  Error error = errorOf([&] { validate(spec); });
  CHECK(error.kind() == ErrorKind::invalidSpec);
  CHECK(error.notes().at(0) == "in '" + print(spec) + "'");
  return error.message();
}

} // namespace

TEST_CASE("a spec is parsed field by field") {
  GemmSpec spec =
      parseGemmSpec("m16n4096k8192g64s8,x=bf16,w=u4z1,reduce=atomic-out");
  CHECK(spec.m == 16);
  CHECK(spec.n == 4096);
  CHECK(spec.k == 8192);
  CHECK(spec.group == 64);
  CHECK(spec.groups() == 128);
  CHECK(spec.split == 8);
  CHECK(spec.x == Dtype::bf16);
  CHECK(spec.zeros == Zeros::v1);
  CHECK(spec.reduce == Reduce::atomicOut);
}

TEST_CASE("what a spec leaves out has a default") {
  GemmSpec spec = parseGemmSpec("m1n8k128");
  CHECK(spec == GemmSpec{.m = 1, .n = 8, .k = 128});
  CHECK(spec.group == 128);
  CHECK(spec.split == 0);
  CHECK(spec.x == Dtype::f16);
  CHECK(spec.zeros == Zeros::symmetric);
  CHECK(spec.reduce == Reduce::ordered);
  CHECK(parseGemmSpec("m1n8k128s1").reduce == Reduce::none);
  CHECK(parseGemmSpec("m1n8k128s2").reduce == Reduce::ordered);
  CHECK(parseGemmSpec("m1n8k128s0").split == 0);
}

TEST_CASE("fields and options of a spec come in any order") {
  GemmSpec spec = parseGemmSpec("m16n4096k4096g128s8,x=bf16,w=u4z");
  CHECK(parseGemmSpec("s8k4096g128n4096m16,w=u4z,x=bf16") == spec);
}

TEST_CASE("the printed spec is canonical and parses back") {
  for (auto [text, canonical] :
       {std::pair("m16n4096k4096", "m16n4096k4096g128"),
        {"k4096n4096m16g128s0", "m16n4096k4096g128"},
        {"m16n4096k4096s8,reduce=ordered", "m16n4096k4096g128s8"},
        {"m16n4096k4096s1,reduce=none", "m16n4096k4096g128s1"},
        {"m16n4096k4096s8,w=u4,x=f16", "m16n4096k4096g128s8"},
        {"m16n4096k4096,reduce=atomic", "m16n4096k4096g128,reduce=atomic"},
        {"m1n8k32g32,reduce=atomic-out,w=u4z1,x=bf16",
         "m1n8k32g32,x=bf16,w=u4z1,reduce=atomic-out"},
        {"m1n8k96g96s3,w=u4z", "m1n8k96g96s3,w=u4z"}}) {
    GemmSpec spec = parseGemmSpec(text);
    CHECK(print(spec) == canonical);
    CHECK(parseGemmSpec(print(spec)) == spec);
  }
}

TEST_CASE("every valid combination prints and parses back") {
  for (std::int64_t m : {1, 16, 65536})
    for (std::int64_t group : {32, 64, 128, 384})
      for (int split : {0, 1, 2, 12})
        for (Dtype x : {Dtype::f16, Dtype::bf16})
          for (Zeros zeros : {Zeros::symmetric, Zeros::v1, Zeros::v2})
            for (Reduce reduce : {Reduce::none, Reduce::atomic,
                                  Reduce::atomicOut, Reduce::ordered}) {
              if ((split == 1) != (reduce == Reduce::none))
                continue;
              for (WeightLayout layout :
                   {WeightLayout::gptq, WeightLayout::packed}) {
                GemmSpec spec{m, 1536,  384,    group, split,
                              x, zeros, layout, reduce};
                validate(spec);
                CHECK(parseGemmSpec(print(spec)) == spec);
                spec.launches = Launches::chained;
                CHECK(parseGemmSpec(print(spec)) == spec);
              }
            }
}

TEST_CASE("a split of one may keep the default reduction of the struct") {
  GemmSpec spec{.m = 16, .n = 4096, .k = 4096, .split = 1};
  validate(spec);
  CHECK(print(spec) == "m16n4096k4096g128s1");
}

TEST_CASE("a spec out of range names the value and the nearest valid one") {
  for (auto [text, message] :
       {std::pair("m0n8k128", "m = 0 is not in 1..65536; the nearest is 1"),
        {"m65537n8k128", "m = 65537 is not in 1..65536; the nearest is 65536"},
        {"m1n0k128", "n = 0 is not in 8..1048576; the nearest is 8"},
        {"m1n7k128", "n = 7 is not in 8..1048576; the nearest is 8"},
        {"m1n4100k4096",
         "n = 4100 is not a multiple of 8; the nearest are 4096 and 4104"},
        {"m1n9k128", "n = 9 is not a multiple of 8; the nearest are 8 and 16"},
        {"m1n1048584k128",
         "n = 1048584 is not in 8..1048576; the nearest is 1048576"},
        {"m1n8k0", "k = 0 is not in 32..1048576; the nearest is 32"},
        {"m1n8k4100", "k = 4100 is not a multiple of group = 128; the nearest "
                      "are 4096 and 4224"},
        {"m1n8k64",
         "k = 64 is not a multiple of group = 128; the nearest is 128"},
        {"m1n8k576", "k = 576 is not a multiple of group = 128; the nearest "
                     "are 512 and 640"},
        {"m1n8k1048575", "k = 1048575 is not a multiple of group = 128; the "
                         "nearest are 1048448 and 1048576"},
        {"m1n8k100g100", "k = 100 in one group is not a multiple of 32; the "
                         "nearest are 96 and 128"},
        {"m1n8k4096g100", "group = 100 is none of 32, 64, 128 and k = 4096; "
                          "the nearest is 128"},
        {"m1n8k4096g3000", "group = 3000 is none of 32, 64, 128 and k = 4096; "
                           "the nearest is 4096"},
        {"m1n8k4096g0", "group = 0 is none of 32, 64, 128 and k = 4096; the "
                        "nearest is 32"},
        {"m1n8k64g256",
         "group = 256 is none of 32, 64, 128 and k = 64; the nearest is 64"},
        {"m1n8k4096s65", "split = 65 is not in 1..64, nor 0, which lets the "
                         "schedule choose; the nearest is 64"},
        {"m1n8k4096s99999999999",
         "split = 1073741824 is not in 1..64, nor 0, which lets the schedule "
         "choose; the nearest is 64"},
        {"m1n8k128s5", "split = 5 is more than the 4 blocks of 32 that k = 128 "
                       "has; the nearest is 4"},
        {"m1n8k128s1,reduce=atomic",
         "reduce = atomic with split = 1: there is nothing to reduce; leave "
         "reduce out, or split by 2 or more"},
        {"m1n8k128s1,reduce=ordered",
         "reduce = ordered with split = 1: there is nothing to reduce; leave "
         "reduce out, or split by 2 or more"},
        {"m1n8k128s4,reduce=none",
         "reduce = none leaves 4 partial sums apart; use ordered, atomic or "
         "atomic-out, or s1"},
        {"m1n8k128,reduce=none",
         "reduce = none needs split = 1 (s1), but the split is left to the "
         "schedule"}})
    CHECK(parseError(text) == message);
}

TEST_CASE("values that no text can hold are refused in a struct") {
  GemmSpec good{.m = 1, .n = 8, .k = 128};
  auto with = [&](auto change) {
    GemmSpec spec = good;
    change(spec);
    return spec;
  };
  CHECK(validateError(with([](GemmSpec &s) { s.m = -3; })) ==
        "m = -3 is not in 1..65536; the nearest is 1");
  CHECK(validateError(with([](GemmSpec &s) { s.split = -1; })) ==
        "split = -1 is not in 1..64, nor 0, which lets the schedule choose; "
        "the nearest is 0");
  CHECK(validateError(with([](GemmSpec &s) { s.x = Dtype::f32; })) ==
        "x = f32 is neither f16 nor bf16; the nearest is f16");
  constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK(validateError(with([](GemmSpec &s) { s.group = least; })) ==
        "group = -9223372036854775808 is none of 32, 64, 128 and k = 128; the "
        "nearest is 32");
  CHECK(validateError(with([](GemmSpec &s) { s.group = most; })) ==
        "group = 9223372036854775807 is none of 32, 64, 128 and k = 128; the "
        "nearest is 128");
  CHECK(validateError(with([](GemmSpec &s) { s.n = most; })) ==
        "n = 9223372036854775807 is not in 8..1048576; the nearest is 1048576");
}

TEST_CASE("text that is not a spec is named with its place") {
  for (auto [text, message] : {
           std::pair("", "the text is empty"),
           {"m16n8q3", "unknown field 'q' at character 6; the nearest is 'm', "
                       "and all are m, n, k, g, s"},
           {"M16n8k128", "unknown field 'M' at character 1; the nearest is "
                         "'m', and all are m, n, k, g, s"},
           {"mn16k128", "unknown field 'mn' at character 1; the nearest is "
                        "'m', and all are m, n, k, g, s"},
           {"m16n8k", "field 'k' needs a number at character 7, found the end"},
           {"m-1n8k128", "field 'm' needs a number at character 2, found '-'"},
           {"m16 n8k128", "unexpected ' ' at character 4; a field starts with "
                          "a letter: m, n, k, g, s"},
           {"m1.5n8k128", "unexpected '.' at character 3; a field starts with "
                          "a letter: m, n, k, g, s"},
           {"16x8x128", "unexpected '1' at character 1; a field starts with a "
                        "letter: m, n, k, g, s"},
           {"m16\nn8k128", "unexpected byte 0x0a at character 4; a field "
                           "starts with a letter: m, n, k, g, s"},
           {"m16n8k128m4", "field 'm' is given twice, at characters 1 and 10"},
           {"n8k128", "'m' is missing in 'n8k128'; m, n and k are needed"},
           {"m8k128", "'n' is missing in 'm8k128'; m, n and k are needed"},
           {"m8n128", "'k' is missing in 'm8n128'; m, n and k are needed"},
           {"m99999999999999999999n8k128", "m = 99999999999999999999 at "
                                           "character 2 does not fit 64 bits"},
           {"m1n8k128,reduse=atomic",
            "unknown option 'reduse' at character 10; the nearest is "
            "'reduce', and all are x, w, layout, launch, reduce, bias"},
           {"m1n8k128,reduce=atomic_out",
            "reduce = 'atomic_out' at character 17 is not known; the nearest "
            "is 'atomic-out', and all are none, atomic, ordered, atomic-out"},
           {"m1n8k128,x=fp16", "x = 'fp16' at character 12 is not known; the "
                               "nearest is 'f16', and all are f16, bf16"},
           {"m1n8k128,w=int4",
            "w = 'int4' at character 12 is not known; the "
            "nearest is 'u4', and all are u4, u4z, u4z1, s8"},
           {"m1n8k128,x=", "x = '' at character 12 is not known; the nearest "
                           "is 'f16', and all are f16, bf16"},
           {"m1n8k128,x", "option 'x' at character 10 needs a value: x=..."},
           {"m1n8k128,",
            "an option is missing behind the comma at character "
            "9; the options are x, w, layout, launch, reduce, bias"},
           {"m1n8k128,,x=f16",
            "an option is missing behind the comma at "
            "character 9; the options are x, w, layout, launch, reduce, bias"},
           {"m1n8k128,x=f16,x=f16",
            "option 'x' is given twice, at characters 10 and 16"},
       })
    CHECK(parseError(text) == message);
}

TEST_CASE("a spec's reductions have names") {
  CHECK(name(Reduce::none) == "none");
  CHECK(name(Reduce::atomic) == "atomic");
  CHECK(name(Reduce::atomicOut) == "atomic-out");
  CHECK(name(Reduce::ordered) == "ordered");
  CHECK(name(Reduce::cluster) == "cluster");
}

TEST_CASE("a cluster is a schedule's way to be ordered, not a spec's") {
  GemmSpec spec{.m = 1, .n = 64, .k = 128, .split = 2};
  spec.reduce = Reduce::cluster;
  Error error = errorOf([&] { validate(spec); });
  CHECK(error.kind() == ErrorKind::invalidSpec);
  CHECK(error.message() ==
        "reduce = cluster is a schedule's way to be ordered; "
        "a spec asks for ordered");
  CHECK(servedBy(Reduce::cluster) == Reduce::ordered);
  for (Reduce other :
       {Reduce::none, Reduce::atomic, Reduce::atomicOut, Reduce::ordered})
    CHECK(servedBy(other) == other);
}
