// The C interface inside: what exceptions become. The programs of tests/install
// use it from outside.
#include "kernels/c/CApi.h"
#include "kernels/tuned/TuningDb.h"
#include "runtime/CudaDevice.h"
#include "tests/unit/TemporaryFolder.h"
#include "tests/unit/Together.h"
#include "tests/unit/runtime/FakeDriver.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <string>
#include <thread>

using namespace lath;
using namespace lath::test;

namespace {
lath_status statusFor(Error error) {
  return c::guarded([&] { throw error; });
}
} // namespace

TEST_CASE("every kind of error has a status") {
  auto status = [](ErrorKind kind) { return statusFor({kind, "it"}); };
  CHECK(status(ErrorKind::invalidSpec) == LATH_INVALID_SPEC);
  CHECK(status(ErrorKind::invalidProgram) == LATH_INVALID_SPEC);
  CHECK(status(ErrorKind::unsupported) == LATH_UNSUPPORTED);
  CHECK(status(ErrorKind::invalidInput) == LATH_INVALID_ARGUMENT);
  CHECK(status(ErrorKind::compile) == LATH_COMPILE);
  CHECK(status(ErrorKind::toolchain) == LATH_TOOLCHAIN);
  CHECK(status(ErrorKind::notPrepared) == LATH_NOT_PREPARED);
  CHECK(status(ErrorKind::internal) == LATH_INTERNAL);
  CHECK(status(ErrorKind::driver) == LATH_FATAL); // no driver at all
  auto fault = [](Fault which) {
    return statusFor({ErrorKind::driver, "it", {}, which});
  };
  CHECK(fault(Fault::retry) == LATH_RETRY);
  CHECK(fault(Fault::contextLost) == LATH_CONTEXT_LOST);
  CHECK(fault(Fault::fatal) == LATH_FATAL);
  CHECK(c::guarded([] { throw std::bad_alloc(); }) == LATH_NO_MEMORY);
  CHECK(c::guarded([] { throw std::runtime_error("x"); }) == LATH_INTERNAL);
  CHECK(std::string(lath_last_error()) == "x");
  CHECK(c::guarded([] { throw 42; }) == LATH_INTERNAL);
  CHECK(c::guarded([] {}) == LATH_OK);
  for (int s = LATH_OK; s <= LATH_INTERNAL; ++s)
    CHECK(std::string(lath_status_name(static_cast<lath_status>(s))) !=
          "unknown status");
}

TEST_CASE("each thread has its last error, with the notes", "[threads]") {
  statusFor({ErrorKind::invalidSpec, "here", {"a note", "another"}});
  std::string there;
  std::jthread([&] {
    CHECK(std::string(lath_last_error()).empty());
    statusFor({ErrorKind::invalidSpec, "there"});
    there = lath_last_error();
  }).join();
  CHECK(there == "there");
  CHECK(std::string(lath_last_error()) == "here\na note\nanother");
}

TEST_CASE("threads share an engine through C, not their errors", "[threads]") {
  lath_device *device = nullptr;
  REQUIRE(lath_device_open_emulator("sm_90a", &device) == LATH_OK);
  lath_engine *engine = nullptr;
  REQUIRE(lath_engine_create(device, nullptr, &engine) == LATH_OK);
  std::atomic<int> wrong = 0;
  together(8, [&](int t) {
    lath_gemm_spec spec{};
    spec.struct_size = sizeof spec;
    wrong += lath_gemm_spec_parse("m8n64k256s1", &spec) != LATH_OK;
    spec.n = 32 * (1 + t % 2);
    for (int i = 0; i < 20; ++i) {
      lath_kernel *kernel = nullptr;
      wrong += lath_engine_gemm(engine, &spec, nullptr, &kernel) != LATH_OK;
      lath_gemm_arguments arguments{};
      arguments.struct_size = sizeof arguments;
      arguments.m = 100 + t;
      wrong += lath_kernel_launch(kernel, nullptr, &arguments) !=
               LATH_INVALID_ARGUMENT;
      wrong += std::string(lath_last_error())
                   .find("m = " + std::to_string(100 + t) + " is not in") ==
               std::string::npos;
      lath_kernel_free(kernel);
    }
  });
  CHECK(wrong == 0);
  lath_engine_free(engine);
  lath_device_free(device);
}

