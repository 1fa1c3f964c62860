// Protects: whatever becomes of the process that measures, the caller gets an
// Error that says how it ended, and keeps what was measured; the caller's
// process is left as it was.
#include "kernels/tune/TuneWorker.h"

#include "kernels/c/lath_c.h"
#include "kernels/engine/Engine.h"
#include "kernels/tune/CandidateCompiler.h"
#include "kernels/tune/WorkerProcess.h"
#include "runtime/EmulatedDevice.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/TightMemory.h"
#include "tests/unit/kernels/tune/Tuning.h"

#include <catch2/catch.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <new>
#include <stdexcept>
#include <string>
#include <unistd.h>
#include <vector>

using namespace lath;
using namespace lath::test;
using Catch::Matchers::Contains;

namespace {

/// Standard error goes nowhere until the end of the scope.
class Silence {
public:
  Silence() : kept_(dup(STDERR_FILENO)) {
    int nowhere = open("/dev/null", O_WRONLY);
    dup2(nowhere, STDERR_FILENO);
    close(nowhere);
  }
  ~Silence() {
    dup2(kept_, STDERR_FILENO);
    close(kept_);
  }

private:
  int kept_;
};

std::vector<std::string> shell(const char *script) {
  return {"/bin/sh", "-c", script};
}

WorkerProcess::Deadline inAMinute() {
  return std::chrono::steady_clock::now() + std::chrono::minutes(1);
}

/// What Engine::tune throws where that is the worker; nothing is measured.
Error endOf(std::vector<std::string> command) {
  Silence silence;
  TemporaryFolder folder;
  Engine engine(openEmulator(), {.disk = false});
  TuneOptions options = few(2);
  options.worker = std::move(command);
  Error error =
      errorOf([&] { engine.tune(std::array{spec}, options, folder / "db"); });
  CHECK(TuningDb(folder / "db", TuningDb::Mode::read).all().size() == 0);
  return error;
}

} // namespace

TEST_CASE("a worker that ends before it answers is an error", "[tuning]") {
  Error error = endOf({"/bin/false"});
  CHECK(error.kind() == ErrorKind::driver);
  CHECK(error.fault() == Fault::fatal);
  CHECK(error.message() == "the tuning worker /bin/false ended: exit code 1");
  CHECK(error.notes().empty());

  error = endOf(shell("echo first >&2; echo no driver >&2; kill -ABRT $$"));
  CHECK(error.kind() == ErrorKind::driver);
  CHECK_THAT(error.message(),
             Contains("the tuning worker /bin/sh ended: signal 6 ("));
  CHECK(error.notes() ==
        std::vector<std::string>{"it printed: first", "it printed: no driver"});
  // The last five lines are enough.
  error = endOf(shell("for i in 1 2 3 4 5 6 7; do echo $i >&2; done; exit 9"));
  CHECK(error.message() == "the tuning worker /bin/sh ended: exit code 9");
  REQUIRE(error.notes().size() == 5);
  CHECK(error.notes().front() == "it printed: 3");
  CHECK(error.notes().back() == "it printed: 7");
}

TEST_CASE("a command that is no worker is an error", "[tuning]") {
  // Text, and the request itself.
  for (const char *command : {"/bin/echo", "/bin/cat"}) {
    Error error = endOf({command});
    CHECK(error.kind() == ErrorKind::driver);
    CHECK_THAT(error.message(),
               Contains(std::string("the tuning worker ") + command));
  }
  CHECK_THAT(endOf({"/bin/cat"}).message(),
             Contains("answers what no worker does: "));
  CHECK_THAT(endOf(shell("echo hello to you all; cat")).message(),
             Contains("answers what no worker does: a message of "));
  Error none = endOf({"/nowhere/lath"});
  CHECK(none.kind() == ErrorKind::toolchain);
  CHECK(none.message() == "the tuning worker /nowhere/lath cannot be started: "
                          "No such file or directory");
  CHECK(errorOf([] { measureInWorker({}, 1); }).kind() == ErrorKind::toolchain);
}

TEST_CASE("a worker that never answers is an error", "[tuning]") {
  Error error =
      errorOf([] { measureInWorker(shell("exec sleep 1000"), 0.02); });
  CHECK(error.kind() == ErrorKind::driver);
  CHECK(error.message() ==
        "the tuning worker /bin/sh gave no answer for 0.2 s");
}

TEST_CASE("a worker's end is fatal through C, not internal", "[tuning]") {
  TemporaryFolder folder;
  lath_device *device = nullptr;
  REQUIRE(lath_device_open_emulator("sm_90a", &device) == LATH_OK);
  lath_engine *engine = nullptr;
  REQUIRE(lath_engine_create(device, nullptr, &engine) == LATH_OK);
  lath_gemm_spec asked = {};
  asked.struct_size = sizeof asked;
  asked.m = 1;
  asked.n = 64;
  asked.k = 128;
  const char *worker[] = {"/bin/false", nullptr};
  const std::string database = folder / "db";
  lath_tune_options options = {};
  options.struct_size = sizeof options;
  options.candidates = 2;
  options.worker = worker;
  options.database = database.c_str();
  CHECK(lath_engine_tune(engine, &asked, 1, &options, nullptr, nullptr,
                         nullptr) == LATH_FATAL);
  CHECK(lath_last_error() ==
        std::string("the tuning worker /bin/false ended: exit code 1"));
  lath_engine_free(engine);
  lath_device_free(device);
}

