// Protects the speed of the default kernels where there is no GPU: no spills,
// weights read once and 16 bytes at a time in whole sectors, no bank conflicts,
// and a main loop inside the budget of instructions.
//
// The budget: at 4.3 TB/s a sub-partition of an H200 has about 30 clocks for
// each 16 x 16 fragment of weights, which leaves 24 instructions of a warp with
// everything included, and 5 LOP3 among them (4 that unpack a lane's word of
// eight weights, and a little for addresses).
#include "compiler/base/Target.h"
#include "kernels/choose/ScheduleChoice.h"
#include "kernels/choose/ScheduleSpace.h"
#include "kernels/gemm/CompileGemm.h"
#include "kernels/gemm/DequantGemm.h"
#include "runtime/Toolchain.h"
#include "tests/emulator/Gemm.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <regex>
#include <sstream>

using namespace lath;
using namespace lath::test;

namespace {

constexpr double instructionsPerFragment = 24, logicPerFragment = 5;

// Square, wide and deep layers of language models; one, eight and sixteen rows.
// Weights as GPTQ stores them, and packed.
std::vector<std::string> subjects() {
  std::vector<std::string> specs;
  for (const char *layout : {"", ",layout=packed"})
    for (const char *shape :
         {"m1n4096k4096", "m16n4096k4096", "m8n5120k5120", "m16n14336k4096",
          "m1n4096k14336", "m8n8192k8192", "m16n28672k8192", "m1n16384k16384"})
      specs.push_back(std::string(shape) + layout);
  return specs;
}

/// A default kernel, and a layer with fewer columns but the same K for the
/// emulator: tiles along N are alike, and the schedule stays.
struct Subject {
  GemmSpec full, spec;
  Schedule schedule;

  explicit Subject(const std::string &text, bool dependent = false)
      : full(parseGemmSpec(text)), spec(full),
        schedule(chooseSchedule(full, target("sm_90a")).schedule) {
    schedule.dependent = dependent ? Dependent::end : Dependent::none;
    constexpr std::int64_t weights = 2 << 20;
    std::int64_t tiles =
        std::max<std::int64_t>(1, weights / full.k / schedule.blockN);
    spec.n = std::min(full.n, tiles * schedule.blockN);
  }
  std::uint64_t fragments() const {
    return static_cast<std::uint64_t>(spec.n * spec.k) / 256;
  }
};

std::vector<std::string> linesOf(const std::string &text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);)
    lines.push_back(line);
  return lines;
}

/// First and last index of the shortest backward branch around all lines that
/// match `inner`.
std::pair<std::size_t, std::size_t>
mainLoop(const std::vector<std::string> &lines,
         const std::map<std::string, std::size_t> &labels,
         const std::regex &branch, const std::regex &inner) {
  std::size_t first = lines.size(), last = 0;
  for (std::size_t n = 0; n < lines.size(); ++n)
    if (std::regex_search(lines[n], inner)) {
      first = std::min(first, n);
      last = n;
    }
  std::pair<std::size_t, std::size_t> best{0, lines.size()};
  bool found = false;
  for (std::size_t n = last; n < lines.size(); ++n) {
    std::smatch match;
    if (!std::regex_search(lines[n], match, branch))
      continue;
    auto at = labels.find(match[1]);
    if (at == labels.end() || at->second > first)
      continue;
    if (n - at->second < best.second - best.first)
      best = {at->second, n};
    found = true;
  }
  if (!found)
    FAIL("no loop around the matrix instructions");
  return best;
}

std::pair<std::size_t, std::size_t>
ptxLoop(const std::vector<std::string> &lines) {
  std::map<std::string, std::size_t> labels;
  const std::regex label("^(\\$[A-Za-z0-9_]+):");
  for (std::size_t n = 0; n < lines.size(); ++n)
    if (std::smatch match; std::regex_search(lines[n], match, label))
      labels[match[1]] = n;
  return mainLoop(lines, labels,
                  std::regex("\\bbra(?:\\.uni)?\\s+(\\$[A-Za-z0-9_]+);"),
                  std::regex("\\bw?g?mma\\.(sync|mma_async)"));
}

/// Instructions of a disassembly, as cuobjdump or nvdisasm print them.
struct Sass {
  std::vector<std::string> code;
  std::map<std::string, std::size_t> labels; ///< ".L_x_1" and "0x120"

