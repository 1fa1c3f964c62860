// Kernels for a profiler: one launch each, in the order of the table, on a GPU
// or on the emulator, which counts what the profiler should see.
#include "kernels/examples/Examples.h"
#include "kernels/programs/ProgramBench.h"
#include "kernels/tune/PlainRead.h"
#include "tools/CountersJson.h"
#include "tools/verify/Verify.h"

#include <fmt/format.h>
#include <fstream>

namespace lath::verify {

namespace {

using Json = nlohmann::ordered_json;

/// A GEMM of the engine's; the schedule is spelled out, so that a change of
/// the choice of schedules does not change what is compared.
void gemm(const std::shared_ptr<Device> &device, const char *spec,
          const char *schedule) {
  Workbench bench(device, parseGemmSpec(spec), 1);
  Engine engine(device);
  engine.gemm(bench.spec, parseSchedule(schedule))
      .launch(nullptr, bench.arguments());
  device->synchronize();
}

void example(const std::shared_ptr<Device> &device, const Example &example,
             const ExampleSizes &sizes) {
  ProgramBench bench(device, example.problem(sizes, Dtype::f16), 1);
  bench.launch();
  device->synchronize();
}

struct ProfileCase {
  const char *name, *kernel;
  void (*launch)(const std::shared_ptr<Device> &device);
};

const ProfileCase cases[] = {
    {"pipeline, M = 16", "dequant_gemm",
     [](const std::shared_ptr<Device> &d) {
       gemm(d, "m16n4096k4096g128",
            "bm16bn32bk512w8kw8st5s1,order=contiguous,scales=sums");
     }},
    {"pipeline, M = 1", "dequant_gemm",
     [](const std::shared_ptr<Device> &d) {
       gemm(d, "m1n4096k4096g128",
            "bm8bn32bk512w8kw8st5s1,order=contiguous,scales=sums");
     }},
    {"split, ordered", "dequant_gemm",
     [](const std::shared_ptr<Device> &d) {
       gemm(d, "m16n4096k4096g128s4,reduce=ordered",
            "bm16bn64bk128w2kw1st4s4,scales=weights,reduce=ordered");
     }},
    {"split, atomic", "dequant_gemm",
     [](const std::shared_ptr<Device> &d) {
       gemm(d, "m16n4096k4096g128s4,w=u4z,reduce=atomic",
            "bm16bn64bk128w4kw2st4s4,scales=weights,reduce=atomic");
     }},
    {"split, atomic in the output", "dequant_gemm",
     [](const std::shared_ptr<Device> &d) {
       gemm(d, "m16n4096k4096g128s4,reduce=atomic-out",
            "bm16bn64bk128w4kw2st4s4,scales=sums,reduce=atomic-out");
     }},
    {"softmax, odd rows", "softmax",
     [](const std::shared_ptr<Device> &d) {
       example(d, softmaxExample, {{"rows", 333}, {"columns", 3001}});
     }},
    {"matmul, b [K, N]", "matmul_kn",
     [](const std::shared_ptr<Device> &d) {
       example(d, matmulKnExample, {{"m", 128}, {"n", 256}, {"k", 512}});
     }},
    {"matmul, b [N, K], odd", "matmul_nk",
     [](const std::shared_ptr<Device> &d) {
       example(d, matmulNkExample, {{"m", 65}, {"n", 67}, {"k", 71}});
     }},
    {"vector add", "vector_add",
     [](const std::shared_ptr<Device> &d) {
       example(d, vectorAddExample, {{"n", 100003}});
     }},
    {"plain read", "plain_read",
     [](const std::shared_ptr<Device> &d) {
       DeviceBuffer words = uploaded(d, std::vector<std::uint32_t>(1 << 20, 1));
       PlainRead(d, words.bytes()).launch(nullptr, words.get());
       d->synchronize();
     }},
};

} // namespace

int profile(const std::shared_ptr<Device> &device, EmulatedDevice *emulator,
            const std::string &path) {
  Json json = {{"device", device->info().name},
               {"driver", device->info().driverText},
               {"kernels", Json::array()}};
  auto launched = [&](const std::string &name, const char *kernel) {
    Json entry = {{"name", name}, {"kernel", kernel}};
    if (emulator)
      entry["counters"] = asJson(emulator->counters());
    json["kernels"].push_back(entry);
  };
  for (const ProfileCase &c : cases) {
    c.launch(device);
    launched(c.name, c.kernel);
  }
  profileAccesses(device,
                  [&](const std::string &name) { launched(name, "access"); });
  fmt::print("{} launches\n", json["kernels"].size());
  std::ofstream file(path);
  file << json.dump(1) << "\n";
  if (!file.flush())
    throw Error(ErrorKind::invalidInput, fmt::format("cannot write {}", path));
  return 0;
}

} // namespace lath::verify
