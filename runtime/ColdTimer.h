// Honest timing of kernels that read their weights from memory, not from L2.
//
// A kernel timed in a loop over one set of weights finds them in L2 (60 MB on
// an H200) and looks faster than it can be in a model, where every layer's
// weights come from memory. So the launches rotate over copies of the weights
// that together exceed four times the L2. Emptying the cache by a memset in
// between would be no substitute: its dirty lines are written back during the
// next kernel, which then pays for them.
//
// All launches of a round form one graph, so that the host's launch cost stays
// outside; they follow each other on one stream, as in a model.
//
//   std::vector<ColdCandidate> both{
//       {"gemm", copies, bytes, [&](Stream s, unsigned c) { gemm(s, c); }},
//       {"read", copies, bytes, [&](Stream s, unsigned c) { read(s, c); }}};
//   std::vector<ColdTiming> timings = timeCold(device, both);
#pragma once

#include "runtime/Device.h"

#include <functional>
#include <span>
#include <string>
#include <vector>

namespace lath {

/// How many copies of `copyBytes` exceed four times the device's L2; at
/// least 2.
unsigned coldCopies(const DeviceInfo &device, std::size_t copyBytes);

/// One kernel to time.
struct ColdCandidate {
  std::string name;          ///< for messages
  unsigned copies = 0;       ///< of the memory that must be cold
  std::size_t copyBytes = 0; ///< of one copy, all that one launch reads of it
  /// Puts one launch on the stream that reads copy `copy`, in [0, copies). It
  /// is called once per launch of the graph, under capture: prepare everything
  /// before.
  std::function<void(Stream, unsigned copy)> launch;
};

struct ColdOptions {
  /// In one graph, at least 50. Rounded up to a multiple of the copies: only
  /// then is the distance between two reads of one copy always the whole set.
  unsigned launches = 50;
  int warmups = 3;  ///< untimed rounds, at least 1
  int replays = 20; ///< timed rounds, at least 20; to rank, 3
  /// Only to tell fast from slow: fewer rounds are allowed.
  bool ranking = false;
};

/// Microseconds per launch; each sample is a round's time over its launches.
struct ColdTiming {
  double median = 0, min = 0, max = 0, p10 = 0, p90 = 0;
  unsigned launches = 0;       ///< per round, after rounding up
  std::vector<double> samples; ///< by round, unsorted
};

/// Times the candidates against each other, rounds alternating between them
/// (Device::timeGraphs). Check their results before: a wrong kernel may be
/// fast. Returns one timing per candidate, in their order.
///
/// Throws Error{invalidInput} where a rotation set is too small to be cold or
/// an option is below its least value, and whatever the device or a launch
/// throws.
std::vector<ColdTiming> timeCold(Device &device,
                                 std::span<const ColdCandidate> candidates,
                                 const ColdOptions &options = {});

/// The same for one.
ColdTiming timeCold(Device &device, const ColdCandidate &candidate,
                    const ColdOptions &options = {});

} // namespace lath