  explicit Sass(const std::string &text) {
    const std::regex instruction("^\\s*/\\*([0-9a-f]{4,})\\*/\\s+(.*;)"),
        label("^(\\.L_[A-Za-z0-9_]+):");
    for (const std::string &line : linesOf(text)) {
      std::smatch match;
      if (std::regex_search(line, match, label)) {
        labels[match[1]] = code.size();
      } else if (std::regex_search(line, match, instruction)) {
        labels[fmt::format("{:#x}", std::stoul(match[1], nullptr, 16))] =
            code.size();
        code.push_back(match[2]);
      }
    }
  }
  std::size_t count(const char *what, std::size_t first,
                    std::size_t last) const {
    std::regex expression(what);
    return static_cast<std::size_t>(
        std::count_if(code.begin() + static_cast<std::ptrdiff_t>(first),
                      code.begin() + static_cast<std::ptrdiff_t>(last),
                      [&](const std::string &line) {
                        return std::regex_search(line, expression);
                      }));
  }
};

bool hasDisassembler() {
  return toolchain().cuobjdump.found() || toolchain().nvdisasm.found();
}

void warnOfMissingTools() {
  if (!toolchain().ptxas.found() && !toolchain().nvJitLink)
    WARN("no assembler is installed: registers, spills and machine code are "
         "not checked");
  else if (!hasDisassembler())
    WARN("no disassembler is installed: machine code is not checked");
}

std::optional<Cubin> assembled(const Ptx &ptx) {
  return assembleIfPossible(ptx, toolchain());
}

} // namespace

TEST_CASE("default kernels read weights once, wide, without conflicts") {
  for (const std::string &text : subjects()) {
    Subject subject(text);
    INFO(text << " by " << print(subject.schedule));
    auto device = openEmulator();
    Engine engine(device);
    EmulatedGemm gemm(device, subject.spec);
    Kernel kernel = engine.gemm(subject.spec, subject.schedule);
    Comparison c = gemm.run(kernel, 0, 1);
    CHECK(c.relativeFrobenius <=
          bound(subject.spec.x, subject.schedule.reduce));

    LaunchCounters counters = device->counters();
    for (const BufferCounters &b : counters.buffers)
      if (b.name == "qweight") {
        CHECK(b.bytesRead == gemm.weights()["qweight"].bytes());
        CHECK(b.sectorsRead == gemm.weights()["qweight"].bytes() / 32);
      }
    std::vector<std::string> lines = linesOf(kernel.ptx().text);
    auto [first, last] = ptxLoop(lines);
    std::uint64_t seen = 0; // sectors
    for (const AccessCounters &a : counters.accesses) {
      CAPTURE(a.line, a.statement);
      if (a.buffer == "qweight") {
        CHECK(a.width == 16);
        CHECK(a.sectors == a.idealSectors);
        seen += a.sectors;
      }
      if (a.line > first && a.line <= last + 1)
        CHECK(a.wavefronts <= a.idealWavefronts);
    }
    // The copy engine's are not a warp's accesses.
    if (subject.schedule.weights != WeightPath::bulk)
      CHECK(seen * 32 == gemm.weights()["qweight"].bytes());

    // PTX instructions of the loop that become machine instructions: `mov`
    // names a register.
    const std::regex move("\\bmov\\."), bits("\\b(lop3|and|or|xor)\\.");
    double all = 0, logic = 0;
    for (auto [line, executed] : counters.byLine) {
      if (line <= first || line > last + 1)
        continue;
      const std::string &statement = lines[line - 1];
      if (std::regex_search(statement, move))
        continue;
      all += static_cast<double>(executed);
      if (std::regex_search(statement, bits))
        logic += static_cast<double>(executed);
    }
    const auto fragments = static_cast<double>(subject.fragments());
    CAPTURE(all / fragments, logic / fragments);
    CHECK(all / fragments <= instructionsPerFragment);
    CHECK(logic / fragments <= logicPerFragment);
    CHECK(logic / fragments >= 4); // or something was not counted
  }
}