TEST_CASE("what was measured before a worker's last end is kept and used",
          "[tuning]") {
  Silence silence;
  TemporaryFolder folder;
  Engine engine(openEmulator(), {.disk = false});
  const GemmSpec next = parseGemmSpec("m1n512k256g128");
  TuneOptions options = few();
  options.worker = {LATH_TEST_WORKER, "crash-prepare=" + print(next)};
  Error error = errorOf(
      [&] { engine.tune(std::array{spec, next}, options, folder / "db"); });
  CHECK(error.kind() == ErrorKind::driver);
  CHECK_THAT(error.message(),
             Contains("the problem m1n512k256g128 cannot be prepared: the "
                      "tuning worker") &&
                 Contains("ended: signal 9"));
  TuningDb db(folder / "db", TuningDb::Mode::read);
  std::vector<TuningEntry> kept =
      ranked(db.of(tuningProblem(spec), engine.device()->info().name, 132));
  REQUIRE(kept.size() >= 6);
  CHECK(engine.scheduleFor(spec) == kept.front().schedule);
}

TEST_CASE("a worker leaves its caller's signals alone", "[tuning]") {
  Silence silence;
  struct sigaction set = {}, kept = {}, now = {};
  set.sa_handler = SIG_DFL;
  sigaction(SIGPIPE, &set, &kept);
  {
    // Nobody reads any more: no signal, which would end this process.
    WorkerProcess gone({"/bin/true"});
    char byte;
    CHECK(gone.read(&byte, 1, inAMinute()) == WorkerProcess::Io::ended);
    CHECK(gone.write("more", inAMinute()) == WorkerProcess::Io::ended);
    CHECK(gone.end(false) == "exit code 0");
    CHECK_THROWS_AS(measureInWorker({"/bin/false"}, 30), WorkerFailure);
    // Nor does anybody read what it printed.
    int ends[2];
    REQUIRE(pipe(ends) == 0);
    dup2(ends[1], STDERR_FILENO); // Silence brings it back
    close(ends[0]);
    close(ends[1]);
    WorkerProcess chatty(shell("echo hello >&2"));
    CHECK(chatty.end(false) == "exit code 0");
    CHECK(chatty.lastLines() == std::vector<std::string>{"hello"});
    sigset_t pending;
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGPIPE) == 0);
  }
  sigaction(SIGPIPE, nullptr, &now);
  CHECK(now.sa_handler == SIG_DFL);
  sigaction(SIGPIPE, &kept, nullptr);
}

TEST_CASE("a worker that prints much is not waited for in vain", "[tuning]") {
  Silence silence;
  // More than the pipe holds, before it reads anything.
  WorkerProcess chatty(
      shell("yes no | head -n 100000 >&2; echo last >&2; exec cat"));
  const std::string sent(20000, 'x');
  std::string back(sent.size(), '?');
  REQUIRE(chatty.write(sent, inAMinute()) == WorkerProcess::Io::done);
  REQUIRE(chatty.read(back.data(), back.size(), inAMinute()) ==
          WorkerProcess::Io::done);
  CHECK(back == sent);
  CHECK(chatty.end(false) == "exit code 0");
  CHECK(chatty.lastLines().back() == "last");
}

TEST_CASE("a worker that reads nothing is not waited for for ever",
          "[tuning]") {
  WorkerProcess deaf({"/bin/sleep", "1000"});
  CHECK(deaf.write(std::string(8 << 20, 'x'),
                   std::chrono::steady_clock::now() +
                       std::chrono::milliseconds(50)) ==
        WorkerProcess::Io::late);
  CHECK_THAT(deaf.end(true), Contains("signal 9"));
}

TEST_CASE("an exception in a compiling thread reaches the caller", "[tuning]") {
  const Target &t = target("sm_90a");
  const Schedule schedule = parseSchedule("bm8bn32bk64w1st2");
  auto nextOf = [&](CandidateCompiler::Compile compile) {
    CandidateCompiler compiler(t, deviceConstants(t), false, 2,
                               std::move(compile));
    compiler.order(0, 0, spec, schedule);
    return compiler.next(0, 60000);
  };
  Error error = errorOf([&] {
    nextOf([](auto &&...) -> CompiledGemm { throw std::runtime_error("odd"); });
  });
  CHECK(error.kind() == ErrorKind::internal);
  const std::string what = "compiling m1n256k256g128 by " + print(schedule);
  CHECK(error.message() == what + ": odd");
  CHECK(errorOf([&] {
          nextOf([](auto &&...) -> CompiledGemm { throw 7; });
        }).message() == what + ": an unknown exception");
  CHECK_THROWS_AS(
      nextOf([](auto &&...) -> CompiledGemm { throw std::bad_alloc(); }),
      std::bad_alloc);
  // An Error is the candidate's.
  auto refused = nextOf([](auto &&...) -> CompiledGemm {
    throw Error(ErrorKind::compile, "no");
  });
  REQUIRE(refused);
  CHECK(refused->why == "no");
}

#ifndef __SANITIZE_THREAD__
TEST_CASE("a compiling thread that cannot start is an error", "[tuning]") {
  const Target &t = target("sm_90a");
  std::optional<Error> error;
  try {
    TightMemory tight;
    CandidateCompiler(t, deviceConstants(t), false, 512);
  } catch (const Error &thrown) {
    error = thrown;
  }
  REQUIRE(error);
  CHECK(error->kind() == ErrorKind::toolchain);
  CHECK_THAT(error->message(),
             Contains("of 512 that compile candidates cannot be started: "));
}
#endif
