#include "kernels/Heuristic.h"
#include "kernels/DequantGemm.h"

#include <catch2/catch.hpp>

using namespace lath;

TEST_CASE("the heuristic's schedule is legal for every spec and target") {
  int checked = 0;
  for (const Target &target : targets())
    for (std::int64_t m : {1, 5, 8, 16, 17, 32, 64, 200})
      for (std::int64_t n : {8, 24, 512, 2112, 4096, 5120, 28672})
        for (std::int64_t k : {32, 96, 512, 2112, 4096, 14336})
          for (std::int64_t group :
               {std::int64_t(32), std::int64_t(64), std::int64_t(128), k})
            for (int split : {0, 1, 3, 8})
              for (Zeros zeros : {Zeros::symmetric, Zeros::v1}) {
                GemmSpec spec;
                spec.m = m;
                spec.n = n;
                spec.k = k;
                spec.group = group;
                spec.split = split;
                spec.zeros = zeros;
                spec.reduce = split == 1 ? Reduce::none : Reduce::ordered;
                if (k % group || split > (k + 31) / 32)
                  continue;
                INFO(print(spec) << " on " << target.name);
                Schedule s = chooseSchedule(spec, target).schedule;
                INFO(print(s));
                validate(s);
                validate(s, spec, target); // throws where illegal
                CHECK((split == 0 || s.split == split));
                CHECK(sharedBytes(s, spec) <= target.maxSharedBytes);
                CHECK(parseSchedule(print(s)) == s);
                ++checked;
              }
  CHECK(checked > 10000);
}

TEST_CASE("the heuristic gives a reason for each of its decisions") {
  ScheduleChoice choice =
      chooseSchedule(parseGemmSpec("m16n4096k4096g128"), target("sm_90a"));
  std::string all;
  for (const std::string &reason : choice.reasons)
    all += reason + "\n";
  for (const char *word :
       {"bm16", "bn32", "kw8", "st", "s1:", "scales on sums"})
    CHECK_THAT(all, Catch::Contains(word));
}
