// The figures of a whole run, as a page and as a verdict.
#pragma once

#include "tools/stress/Stress.h"

namespace lath::stress {

struct Figures {
  HitTime hit;
  Damage damage;
  Faults faults;
  std::vector<Attack> attacks;
  Kills kills;
  ColdKey cold;
};

/// In Markdown.
std::string page(const Figures &figures);

/// What is not as it must be.
std::vector<std::string> problems(const Figures &figures);

} // namespace lath::stress
