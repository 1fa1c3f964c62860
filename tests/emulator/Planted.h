// Kernels as texts with bugs planted in them. A bug replaces one piece.
#pragma once

#include "tests/emulator/Ptx.h"

#include <catch2/catch.hpp>

#include <array>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace lath::test {

using Words = std::vector<std::uint32_t>;

struct Bug {
  const char *name;
  const char *from, *to;
  Suspicion expected;
};

struct Planted {
  const char *name;
  KernelText text;
  std::vector<std::size_t> words; ///< of each buffer
  std::set<std::size_t> outputs;  ///< buffers that start uninitialised
  std::array<unsigned, 3> grid;
  std::vector<Bug> bugs;
  std::set<std::size_t> zeroed = {}, tickets = {}, workspaces = {};
};

inline std::vector<Report> launch(const Planted &k, const std::string &body,
                                  Words *out = nullptr) {
  auto device = quietEmulator();
  std::vector<DeviceBuffer> buffers;
  std::vector<DevicePtr> pointers;
  for (std::size_t n = 0; n < k.words.size(); ++n) {
    buffers.emplace_back(device, 4 * k.words[n]);
    Words data(k.words[n]);
    for (std::size_t w = 0; w < data.size(); ++w)
      data[w] =
          k.zeroed.contains(n) ? 0 : static_cast<std::uint32_t>(w * 3 + 1);
    if (!k.outputs.contains(n))
      device->upload(buffers[n].get(), data.data(), 4 * data.size());
    pointers.push_back(buffers[n].get());
  }
  KernelText text = k.text;
  text.body = body;
  Ptx ptx = makePtx(text, static_cast<unsigned>(k.words.size()));
  for (std::size_t n : k.tickets)
    ptx.params[n].kind = KernelParam::Kind::tickets;
  for (std::size_t n : k.workspaces)
    ptx.params[n].kind = KernelParam::Kind::workspace;
  for (std::size_t n : k.outputs)
    if (!k.workspaces.contains(n))
      device->expectWritten(pointers[n], buffers[n].bytes());
  if (body == k.text.body) {
    std::vector<const DeviceBuffer *> all;
    for (const DeviceBuffer &buffer : buffers)
      all.push_back(&buffer);
    launchOnBoth(*device, ptx, all, k.grid);
  } else {
    launchPtx(*device, ptx, pointers, k.grid);
  }
  if (out)
    *out = downloaded<std::uint32_t>(*device, buffers.back());
  return device->takeReports();
}

/// The kernel as it is must be silent; with each bug, say what is expected.
inline Words check(const Planted &k) {
  INFO(k.name);
  Words result;
  for (const Report &report : launch(k, k.text.body, &result))
    FAIL_CHECK(print(report));
  for (const Bug &bug : k.bugs) {
    INFO(bug.name);
    std::string body = k.text.body;
    std::size_t at = body.find(bug.from);
    REQUIRE(at != std::string::npos);
    body.replace(at, std::strlen(bug.from), bug.to);
    std::vector<Report> reports = launch(k, body);
    bool found = false;
    std::string all;
    for (const Report &report : reports) {
      found |= report.kind == bug.expected;
      all += print(report) + "\n";
    }
    INFO("reports:\n" << all);
    CHECK(found);
  }
  return result;
}

} // namespace lath::test