TEST_CASE("default kernels fit their registers and the instruction budget") {
  warnOfMissingTools();
  for (const std::string &text : subjects()) {
    Subject subject(text);
    INFO(text << " by " << print(subject.schedule));
    CompiledGemm gemm =
        compileGemm(subject.full, subject.schedule, target("sm_90a"));
    std::optional<Cubin> cubin = assembled(gemm.ptx);
    if (cubin) {
      CHECK(cubin->resources.spillStores == 0);
      CHECK(cubin->resources.spillLoads == 0);
      CHECK(cubin->resources.localBytes == 0);
    }
    if (!cubin || !hasDisassembler())
      continue;
    const Sass sass(disassemble(*cubin));
    auto [first, last] = mainLoop(
        sass.code, sass.labels,
        std::regex("\\bBRA(?:\\.[A-Z.]+)?\\s+`?\\(?(\\.L_\\w+|0x[0-9a-f]+)"),
        std::regex("\\bHMMA\\."));
    const double products =
        static_cast<double>(sass.count("\\bHMMA\\.", first, last));
    const double fragments = products / (subject.schedule.blockM / 8);
    REQUIRE(fragments > 0);
    CAPTURE(first, last, fragments);
    CHECK(static_cast<double>(last - first + 1) / fragments <=
          instructionsPerFragment);
    CHECK(static_cast<double>(sass.count("\\bU?LOP3\\.", first, last)) /
              fragments <=
          logicPerFragment);
    CHECK(sass.count("\\b(LDL|STL)\\b", 0, sass.code.size()) == 0);
  }
}

TEST_CASE("dependent kernels issue weights before the wait, the rest after") {
  warnOfMissingTools();
  for (const std::string &text : subjects()) {
    Subject subject(text, /*dependent=*/true);
    const Schedule &s = subject.schedule;
    INFO(text << " by " << print(s));
    auto device = openEmulator();
    Engine engine(device);
    EmulatedGemm gemm(device, subject.spec);
    Kernel kernel = engine.gemm(subject.spec, s);
    Comparison c = gemm.run(kernel, 0, 1);
    CHECK(c.relativeFrobenius <= bound(subject.spec.x, s.reduce));
    const std::int64_t steps = (subject.spec.k + s.blockK - 1) / s.blockK;
    // Steps of a split's share that are requested at once.
    const std::int64_t most = s.weights == WeightPath::registers ? 1
                              : s.producers                      ? s.stages
                                                                 : s.stages - 1;
    std::int64_t ahead = 0;
    for (std::int64_t part = 0; part < s.split; ++part) {
      const std::int64_t share =
          s.order == KOrder::contiguous
              ? (part + 1) * steps / s.split - part * steps / s.split
              : (steps - part + s.split - 1) / s.split;
      ahead += std::min(share, most);
    }
    for (const BufferCounters &b : device->counters().buffers) {
      CAPTURE(b.name);
      if (b.name == "qweight")
        CHECK(b.bytesBeforeWait == static_cast<std::uint64_t>(
                                       ahead * s.blockK * subject.spec.n / 2));
      else if (b.name != "scales")
        CHECK(b.bytesBeforeWait == 0);
    }

    std::optional<Cubin> cubin = assembled(kernel.ptx());
    if (!cubin || !hasDisassembler())
      continue;
    const Sass sass(disassemble(*cubin));
    // The assembler keeps every copy on its side of the wait. It may unroll the
    // loops that fill the stages before the main loop.
    const std::string &ptx = kernel.ptx().text;
    std::size_t at = ptx.find("griddepcontrol.wait");
    REQUIRE(at != std::string::npos);
    std::regex copies("\\b(cp\\.async\\.c[ag]|ld\\.([a-z]+\\.)*global)");
    auto copiesIn = [&](std::size_t from, std::size_t to) {
      std::string part = ptx.substr(from, to - from);
      return static_cast<std::size_t>(
          std::distance(std::sregex_iterator(part.begin(), part.end(), copies),
                        std::sregex_iterator()));
    };
    const char *wait = "\\bACQBULK\\b", *load = "\\b(LDGSTS|LDG)\\b";
    REQUIRE(sass.count(wait, 0, sass.code.size()) == 1);
    std::size_t position = 0;
    while (!sass.count(wait, position, position + 1))
      ++position;
    std::size_t loop = 0;
    const std::vector<std::string> lines = linesOf(ptx);
    for (std::size_t line = 0; line < ptxLoop(lines).first; ++line)
      loop += lines[line].size() + 1;
    const auto trips = static_cast<std::size_t>(s.stages - 1);
    auto isFilled = [&](std::size_t count, std::size_t filling,
                        std::size_t rest) {
      return count == filling + rest || count == trips * filling + rest;
    };
    std::size_t before = sass.count(load, 0, position),
                after = sass.count(load, position, sass.code.size());
    CAPTURE(before, after, copiesIn(0, at), copiesIn(at, loop),
            copiesIn(loop, ptx.size()));
    CHECK(isFilled(before, copiesIn(0, at), 0));
    CHECK(isFilled(after, copiesIn(at, loop), copiesIn(loop, ptx.size())));
  }
}