TEST_CASE("an error of the driver reaches a C caller as what it is") {
  lath_device device{openCuda(fakeDriver(), [](const Ptx &) {
    return Cubin{{'c', 'o', 'd', 'e'}, {}, {}, 0, {}};
  })};
  lath_engine *engine = nullptr;
  REQUIRE(lath_engine_create(&device, nullptr, &engine) == LATH_OK);
  lath_gemm_spec spec{};
  spec.struct_size = sizeof spec;
  REQUIRE(lath_gemm_spec_parse("m8n64k256s1", &spec) == LATH_OK);
  CHECK(spec.reduce == LATH_REDUCE_NONE);
  lath_kernel *kernel = nullptr;
  REQUIRE(lath_engine_gemm_on(engine, nullptr, &spec, nullptr, &kernel) ==
          LATH_OK);
  lath_gemm_arguments arguments{};
  arguments.struct_size = sizeof arguments;
  arguments.x = arguments.qweight = arguments.scales = arguments.out = 0x1000;
  // Zeros mean an empty batch: nothing is launched.
  record().calls.clear();
  CHECK(lath_kernel_launch(kernel, nullptr, &arguments) == LATH_OK);
  CHECK(record().calls.empty());
  arguments.m = LATH_ALL_ROWS;
  CHECK(lath_kernel_launch(kernel, nullptr, &arguments) == LATH_OK);
  CHECK(count("launchKernelEx") == 1);
  arguments.m = -2;
  CHECK(lath_kernel_launch(kernel, nullptr, &arguments) ==
        LATH_INVALID_ARGUMENT);
  CHECK(std::string(lath_last_error()) ==
        "launch of m8n64k256g128s1: m = -2 is not in 0..8");
  arguments.m = 8;
  record().failing["launchKernelEx"] = CUDA_ERROR_ILLEGAL_ADDRESS;
  CHECK(lath_kernel_launch(kernel, nullptr, &arguments) == LATH_CONTEXT_LOST);
  CHECK(std::string(lath_last_error()).find("start a new process") !=
        std::string::npos);
  record().failing["launchKernelEx"] = CUDA_ERROR_OUT_OF_MEMORY;
  CHECK(lath_kernel_launch(kernel, nullptr, &arguments) == LATH_RETRY);
  record().failing.clear();
  CHECK(lath_kernel_launch(kernel, nullptr, &arguments) == LATH_OK);
  lath_kernel_free(kernel);
  lath_engine_free(engine);
}

