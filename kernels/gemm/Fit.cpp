#include "kernels/gemm/Fit.h"

#include "compiler/base/Error.h"
#include "compiler/base/SharedSpace.h"
#include "kernels/gemm/SharedPlan.h"

#include <fmt/format.h>

#include <algorithm>

namespace lath {

namespace {

struct Rule {
  bool (*holds)(const Schedule &, const GemmSpec &);
  std::string (*says)(const Schedule &, const GemmSpec &);
};
using S = Schedule;
using P = GemmSpec;

bool packed(const P &spec) { return spec.layout == WeightLayout::packed; }

/// Sums of a lane, with the totals of scaled ones, and the registers that are
/// left for them besides what unpacks weights.
int sumsOfLane(const S &s) {
  return s.blockM * s.blockN / (32 * s.warps) *
         (s.scales == ScalePlacement::sums ? 2 : 1);
}
int registersForSums(const S &s) {
  return std::min(255, 65536 / (32 * s.warps)) - 63;
}

constexpr Rule rules[] = {
    {[](const S &s, const P &spec) {
       return !spec.split || s.split == spec.split;
     },
     [](const S &s, const P &spec) {
       return fmt::format("it splits K by {}, the spec asks for {}", s.split,
                          spec.split);
     }},
    {[](const S &s, const P &spec) {
       return s.split == 1 || servedBy(s.reduce) == spec.reduce ||
              spec.reduce == Reduce::none;
     },
     [](const S &s, const P &spec) {
       return fmt::format("it reduces '{}', the spec asks for '{}'",
                          name(s.reduce), name(spec.reduce));
     }},
    {stepFitsGroups,
     [](const S &s, const P &spec) {
       return fmt::format("a K step of {} straddles groups of {}", s.blockK,
                          spec.group);
     }},
    {[](const S &s, const P &) {
       return s.warps / s.kWarps * 16 <= s.blockN * (s.blockM / 8);
     },
     [](const S &s, const P &) {
       return fmt::format("{} warps are too many for a tile of {} x {}",
                          s.warps / s.kWarps, s.blockM, s.blockN);
     }},
    {warpsHaveK,
     [](const S &s, const P &spec) {
       return fmt::format("{} warps along a K step of {} have less than {} "
                          "each",
                          s.kWarps, s.blockK, leastK(spec));
     }},
    {[](const S &s, const P &spec) {
       return s.weights == WeightPath::shared || packed(spec);
     },
     [](const S &s, const P &) {
       return std::string(s.weights == WeightPath::bulk
                              ? "weights=bulk needs packed weights "
                                "(layout=packed); these can take weights=shared"
                              : "weights=registers needs packed weights "
                                "(layout=packed)");
     }},
    {registersHoldStep,
     [](const S &s, const P &spec) {
       return fmt::format("a K step of {} columns x {} over {} warps takes {} "
                          "registers a lane, at most {}",
                          s.blockN, s.blockK, s.warps, wordsOfLane(s, spec),
                          mostWordsOfLane);
     }},
    {[](const S &s, const P &spec) {
       return s.mma == MatrixUnit::warp || packed(spec);
     },
     [](const S &, const P &) {
       return std::string("mma=warpgroup needs packed weights (layout=packed)");
     }},
    {[](const S &s, const P &) { return groupsHaveColumns(s); },
     [](const S &s, const P &) {
       return fmt::format("mma=warpgroup gives each four warps 64 columns: w = "
                          "{} needs bn = {} or more, got {}",
                          s.warps, s.warps * 16, s.blockN);
     }},
    {[](const S &s, const P &) {
       return s.mma == MatrixUnit::warp || sumsOfLane(s) <= registersForSums(s);
     },
     [](const S &s, const P &) {
       return fmt::format("a tile of {} x {} over {} warps takes {} sums a "
                          "lane, for which there are at most {} registers",
                          s.blockM, s.blockN, s.warps, sumsOfLane(s),
                          registersForSums(s));
     }},
    {[](const S &s, const P &spec) {
       return s.copies == CopyPath::threads ||
              fillsPanels(tileRows(s, spec), 2 * s.blockK);
     },
     [](const S &s, const P &spec) {
       return fmt::format("copies=tensor brings stages of x whose rows fill {} "
                          "bytes; these have {} rows of {}",
                          panelAlignment, tileRows(s, spec), 2 * s.blockK);
     }},
    {[](const S &s, const P &spec) {
       return !s.persistent || s.weights != WeightPath::bulk ||
              (spec.n % s.blockN == 0 && spec.k % s.blockK == 0);
     },
     [](const S &s, const P &spec) {
       return fmt::format("persistent=1 with weights=bulk takes whole tiles: n "
                          "= {} and k = {} are no multiples of bn = {} and bk "
                          "= {}",
                          spec.n, spec.k, s.blockN, s.blockK);
     }},
    {[](const S &s, const P &) { return groupsHaveK(s); },
     [](const S &s, const P &) {
       return fmt::format("mma=warpgroup needs a K step of at least 64, got {}",
                          s.blockK);
     }},
};

/// Why a schedule that does not contradict itself cannot compute the spec.
std::string misfit(const S &s, const P &spec, const Target &target) {
  if (std::string why = lacking(s, target); !why.empty())
    return why;
  if (std::string why = conflict(s); !why.empty())
    return why;
  for (const Rule &rule : rules)
    if (!rule.holds(s, spec))
      return rule.says(s, spec);
  if (s.reduce == Reduce::atomicOut && spec.x == Dtype::bf16 &&
      !target.hasBf16Red())
    return fmt::format("{} has no atomic add of bf16 (sm_90 and later have)",
                       target.name);
  if (std::int64_t bytes = sharedBytes(s, spec); bytes > target.maxSharedBytes)
    return fmt::format("it needs {} bytes of shared memory a block, {} has {}",
                       bytes, target.name, target.maxSharedBytes);
  return "";
}

std::string misfitMessage(const S &s, const P &spec, const Target &target) {
  std::string why = misfit(s, spec, target);
  return why.empty() ? why
                     : fmt::format("schedule {} cannot compute {}: {}",
                                   print(s), print(spec), why);
}

} // namespace

void validate(const Schedule &s, const GemmSpec &spec, const Target &target) {
  validate(s);
  if (std::string why = misfitMessage(s, spec, target); !why.empty())
    throw Error(ErrorKind::invalidSpec, std::move(why));
}

std::string refusal(const Schedule &s, const GemmSpec &spec,
                    const Target &target) {
  std::string why = contradictionIn(s);
  return why.empty() ? misfitMessage(s, spec, target) : why;
}

} // namespace lath
