// Timing graphs of launches on a GPU.
#pragma once

#include "runtime/CudaContext.h"
#include "runtime/Device.h"

#include <functional>
#include <span>
#include <vector>

namespace lath {

/// Device::timeGraphs on a GPU. Captures each of `works` into a graph, on a
/// stream of its own that does not synchronise with the default stream, and
/// brackets every replay with a pair of events. Waits for all earlier work on
/// the device first. Returns microseconds by graph, then by round.
///
/// A figure holds what the GPU spends between the events: the launch latency of
/// a graph is in it, so give it enough launches to make that small. Keep
/// `warmups` at 1 or more: the first replay of a graph uploads it.
///
/// Throws Error{driver}, Error{invalidInput} where a work put nothing on the
/// stream it was given, and whatever a work throws.
std::vector<std::vector<double>>
timeGraphsOnGpu(const CudaContext &context,
                std::span<const std::function<void(Stream)>> works, int warmups,
                int replays);

} // namespace lath