TEST_CASE("an epilogue is asked for and bound through C") {
  lath_device device{openCuda(fakeDriver(), [](const Ptx &) {
    return Cubin{{'c', 'o', 'd', 'e'}, {}, {}, 0, {}};
  })};
  lath_engine *engine = nullptr;
  REQUIRE(lath_engine_create(&device, nullptr, &engine) == LATH_OK);
  lath_gemm_spec spec{};
  spec.struct_size = sizeof spec;
  REQUIRE(lath_gemm_spec_parse("m8n64k256s1,bias=yes", &spec) == LATH_OK);
  CHECK(spec.bias == 1);
  lath_kernel *kernel = nullptr;
  REQUIRE(lath_engine_gemm(engine, &spec, nullptr, &kernel) == LATH_OK);
  lath_gemm_arguments arguments{};
  arguments.struct_size = sizeof arguments;
  arguments.m = 8;
  arguments.x = arguments.qweight = arguments.scales = arguments.out = 0x1000;
  CHECK(lath_kernel_launch(kernel, nullptr, &arguments) ==
        LATH_INVALID_ARGUMENT);
  CHECK(std::string(lath_last_error()).find("bias is 0x0") !=
        std::string::npos);
  arguments.bias = 0x2000;
  // A caller's older struct ends before it.
  arguments.struct_size = c::argumentsBytes;
  CHECK(lath_kernel_launch(kernel, nullptr, &arguments) ==
        LATH_INVALID_ARGUMENT);
  arguments.struct_size = sizeof arguments;
  record().paramCount = 6; // m, x, qweight, scales, out, bias
  record().launches.clear();
  CHECK(lath_kernel_launch(kernel, nullptr, &arguments) == LATH_OK);
  REQUIRE(record().launches.size() == 1);
  CHECK(record().launches[0].wide[5] == 0x2000);
  record().paramCount = 0;
  lath_kernel_free(kernel);

  // So does an older spec, which asks for none, and has no room to be told.
  spec.struct_size = c::specBytes;
  CHECK(lath_gemm_spec_parse("m8n64k256s1,bias=yes", &spec) ==
        LATH_UNSUPPORTED);
  CHECK(lath_gemm_spec_parse("m8n64k256s1", &spec) == LATH_OK);
  REQUIRE(lath_engine_gemm(engine, &spec, nullptr, &kernel) == LATH_OK);
  CHECK(std::string(lath_kernel_ptx(kernel)) != "");
  arguments.bias = 0;
  CHECK(lath_kernel_launch(kernel, nullptr, &arguments) == LATH_OK);
  lath_kernel_free(kernel);

  spec.struct_size = sizeof spec;
  spec.bias = 2;
  kernel = nullptr;
  CHECK(lath_engine_gemm(engine, &spec, nullptr, &kernel) ==
        LATH_INVALID_ARGUMENT);
  CHECK(std::string(lath_last_error()) ==
        "lath_gemm_spec.bias is 2; expected 0..1");
  spec.bias = 1;
  spec.reserved = 1;
  CHECK(lath_engine_gemm(engine, &spec, nullptr, &kernel) == LATH_UNSUPPORTED);
  spec.reserved = 0;
  spec.split = 2;
  spec.reduce = LATH_REDUCE_ATOMIC_OUT;
  CHECK(lath_engine_gemm(engine, &spec, nullptr, &kernel) == LATH_INVALID_SPEC);
  CHECK(!kernel);
  lath_engine_free(engine);
}

