// Capture, replay and events.

#include "runtime/CudaTiming.h"

namespace lath {

using namespace cuda;

using Work = std::function<void(Stream)>;

static CudaHandle<CUgraph> capture(const CudaContext &context, CUstream stream,
                                   const Work &work) {
  const Driver &driver = context.driver;
  CudaHandle<CUgraph> graph(driver.graphDestroy);
  // Thread-local: what other threads do with the device is none of its
  // business, and an unsafe call in this one still fails.
  context.check(
      driver.streamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
      "cuStreamBeginCapture");
  try {
    work(stream);
  } catch (...) {
    driver.streamEndCapture(stream, graph.out());
    throw;
  }
  context.check(driver.streamEndCapture(stream, graph.out()),
                "cuStreamEndCapture");
  std::size_t nodes = 0;
  context.check(driver.graphGetNodes(graph.get(), nullptr, &nodes),
                "cuGraphGetNodes");
  if (nodes == 0)
    throw Error(ErrorKind::invalidInput,
                "nothing to time: the work launched nothing on the stream it "
                "was given");
  return graph;
}

static CudaHandle<CUgraphExec> instantiate(const CudaContext &context,
                                           CUstream stream, const Work &work) {
  CudaHandle<CUgraph> graph = capture(context, stream, work);
  CudaHandle<CUgraphExec> executable(context.driver.graphExecDestroy);
  context.check(
      context.driver.graphInstantiate(executable.out(), graph.get(), 0),
      "cuGraphInstantiateWithFlags");
  return executable;
}

namespace {

struct Replay {
  CudaHandle<CUevent> start, stop;

  explicit Replay(const CudaContext &context)
      : start(context.driver.eventDestroy), stop(context.driver.eventDestroy) {
    for (CudaHandle<CUevent> *event : {&start, &stop})
      context.check(context.driver.eventCreate(event->out(), CU_EVENT_DEFAULT),
                    "cuEventCreate");
  }
};

} // namespace

std::vector<std::vector<double>> timeGraphsOnGpu(const CudaContext &context,
                                                 std::span<const Work> works,
                                                 int warmups, int replays) {
  ContextScope scope(context);
  const Driver &driver = context.driver;
  context.check(driver.ctxSynchronize(), "cuCtxSynchronize");

  CudaHandle<CUstream> stream(driver.streamDestroy);
  context.check(driver.streamCreate(stream.out(), CU_STREAM_NON_BLOCKING),
                "cuStreamCreate");
  std::vector<CudaHandle<CUgraphExec>> graphs;
  std::vector<std::vector<Replay>> timed(works.size());
  for (std::size_t i = 0; i < works.size(); ++i) {
    graphs.push_back(instantiate(context, stream.get(), works[i]));
    timed[i].reserve(static_cast<std::size_t>(replays));
    for (int round = 0; round < replays; ++round)
      timed[i].emplace_back(context);
  }

  auto launch = [&](std::size_t i) {
    context.check(driver.graphLaunch(graphs[i].get(), stream.get()),
                  "cuGraphLaunch");
  };
  auto record = [&](const CudaHandle<CUevent> &event) {
    context.check(driver.eventRecord(event.get(), stream.get()),
                  "cuEventRecord");
  };
  for (int round = 0; round < warmups; ++round)
    for (std::size_t i = 0; i < works.size(); ++i)
      launch(i);
  // No synchronisation between warm-ups and timed replays: the GPU stays busy,
  // so that no start event waits for the host to submit the graph after it.
  for (int round = 0; round < replays; ++round)
    for (std::size_t i = 0; i < works.size(); ++i) {
      std::size_t at = round % 2 ? works.size() - 1 - i : i;
      Replay &replay = timed[at][static_cast<std::size_t>(round)];
      record(replay.start);
      launch(at);
      record(replay.stop);
    }
  context.check(driver.streamSynchronize(stream.get()), "cuStreamSynchronize");

  std::vector<std::vector<double>> micros(works.size());
  for (std::size_t i = 0; i < works.size(); ++i)
    for (const Replay &replay : timed[i]) {
      float milliseconds = 0;
      context.check(driver.eventElapsedTime(&milliseconds, replay.start.get(),
                                            replay.stop.get()),
                    "cuEventElapsedTime");
      micros[i].push_back(1000.0 * milliseconds);
    }
  return micros;
}

} // namespace lath
