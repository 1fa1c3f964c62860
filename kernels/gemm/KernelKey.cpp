#include "kernels/gemm/KernelKey.h"

#include "kernels/gemm/MBuckets.h"
#include "kernels/gemm/SharedPlan.h"

namespace lath {

KernelKey::KernelKey(const GemmSpec &asked, const std::optional<Schedule> &how)
    : spec(asked), schedule(how) {
  spec.m = bucketM(spec.m);
  if (spec.split == 1)
    spec.reduce = Reduce::none; // nothing is reduced, whatever it says
}

std::size_t KernelKeyHash::operator()(const KernelKey &key) const {
  std::uint64_t hash = 0;
  auto add = [&](std::uint64_t value) {
    hash = (hash ^ value) * 0x9e3779b97f4a7c15u;
    hash ^= hash >> 29;
  };
  const GemmSpec &g = key.spec;
  add(static_cast<std::uint64_t>(g.m) << 40 ^
      static_cast<std::uint64_t>(g.n) << 20 ^ static_cast<std::uint64_t>(g.k));
  add(static_cast<std::uint64_t>(g.group) << 32 ^
      static_cast<std::uint64_t>(g.split) << 16 ^
      static_cast<std::uint64_t>(g.x) << 8 ^
      static_cast<std::uint64_t>(g.w) << 32 ^
      static_cast<std::uint64_t>(g.zeros) << 4 ^
      static_cast<std::uint64_t>(g.layout) << 3 ^
      static_cast<std::uint64_t>(g.launches) << 24 ^
      static_cast<std::uint64_t>(g.reduce));
  for (const EpilogueStep &step : epilogueSteps)
    add(static_cast<std::uint64_t>(step.get(g.epilogue)));
  // Schedules of one spec are few: equality tells the rest of them apart.
  if (key.schedule) {
    const Schedule &s = *key.schedule;
    add(static_cast<std::uint64_t>(s.blockM) << 48 ^
        static_cast<std::uint64_t>(s.blockN) << 32 ^
        static_cast<std::uint64_t>(s.blockK) << 16 ^
        static_cast<std::uint64_t>(s.warps) << 8 ^
        static_cast<std::uint64_t>(s.kWarps) << 4 ^
        static_cast<std::uint64_t>(s.stages));
    add(static_cast<std::uint64_t>(s.split) + 1);
  }
  return hash;
}

GemmSpec codeSpec(const GemmSpec &spec, const Schedule &schedule) {
  GemmSpec code = spec;
  code.m = spec.m <= schedule.blockM ? tileRows(schedule, spec) : maxRows;
  code.split = schedule.split;
  code.reduce = servedBy(schedule.reduce);
  code.launches = Launches::alone; // the schedule says what the code does
  return code;
}

std::string codeKey(const GemmSpec &spec, const Schedule &schedule) {
  return print(codeSpec(spec, schedule)) + "|" + print(schedule);
}

bool serves(const GemmSpec &made, const Schedule &schedule,
            const GemmSpec &asked) {
  if (made.n != asked.n || made.k != asked.k || made.group != asked.group ||
      made.x != asked.x || made.w != asked.w || made.zeros != asked.zeros ||
      made.layout != asked.layout || made.epilogue != asked.epilogue ||
      made.m < asked.m)
    return false;
  // A dependent kernel reads its weights while the launch before it runs: only
  // who asks for chained launches has promised that nothing writes them.
  if (schedule.dependent != Dependent::none &&
      asked.launches == Launches::alone)
    return false;
  // The same bits on every launch, where that is asked for. A split that is
  // named is a wish about speed.
  bool reproducible = schedule.reduce == Reduce::none ||
                      servedBy(schedule.reduce) == Reduce::ordered;
  bool any = asked.split != 1 && (asked.reduce == Reduce::atomic ||
                                  asked.reduce == Reduce::atomicOut);
  return reproducible || any;
}

} // namespace lath