TEST_CASE("an engine is tuned through C, counts, and takes what it found",
          "[tuning]") {
  TemporaryFolder folder;
  const std::string database = folder / "db";
  lath_device *device = nullptr;
  REQUIRE(lath_device_open_emulator("sm_90a", &device) == LATH_OK);
  lath_engine *engine = nullptr;
  REQUIRE(lath_engine_create(device, nullptr, &engine) == LATH_OK);
  lath_gemm_spec specs[2]{};
  for (lath_gemm_spec &spec : specs) {
    spec.struct_size = sizeof spec;
    REQUIRE(lath_gemm_spec_parse("m1n64k256", &spec) == LATH_OK);
  }
  specs[1].n = 128;
  lath_tune_options options{};
  options.struct_size = sizeof options;
  options.candidates = 4;
  options.database = database.c_str();
  struct Seen {
    std::size_t calls = 0, total = 0;
    std::string what;
  } seen;
  auto progress = [](const lath_tune_progress *p, void *data) {
    auto &s = *static_cast<Seen *>(data);
    ++s.calls;
    s.total = p->total;
    s.what = p->what;
    CHECK(p->done <= p->total);
    return 0;
  };
  lath_tune_report report{};
  report.struct_size = sizeof report;
  REQUIRE(lath_engine_tune(engine, specs, 2, &options, progress, &seen,
                           &report) == LATH_OK);
  CHECK(report.problems == 2);
  CHECK(report.solved == 2);
  CHECK(report.measured >= 8);
  CHECK(report.failed == 0);
  CHECK(report.stopped == 0);
  CHECK(seen.calls > 0);
  CHECK(seen.total >= 8);
  CHECK(seen.what.find("k256") != std::string::npos);

  // The second time everything is known; here the fastest is taken.
  const std::size_t measured = report.measured;
  REQUIRE(lath_engine_tune(engine, specs, 2, &options, nullptr, nullptr,
                           &report) == LATH_OK);
  CHECK(report.measured == 0);
  CHECK(report.known == measured);
  const TuningTable table = TuningDb(database, TuningDb::Mode::read).all();
  double least = 1e300;
  std::string best;
  for (const auto &[key, m] : table.rows())
    if (key.problem.n == 64 && m.median < least)
      least = m.median, best = key.schedule;
  lath_kernel *kernel = nullptr;
  REQUIRE(lath_engine_gemm(engine, specs, nullptr, &kernel) == LATH_OK);
  CHECK(table.rows().size() == measured);
  double taken = 0;
  for (const auto &[key, m] : table.rows())
    if (key.problem.n == 64 && key.schedule == lath_kernel_schedule(kernel))
      taken = m.median;
  CHECK(taken <= 1.01 * least); // equals are told apart by simplicity
  lath_kernel_free(kernel);

  lath_stats stats{};
  stats.struct_size = sizeof stats;
  REQUIRE(lath_engine_stats(engine, &stats) == LATH_OK);
  CHECK(stats.entries == 1);
  CHECK(stats.compiled == 1);
  CHECK(stats.from_disk + stats.from_packs + stats.dropped == 0);

  // A callback ends it: nothing new is begun.
  specs[0].n = 192;
  auto stop = [](const lath_tune_progress *, void *) { return 1; };
  REQUIRE(lath_engine_tune(engine, specs, 1, &options, stop, nullptr,
                           &report) == LATH_OK);
  CHECK(report.stopped == 1);
  CHECK(report.measured < 4);

  auto refused = [&](lath_status expected, const char *why) {
    CHECK(lath_engine_tune(engine, specs, 1, &options, nullptr, nullptr,
                           &report) == expected);
    CHECK_THAT(lath_last_error(), Catch::Matchers::Contains(why));
    CHECK(report.stopped == 1); // a call that fails leaves its output alone
  };
  options.budget_seconds = -1;
  refused(LATH_INVALID_ARGUMENT, "budget_seconds is -1.0");
  options.budget_seconds = 0;
  const char *nobody[] = {"/nowhere/lath", nullptr};
  options.worker = nobody;
  refused(LATH_TOOLCHAIN, "/nowhere/lath");
  options.worker = nullptr;
  report.struct_size = 8;
  refused(LATH_INVALID_ARGUMENT, "lath_tune_report.struct_size is 8");
  report.struct_size = sizeof report;
  specs[0].k = 100;
  refused(LATH_INVALID_SPEC, "100");
  CHECK(lath_engine_tune(engine, nullptr, 1, nullptr, nullptr, nullptr,
                         nullptr) == LATH_INVALID_ARGUMENT);
  CHECK(lath_engine_tune(nullptr, specs, 1, nullptr, nullptr, nullptr,
                         nullptr) == LATH_INVALID_ARGUMENT);
  CHECK(lath_engine_stats(engine, nullptr) == LATH_INVALID_ARGUMENT);
  lath_engine_free(engine);
  lath_device_free(device);
}

TEST_CASE("a struct's text form and its fields agree") {
  lath_gemm_spec spec{};
  spec.struct_size = sizeof spec;
  for (const char *text :
       {"m16n4096k4096g128s8,reduce=atomic", "m1n64k256g32,x=bf16,w=u4z",
        "m3n64k256g256s2,w=u4z1,reduce=atomic-out", "m1n64k256s1,w=s8"}) {
    REQUIRE(lath_gemm_spec_parse(text, &spec) == LATH_OK);
    CHECK(c::specFrom(&spec) == parseGemmSpec(text));
  }
  CHECK(spec.zeros == LATH_WEIGHTS_S8);
  spec.zeros = 4;
  try {
    c::specFrom(&spec);
    FAIL("accepted");
  } catch (const Error &error) {
    CHECK(error.message() == "lath_gemm_spec.zeros is 4; expected 0..3");
  }
}
