// The words of a schedule, and its rules.
#include "compiler/base/Schedule.h"

#include "compiler/base/Error.h"
#include "compiler/base/KeyedText.h"
#include "compiler/base/Target.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

namespace lath {

namespace {

using Texts = std::span<const std::string_view>;
constexpr std::string_view flagTexts[] = {"0", "1"};
constexpr std::string_view orderTexts[] = {"interleaved", "contiguous"};
constexpr std::string_view reduceTexts[] = {"none", "atomic", "atomic-out",
                                            "ordered", "cluster"};
constexpr std::string_view scalesTexts[] = {"weights", "sums"};
constexpr std::string_view pathTexts[] = {"shared", "registers", "bulk"};
constexpr std::string_view copyTexts[] = {"threads", "tensor"};
constexpr std::string_view evictTexts[] = {"first", "normal"};
constexpr std::string_view unitTexts[] = {"warp", "warpgroup"};
constexpr std::string_view dependentTexts[] = {"none", "early", "half", "late",
                                               "end"};

template <auto Member> int get(const KernelSchedule &schedule) {
  return static_cast<int>(schedule.*Member);
}
template <auto Member> void set(KernelSchedule &schedule, int value) {
  auto &member = schedule.*Member;
  member = static_cast<std::remove_reference_t<decltype(member)>>(value);
}

template <auto Member>
constexpr KernelWord number(std::string_view key, std::string_view name,
                            int least, int most, bool powerOfTwo,
                            WordOwner owner, int omitted = -1) {
  return {{key,
           name,
           &wordTag<Member>,
           least,
           most,
           powerOfTwo,
           {},
           omitted,
           nullptr,
           owner},
          get<Member>,
          set<Member>};
}
template <auto Member>
constexpr KernelWord option(std::string_view key, std::string_view name,
                            Texts texts, WordOwner owner,
                            int (*follows)(const KernelSchedule &) = nullptr) {
  return {{key, name, &wordTag<Member>, 0, static_cast<int>(texts.size()) - 1,
           false, texts, follows ? -1 : 0, follows, owner},
          get<Member>,
          set<Member>};
}

int usualReduce(const KernelSchedule &s) {
  return static_cast<int>(s.split == 1 ? Reduce::none : Reduce::ordered);
}

using S = KernelSchedule;
constexpr WordOwner kernel = WordOwner::kernel, loop = WordOwner::loop,
                    dot = WordOwner::dot;
// A grid has at most 65535 blocks along its third axis, which the splits are.
// Stages end with shared memory, long before their bound.
constexpr KernelWord words[] = {
    number<&S::warps>("w", "warps", 1, maxBlockWarps, true, kernel),
    number<&S::kWarps>("kw", "k_warps", 1, maxBlockWarps, true, dot, 1),
    number<&S::stages>("st", "stages", 1, 64, false, loop),
    number<&S::split>("s", "split", 1, 65535, false, kernel),
    option<&S::order>("order", "order", orderTexts, kernel),
    option<&S::reduce>("reduce", "reduce", reduceTexts, kernel, usualReduce),
    option<&S::scales>("scales", "scales", scalesTexts, dot),
    option<&S::weights>("weights", "weights", pathTexts, kernel),
    option<&S::mma>("mma", "mma", unitTexts, kernel),
    option<&S::producers>("producers", "producers", flagTexts, kernel),
    option<&S::dependent>("dep", "dependent", dependentTexts, kernel),
    option<&S::copies>("copies", "copies", copyTexts, kernel),
    option<&S::persistent>("persistent", "persistent", flagTexts, kernel),
    option<&S::evict>("evict", "evict", evictTexts, loop),
};

struct Rule {
  bool (*holds)(const S &);
  std::string (*says)(const S &);
};

constexpr Rule contradictions[] = {
    {kWarpsAreWarps,
     [](const S &s) {
       return fmt::format("kw = {} exceeds w = {}: it counts warps of the "
                          "block",
                          s.kWarps, s.warps);
     }},
    {splitIsReduced,
     [](const S &s) {
       if (s.split == 1)
         return fmt::format("reduce = {} with s = 1: there is nothing to "
                            "reduce; leave reduce out, or split by 2 or more",
                            name(s.reduce));
       if (s.reduce == Reduce::none)
         return fmt::format("reduce = none leaves {} partial sums apart; use "
                            "ordered, cluster, atomic or atomic-out, or s1",
                            s.split);
       return fmt::format("s = {} blocks form no cluster; reduce = cluster "
                          "takes s2 to s{}",
                          s.split, maxCluster);
     }},
    {blockHoldsWarps,
     [](const S &s) {
       return fmt::format("w = {} with producers = {}: a block has at most {} "
                          "warps; use w{}, or producers=0",
                          s.warps, s.producers, maxBlockWarps, s.warps / 2);
     }},
    {producersHaveCopies,
     [](const S &s) {
       return fmt::format(
           "producers = {} with weights = {}: a producer warp "
           "issues bulk copies; use weights=bulk or copies=tensor, "
           "or producers=0",
           s.producers, pathTexts[static_cast<std::size_t>(s.weights)]);
     }},
    {evictionIsOfBulkCopies,
     [](const S &s) {
       return fmt::format(
           "evict = normal with weights = {}: L2 is told of bulk "
           "copies alone; use weights=bulk, or evict=first",
           pathTexts[static_cast<std::size_t>(s.weights)]);
     }},
};

constexpr Rule conflicts[] = {
    {persistenceOverlaps,
     [](const S &s) {
       return fmt::format("persistent=1 with producers={}: a producer warp "
                          "brings the next tile while one is stored; use "
                          "producers=1, or persistent=0",
                          s.producers);
     }},
    {persistenceIsAlone,
     [](const S &s) {
       return s.split != 1
                  ? fmt::format("persistent=1 with s = {}: blocks that walk "
                                "over tiles take all of K; use s1",
                                s.split)
                  : std::string(
                        "persistent=1 with dependent launch: blocks "
                        "that walk over tiles begin once; use dep=none");
     }},
    {warpsFormGroups,
     [](const S &s) {
       return s.kWarps != 1
                  ? fmt::format("mma=warpgroup needs kw = 1, got {}: four "
                                "warps multiply together",
                                s.kWarps)
                  : fmt::format("mma=warpgroup needs w to be a multiple of 4, "
                                "got {}",
                                s.warps);
     }},
    {copiesAreFenced,
     [](const S &s) {
       return fmt::format(
           "mma=warpgroup with producers={}: what another warp "
           "copies is not fenced for wgmma; use copies=tensor, or "
           "producers=0",
           s.producers);
     }},
    {[](const S &s) { return s.mma == MatrixUnit::warp || s.stages > 1; },
     [](const S &s) {
       return fmt::format("mma=warpgroup reads from copy stages: it needs st = "
                          "2 or more, got {}",
                          s.stages);
     }},
    {[](const S &s) { return s.weights != WeightPath::bulk || s.stages > 1; },
     [](const S &s) {
       return fmt::format("weights=bulk fills the stages of a pipeline: it "
                          "needs st = 2 or more, got {}",
                          s.stages);
     }},
    {[](const S &s) { return s.copies == CopyPath::threads || s.stages > 1; },
     [](const S &s) {
       return fmt::format("copies=tensor fills the stages of a pipeline: it "
                          "needs st = 2 or more, got {}",
                          s.stages);
     }},
};

std::string broken(std::span<const Rule> rules, const S &s) {
  for (const Rule &rule : rules)
    if (!rule.holds(s))
      return rule.says(s);
  return "";
}

} // namespace

std::span<const KernelWord> kernelWords() { return words; }

std::string_view name(Reduce reduce) {
  const auto index = static_cast<std::size_t>(reduce);
  return index < std::size(reduceTexts) ? reduceTexts[index] : "?";
}

std::string_view name(WordOwner owner) {
  return owner == kernel ? "kernel" : owner == loop ? "loop" : "dot";
}

std::vector<int> WordFacts::legalValues() const {
  std::vector<int> values;
  for (int value = least; value <= most;
       value = powerOfTwo ? 2 * value : value + 1)
    values.push_back(value);
  return values;
}

std::string WordFacts::text(int value) const {
  const bool named = value >= 0 && value < static_cast<int>(texts.size());
  return named ? std::string(texts[static_cast<std::size_t>(value)])
               : std::to_string(value);
}

std::string WordFacts::refusal(int value) const {
  if (value < least || value > most)
    return fmt::format("{} = {} is not in {}..{}; the nearest is {}", key,
                       value, least, most, std::clamp(value, least, most));
  auto bits = static_cast<unsigned>(value);
  if (powerOfTwo && !std::has_single_bit(bits))
    return fmt::format("{} = {} is not a power of two; the nearest are {} and "
                       "{}",
                       key, value, std::bit_floor(bits), std::bit_ceil(bits));
  return "";
}

int WordFacts::valueIn(const KeyedText &said, int missing) const {
  if (!said.has(key))
    return missing;
  // Beyond an int the value is out of range as well; keep it so.
  return static_cast<int>(
      isNumber() ? std::min<std::int64_t>(said.number(key, 0), 1 << 30)
                 : static_cast<std::int64_t>(said.choice(key, texts, 0)));
}

std::vector<SaidWord> parseWords(std::string_view text, WordOwner of) {
  if (text.empty())
    return {};
  std::vector<std::string_view> numberKeys, optionKeys;
  for (const KernelWord &word : words)
    (word.isNumber() ? numberKeys : optionKeys).push_back(word.key);
  KeyedText said(text, numberKeys, optionKeys, of == dot ? "kw2" : "st3");
  std::vector<SaidWord> result;
  for (const KernelWord &word : words) {
    if (!said.has(word.key))
      continue;
    const int value = word.valueIn(said, 0);
    std::string why = word.refusal(value);
    if (word.owner < of)
      why = fmt::format("'{}' is a word of the {}; a {} has none of its own",
                        word.key, name(word.owner), name(of));
    if (!why.empty())
      throw Error(ErrorKind::invalidSpec, why, {fmt::format("in '{}'", text)});
    result.push_back({&word, value});
  }
  return result;
}

std::string scheduleText(const KernelSchedule &schedule) {
  std::string text;
  for (const KernelWord &word : words) {
    const int value = word.get(schedule);
    if (value == (word.follows ? word.follows(schedule) : word.omitted))
      continue;
    text += word.isNumber() ? fmt::format("{}{}", word.key, value)
                            : fmt::format(",{}={}", word.key, word.text(value));
  }
  return text;
}

std::string printWords(const KernelSchedule &schedule) {
  std::string text;
  for (const KernelWord &word : words)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", word.name,
                        word.text(word.get(schedule)));
  return text;
}

