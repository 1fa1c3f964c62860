#include "runtime/emulator/Counters.h"
#include "runtime/emulator/ThreadCounters.h"

#include <bit>
#include <fmt/format.h>

namespace lath {

std::string print(const LaunchCounters &c, std::uint64_t fragments) {
  std::string text =
      fmt::format("{} blocks, {} warps, {} warp instructions, {} barrier "
                  "arrivals, {} atomics\n"
                  "most in flight: {} groups a thread, {} bytes a block\n",
                  c.blocks, c.warps, c.instructions, c.barriers, c.atomics,
                  c.stagesInFlight, c.bytesInFlight);
  auto over = [](std::uint64_t count, std::uint64_t many) {
    return many ? static_cast<double>(count) / static_cast<double>(many) : 0;
  };
  auto row = [&](const std::string &kind, std::uint64_t count) {
    text += fmt::format("  {:<12} {:>12}  {:>8.2f} a warp", kind, count,
                        over(count, c.warps));
    if (fragments)
      text += fmt::format("  {:>8.2f} a fragment", over(count, fragments));
    text += '\n';
  };
  for (const auto &[kind, count] : c.byKind)
    row(kind, count);
  if (fragments)
    row("all", c.instructions);
  text += "buffer              bytes read  sectors   bytes written  sectors  "
          "atomics\n";
  for (const BufferCounters &b : c.buffers)
    text += fmt::format("  {:<14} {:>13} {:>8} {:>15} {:>8} {:>8}\n", b.name,
                        b.bytesRead, b.sectorsRead, b.bytesWritten,
                        b.sectorsWritten, b.atomics);
  text += "line   executed   sectors (ideal)   wavefronts (ideal)\n";
  for (const AccessCounters &a : c.accesses)
    text += fmt::format("{:>5} {:>9} {:>9} {:>9} {:>9} {:>9}  {}\n", a.line,
                        a.executed, a.sectors, a.idealSectors, a.wavefronts,
                        a.idealWavefronts, a.statement);
  return text;
}

namespace emulator {

ThreadCounters::ThreadCounters(const Launch &launch)
    : launch_(launch), by_(launch.program->code.size() + 1) {}

namespace {

struct Coverage {
  std::uint64_t sectors = 0;  ///< distinct 32-byte ones
  std::uint64_t distinct = 0; ///< bytes
};

/// Of `bytes` at each address of the mask, by sorting at most 32 ranges.
Coverage coverageOf(std::uint32_t mask, const std::uint64_t *addresses,
                    unsigned bytes) {
  std::array<std::uint64_t, warpSize> sorted;
  unsigned count = 0;
  for (std::uint32_t m = mask; m; m &= m - 1)
    sorted[count++] = addresses[__builtin_ctz(m)];
  if (!std::is_sorted(sorted.begin(), sorted.begin() + count))
    std::sort(sorted.begin(), sorted.begin() + count);
  Coverage result;
  std::uint64_t lastSector = ~0ull, covered = 0;
  for (unsigned n = 0; n < count; ++n) {
    std::uint64_t begin = sorted[n], end = begin + bytes;
    result.distinct += end - std::min(end, std::max(begin, covered));
    covered = std::max(covered, end);
    for (std::uint64_t s = begin / 32; s <= (end - 1) / 32; ++s)
      if (s != lastSector) {
        ++result.sectors;
        lastSector = s;
      }
  }
  return result;
}

/// Whether each lane of `count` from `first` asks for the same place as the
/// one next to it, or each for the same as the one two lanes away; idle lanes
/// do not stand in the way.
bool neighboursShare(std::uint32_t mask, const std::uint64_t *addresses,
                     unsigned first, unsigned count) {
  for (unsigned distance : {1u, 2u}) {
    bool all = true;
    for (unsigned lane = first; lane < first + count; ++lane) {
      unsigned other = lane ^ distance;
      all &= !(mask >> lane & 1) || !(mask >> other & 1) ||
             addresses[lane] == addresses[other];
    }
    if (all)
      return true;
  }
  return false;
}

/// Passes over the banks: as many as a bank has distinct words to give.
unsigned passesOf(std::uint32_t mask, const std::uint64_t *addresses,
                  unsigned bytes, unsigned first, unsigned count) {
  std::array<std::array<std::uint32_t, warpSize>, 32> words;
  std::array<unsigned, 32> used{};
  unsigned passes = 0;
  for (unsigned lane = first; lane < first + count; ++lane) {
    if (!(mask >> lane & 1))
      continue;
    for (unsigned at = 0; at < std::max(bytes, 1u); at += 4) {
      auto word = static_cast<std::uint32_t>((addresses[lane] + at) / 4);
      unsigned bank = word % 32;
      auto end = words[bank].begin() + used[bank];
      if (std::find(words[bank].begin(), end, word) != end)
        continue;
      words[bank][used[bank]] = word;
      passes = std::max(passes, ++used[bank]);
    }
  }
  return passes;
}

} // namespace

std::uint64_t ThreadCounters::sectors(const Instruction &i, std::uint32_t mask,
                                      const std::uint64_t *addresses,
                                      unsigned bytes) {
  Coverage coverage = coverageOf(mask, addresses, bytes);
  ByInstruction &entry = by_[i.statement];
  entry.bytes += std::uint64_t{bytes} * std::popcount(mask);
  entry.sectors += coverage.sectors;
  entry.idealSectors += (coverage.distinct + 31) / 32;
  return coverage.sectors;
}

void ThreadCounters::global(const Instruction &i, std::uint32_t mask,
                            const std::uint64_t *addresses, unsigned bytes,
                            const Buffer *buffer, bool writes,
                            bool beforeWait) {
  by_[i.statement].buffer = buffer;
  by_[i.statement].width = bytes;
  ByBuffer &b = buffers_[buffer];
  std::uint64_t asked = std::uint64_t{bytes} * std::popcount(mask);
  (writes ? b.bytesWritten : b.bytesRead) += asked;
  if (beforeWait && launch_.program->waitsForGrids)
    b.bytesBeforeWait += asked;
  (writes ? b.sectorsWritten : b.sectorsRead) +=
      sectors(i, mask, addresses, bytes);
}

void ThreadCounters::shared(const Instruction &i, std::uint32_t mask,
                            const std::uint64_t *addresses, unsigned bytes) {
  // 128 bytes a pass: lanes go in groups of 32, 16 or 8 by the access's width.
  // Two groups of a load go together where lanes share places.
  unsigned lanes = bytes <= 4 ? 32 : bytes == 8 ? 16 : 8;
  ByInstruction &entry = by_[i.statement];
  entry.width = bytes;
  for (unsigned first = 0; first < warpSize;) {
    bool together = lanes < warpSize && first % (2 * lanes) == 0 &&
                    i.kind == Kind::sharedLoad &&
                    neighboursShare(mask, addresses, first, 2 * lanes);
    unsigned count = together ? 2 * lanes : lanes;
    entry.wavefronts += passesOf(mask, addresses, bytes, first, count);
    first += count;
  }
  std::uint64_t asked = std::uint64_t{bytes} * std::popcount(mask);
  entry.bytes += asked;
  entry.idealWavefronts += (asked + 127) / 128;
}

void ThreadCounters::copied(const Instruction &i, std::uint32_t mask,
                            const std::uint64_t *from, const std::uint64_t *to,
                            unsigned bytes) {
  std::array<std::pair<std::uint64_t, std::uint64_t>, warpSize> pieces;
  unsigned count = 0;
  for (std::uint32_t m = mask; m; m &= m - 1) {
    int lane = __builtin_ctz(m);
    pieces[count++] = {from[lane] / 32, to[lane] / 32};
  }
  std::sort(pieces.begin(), pieces.begin() + count);
  auto distinct =
      std::unique(pieces.begin(), pieces.begin() + count) - pieces.begin();
  by_[i.statement].sectors += static_cast<std::uint64_t>(distinct) -
                              coverageOf(mask, from, bytes).sectors;
}

void ThreadCounters::atomics(const Instruction &i, std::uint32_t mask,
                             const std::uint64_t *addresses, unsigned bytes,
                             const Buffer *buffer) {
  auto lanes = static_cast<unsigned>(std::popcount(mask));
  atomics_ += lanes;
  buffers_[buffer].atomics += lanes;
  // Lanes at one address go one after the other: a sector is asked for as
  // often as the address in it that most lanes share.
  ByInstruction &entry = by_[i.statement];
  entry.bytes += std::uint64_t{bytes} * lanes;
  entry.idealSectors += (coverageOf(mask, addresses, bytes).distinct + 31) / 32;
  for (std::uint32_t left = mask; left;) {
    std::uint32_t round = 0;
    for (std::uint32_t m = left; m; m &= m - 1) {
      int lane = __builtin_ctz(m);
      bool taken = false;
      for (std::uint32_t r = round; r; r &= r - 1)
        taken |= addresses[__builtin_ctz(r)] == addresses[lane];
      round |= taken ? 0 : 1u << lane;
    }
    entry.sectors += coverageOf(round, addresses, bytes).sectors;
    left &= ~round;
  }
}

void ThreadCounters::bulk(const Buffer *buffer, std::uint64_t bytes,
                          bool writes, bool beforeWait) {
  ByBuffer &b = buffers_[buffer];
  (writes ? b.bytesWritten : b.bytesRead) += bytes;
  if (beforeWait && launch_.program->waitsForGrids)
    b.bytesBeforeWait += bytes;
  (writes ? b.sectorsWritten : b.sectorsRead) += (bytes + 31) / 32;
}

void ThreadCounters::mergeInto(LaunchCounters &total) const {
  total.blocks += blocks_;
  total.warps += warps_;
  total.atomics += atomics_;
  total.barriers += barriers_;
  total.stagesInFlight = std::max(total.stagesInFlight, groups_);
  total.bytesInFlight = std::max(total.bytesInFlight, bytes_);
  const Module &m = launch_.program->module;
  for (std::size_t n = 0; n < launch_.program->code.size(); ++n) {
    const ByInstruction &from = by_[n];
    total.instructions += from.executed;
    if (from.executed)
      total.byLine[m.statements[n].line] += from.executed;
    if (from.executed)
      total.byKind[name(launch_.program->code[n].kind)] += from.executed;
    if (!from.accesses)
      continue;
    unsigned line = m.statements[n].line;
    auto same = std::find_if(total.accesses.begin(), total.accesses.end(),
                             [&](const AccessCounters &a) {
                               return a.line == line &&
                                      a.statement == m.statements[n].text;
                             });
    if (same == total.accesses.end()) {
      total.accesses.push_back({.line = line,
                                .kind = name(launch_.program->code[n].kind),
                                .statement = m.statements[n].text,
                                .buffer = {}});
      same = std::prev(total.accesses.end());
    }
    if (from.buffer)
      same->buffer = launch_.nameOf(from.buffer);
    same->width = from.width;
    same->executed += from.accesses;
    same->bytes += from.bytes;
    same->sectors += from.sectors;
    same->idealSectors += from.idealSectors;
    same->wavefronts += from.wavefronts;
    same->idealWavefronts += from.idealWavefronts;
  }
  for (const auto &[buffer, from] : buffers_) {
    std::string name = launch_.nameOf(buffer);
    auto same =
        std::find_if(total.buffers.begin(), total.buffers.end(),
                     [&](const BufferCounters &b) { return b.name == name; });
    if (same == total.buffers.end()) {
      total.buffers.push_back({.name = name});
      same = std::prev(total.buffers.end());
    }
    same->bytesRead += from.bytesRead;
    same->bytesWritten += from.bytesWritten;
    same->sectorsRead += from.sectorsRead;
    same->sectorsWritten += from.sectorsWritten;
    same->atomics += from.atomics;
    same->bytesBeforeWait += from.bytesBeforeWait;
  }
}

} // namespace emulator
} // namespace lath
