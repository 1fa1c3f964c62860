#include "runtime/emulator/Outputs.h"

#include <algorithm>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

void add(const Launch &launch, Suspicion kind, const Buffer &buffer,
         std::uint64_t address, std::string detail) {
  Report r;
  r.kind = kind;
  r.address = address;
  r.buffer = launch.nameOf(&buffer);
  r.detail = std::move(detail);
  launch.log->add(std::move(r));
}

void checkHoles(const Launch &launch, const GlobalRaces &races,
                const Buffer &buffer) {
  std::vector<bool> written;
  if (!races.wrote(buffer, written))
    return;
  // What was uploaded, or written by an earlier launch, may stay.
  auto isHole = [&](std::size_t g) {
    return !written[g] &&
           buffer.written[g * races.granuleBytes] != Buffer::defined;
  };
  std::size_t end = written.size(), holes = 0, first = 0;
  while (end > 0 && !written[end - 1])
    --end;
  for (std::size_t g = end; g-- > 0;)
    if (isHole(g)) {
      ++holes;
      first = g;
    }
  if (!holes)
    return;
  std::uint64_t byte = first * races.granuleBytes;
  add(launch, Suspicion::unwritten, buffer, buffer.base + byte,
      fmt::format("{} bytes below the last one written were not written, from "
                  "byte {} on",
                  holes * races.granuleBytes, byte));
}

void checkExpected(const Launch &launch, const GlobalRaces &races,
                   const ExpectedOutput &e) {
  for (const auto &buffer : launch.buffers) {
    if (!buffer->contains(e.address, e.bytes))
      continue;
    std::vector<bool> written(
        (buffer->bytes + races.granuleBytes - 1) / races.granuleBytes, false);
    races.wrote(*buffer, written);
    auto begin =
        written.begin() + static_cast<std::ptrdiff_t>(
                              (e.address - buffer->base) / races.granuleBytes);
    auto end = written.begin() +
               static_cast<std::ptrdiff_t>(
                   (e.address - buffer->base + e.bytes) / races.granuleBytes);
    auto hole = std::find(begin, end, false);
    if (hole == end)
      return;
    auto byte =
        static_cast<std::uint64_t>(hole - written.begin()) * races.granuleBytes;
    add(launch, Suspicion::unwritten, *buffer, buffer->base + byte,
        fmt::format("{} of {} expected bytes were not written, from byte {} on",
                    std::count(begin, end, false) * races.granuleBytes, e.bytes,
                    byte));
    return;
  }
}

void checkZero(const Launch &launch, const Buffer &buffer, const char *what) {
  auto end = buffer.data.get() + buffer.bytes;
  auto dirty = std::find_if(buffer.data.get(), end,
                            [](std::uint8_t b) { return b != 0; });
  if (dirty == end)
    return;
  auto byte = static_cast<std::uint64_t>(dirty - buffer.data.get());
  add(launch, Suspicion::notReset, buffer, buffer.base + byte,
      fmt::format("{} must be zero after a launch; byte {} is {:#x}", what,
                  byte, *dirty));
}

} // namespace

void checkOutputs(const Launch &launch, const GlobalRaces &races,
                  const Ptx &ptx, const std::vector<const Buffer *> &arguments,
                  const std::vector<ExpectedOutput> &expected) {
  for (std::size_t n = 0; n < arguments.size(); ++n) {
    if (!arguments[n])
      continue;
    const Buffer &buffer = *arguments[n];
    switch (ptx.params[n].kind) {
    case KernelParam::Kind::view:
      checkHoles(launch, races, buffer);
      break;
    case KernelParam::Kind::tickets:
      checkZero(launch, buffer, "the tickets");
      break;
    case KernelParam::Kind::workspace:
      if (races.usedAtomics(buffer))
        checkZero(launch, buffer, "a workspace of atomic sums");
      break;
    default: // no memory
      break;
    }
  }
  for (const ExpectedOutput &e : expected)
    checkExpected(launch, races, e);
}

} // namespace lath::emulator
