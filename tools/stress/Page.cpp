#include "tools/stress/Page.h"

#include "LathVersion.h"

#include <algorithm>

#include <fmt/format.h>
#include <unistd.h>

namespace lath::stress {

namespace {

class Table {
public:
  explicit Table(std::string left, std::string right)
      : text_(fmt::format("| {} | {} |\n|---|---|\n", left, right)) {}
  template <typename Value>
  void row(std::string_view what, const Value &value) {
    text_ += fmt::format("| {} | {} |\n", what, value);
  }
  std::string text() const { return text_ + "\n"; }

private:
  std::string text_;
};

std::string coldPage(const ColdKey &c) {
  Table t("what", "figure");
  t.row("processes × threads × rounds",
        fmt::format("{} × {} × {}", c.processes, c.threads, c.rounds));
  t.row("compiles", c.compiles);
  t.row("rounds with another number of compiles than one", c.roundsNotOne);
  t.row("wrong results", c.wrong);
  t.row("processes that failed or warned", c.failed);
  t.row("a round: median, longest",
        fmt::format("{:.0f} ms, {:.0f} ms", c.medianMs, c.maxMs));
  return t.text();
}

std::string killsPage(const Kills &k) {
  Table t("what", "figure");
  t.row("processes killed", k.kills);
  t.row("of them at a system call chosen at random", k.atCalls);
  t.row("of them behind a number of bytes written, chosen at random",
        k.midWrite);
  t.row("wrong entries loaded afterwards", k.badLoads);
  t.row("damaged files under an entry's name", k.damagedSeen);
  t.row("requests behind a kill that were not served", k.notServed);
  t.row("longest wait of a request behind a kill",
        fmt::format("{:.1f} ms", k.longestWaitMs));
  t.row("temporary files left by all kills", k.leftovers);
  t.row("of them left a day later, behind one store", k.leftoversNextDay);
  return t.text();
}

std::string damagePage(const Damage &d) {
  Table t("what", "figure");
  t.row("bytes of the file", d.fileBytes);
  t.row("bytes changed, one at a time", d.flips);
  t.row("lengths it was cut to", d.truncations);
  t.row("bytes added behind it", d.extensions);
  t.row("loaded all the same", d.undetected);
  t.row("misses without a reason", d.unexplained);
  t.row("not replaced when asked for again", d.notReplaced);
  return t.text();
}

std::string faultsPage(const Faults &f) {
  Table t("what", "figure");
  t.row("faults injected", f.injected);
  t.row("requests not served", f.notServed);
  t.row("wrong entries loaded afterwards", f.badLoads);
  t.row("runs with more than one warning", f.noisy);
  t.row("runs that stored nothing and did not say so", f.silent);
  t.row("entries lost by an interruption or a short transfer", f.lost);
  t.row("temporary files left behind by a single fault", f.leftovers);
  std::string text = t.text();
  text += "| system call | in a request | faults |\n|---|---|---|\n";
  for (const Faults::Call &call : f.calls)
    text += fmt::format("| `{}` | {} | {} |\n", call.name, call.times,
                        call.injected);
  return text + "\n";
}

std::string attacksPage(const std::vector<Attack> &attacks) {
  Table t("what is there", "what happens");
  for (const Attack &attack : attacks)
    t.row(attack.name, attack.problem.empty() ? "refused, served"
                                              : "WRONG: " + attack.problem);
  return t.text();
}

} // namespace

std::string page(const Figures &f) {
  return fmt::format(
      "# The cache on disk under stress\n\n"
      "Written by `lath-stress` ({}, {} cores, entries of 30 kB unless said "
      "otherwise). A fake compiler makes entries whose bytes follow from "
      "their key, so that every result is compared.\n\n"
      "A hit takes {:.0f} µs (median; p99 {:.0f} µs) for {} bytes from the "
      "page cache: open, check, read, checksum, note of the use.\n\n"
      "## One cold key\n\n"
      "All threads of all processes start at once and ask for the same "
      "kernel; a compile takes 50 ms at full size.\n\n{}"
      "## Killed while writing\n\n{}"
      "## Damage\n\n"
      "Each byte is changed by flipping each of its bits and all of them.\n\n"
      "{}"
      "## Faults\n\n"
      "Each call of opening a new folder, building an entry and reading it "
      "fails, once and from then on, with EIO, ENOSPC, EDQUOT, EACCES, EPERM, "
      "EROFS and ENOENT; is interrupted (EINTR); and reads and writes transfer "
      "7 bytes at a time.\n\n{}"
      "## Attacks\n\n"
      "Each is refused with a warning that names the reason, and the request "
      "is served; nothing outside the folder is written.\n\n{}",
      build::version, sysconf(_SC_NPROCESSORS_ONLN), f.hit.medianUs,
      f.hit.p99Us, f.hit.bytes, coldPage(f.cold), killsPage(f.kills),
      damagePage(f.damage), faultsPage(f.faults), attacksPage(f.attacks));
}

std::vector<std::string> problems(const Figures &f) {
  std::vector<std::string> found;
  auto expect = [&](std::string_view what, std::size_t actual,
                    std::size_t expected) {
    if (actual != expected)
      found.push_back(
          fmt::format("{}: {}, expected {}", what, actual, expected));
  };
  expect("cold key: compiles", f.cold.compiles, f.cold.rounds);
  expect("cold key: rounds without exactly one", f.cold.roundsNotOne, 0);
  expect("cold key: wrong results", f.cold.wrong, 0);
  expect("cold key: failed processes", f.cold.failed, 0);
  expect("kills: bad loads", f.kills.badLoads, 0);
  expect("kills: damaged files", f.kills.damagedSeen, 0);
  expect("kills: requests not served", f.kills.notServed, 0);
  expect("kills: leftovers a day later", f.kills.leftoversNextDay, 0);
  expect("damage: loaded", f.damage.undetected, 0);
  expect("damage: unexplained", f.damage.unexplained, 0);
  expect("damage: not replaced", f.damage.notReplaced, 0);
  expect("faults: not served", f.faults.notServed, 0);
  expect("faults: bad loads", f.faults.badLoads, 0);
  expect("faults: more than one warning", f.faults.noisy, 0);
  expect("faults: silent", f.faults.silent, 0);
  expect("faults: lost", f.faults.lost, 0);
  expect("faults: leftovers", f.faults.leftovers, 0);
  for (const Attack &attack : f.attacks)
    if (!attack.problem.empty())
      found.push_back(
          fmt::format("attack: {}: {}", attack.name, attack.problem));
  return found;
}

} // namespace lath::stress