std::string contradiction(const KernelSchedule &schedule) {
  for (const KernelWord &word : words)
    if (std::string why = word.refusal(word.get(schedule)); !why.empty())
      return why;
  return broken(contradictions, schedule);
}

std::string contradiction(const TargetSchedule &schedule) {
  const int rows = schedule.rows;
  if (rows < 0 || (rows & (rows - 1)))
    return fmt::format("expected a power of two of rows, or 0, got {}", rows);
  return contradiction(static_cast<const KernelSchedule &>(schedule));
}

std::string conflict(const KernelSchedule &schedule) {
  return broken(conflicts, schedule);
}

std::string lacking(const KernelSchedule &s, const Target &target) {
  struct Need {
    bool needed, there;
    std::string_view what;
  };
  for (const Need &need : {
           Need{s.mma == MatrixUnit::warpgroup, target.hasWarpgroupMma(),
                "wgmma (sm_90a alone has)"},
           {s.weights == WeightPath::bulk, target.hasBulkCopies(),
            "bulk copies (sm_90 and later have); weights=shared works there"},
           {s.copies == CopyPath::tensor, target.hasBulkCopies(),
            "tensor copies (sm_90 and later have); copies=threads works there"},
           {s.dependent != Dependent::none, target.hasDependentLaunch(),
            "programmatic dependent launch (sm_90 and later have)"},
           {s.reduce == Reduce::cluster, target.hasClusters(),
            "thread-block clusters (sm_90 and later have)"},
       })
    if (need.needed && !need.there)
      return fmt::format("{} has no {}", target.name, need.what);
  return "";
}

} // namespace lath
