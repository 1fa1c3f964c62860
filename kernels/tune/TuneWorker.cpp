#include "kernels/tune/TuneWorker.h"

#include "compiler/base/Error.h"
#include "kernels/tune/TuneMessages.h"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

namespace lath {

namespace {

using tuning::Json;
using Clock = std::chrono::steady_clock;

enum class Io { done, ended, late };

/// Reads or writes all of `bytes`. `deadline` is for reading only.
template <bool Reading, class Byte>
Io transfer(int fd, Byte *bytes, std::size_t count,
            const Clock::time_point *deadline) {
  while (count) {
    if (deadline) {
      auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          *deadline - Clock::now());
      pollfd wait{fd, POLLIN, 0};
      int ready =
          poll(&wait, 1, std::max<int>(0, static_cast<int>(left.count())));
      if (ready < 0 && errno == EINTR)
        continue;
      if (ready == 0)
        return Io::late;
    }
    ssize_t moved;
    if constexpr (Reading)
      moved = read(fd, bytes, count);
    else
      moved = write(fd, bytes, count);
    if (moved < 0 && errno == EINTR)
      continue;
    if (moved <= 0)
      return Io::ended;
    bytes += moved;
    count -= static_cast<std::size_t>(moved);
  }
  return Io::done;
}

bool send(int fd, const Json &message) {
  std::vector<std::uint8_t> bytes = Json::to_cbor(message);
  std::uint64_t size = bytes.size();
  return transfer<false>(fd, reinterpret_cast<const char *>(&size), sizeof size,
                         nullptr) == Io::done &&
         transfer<false>(fd, reinterpret_cast<const char *>(bytes.data()),
                         bytes.size(), nullptr) == Io::done;
}

Io receive(int fd, Json &message, const Clock::time_point *deadline) {
  std::uint64_t size = 0;
  Io result = transfer<true>(fd, reinterpret_cast<char *>(&size), sizeof size,
                             deadline);
  if (result != Io::done)
    return result;
  if (size > (1u << 30)) // of something else
    return Io::ended;
  std::vector<std::uint8_t> bytes(size);
  result = transfer<true>(fd, reinterpret_cast<char *>(bytes.data()), size,
                          deadline);
  if (result == Io::done)
    message = Json::from_cbor(bytes, true, false);
  return result == Io::done && message.is_discarded() ? Io::ended : result;
}

class RemoteMeasurer final : public Measurer {
public:
  RemoteMeasurer(std::vector<std::string> command, double seconds)
      : command_(std::move(command)), seconds_(seconds) {
    start();
  }
  ~RemoteMeasurer() override { stop(); }

  const DeviceInfo &device() const override { return info_; }
  std::string unit() const override { return unit_; }

  void prepare(const GemmSpec &spec, std::uint64_t seed) override {
    if (!pid_)
      start();
    ask({{"do", "prepare"}, {"spec", print(spec)}, {"seed", seed}}, 10);
  }
  TuneVerdict check(const TuneCandidate &candidate) override {
    Json request = tuning::toJson(candidate);
    request["do"] = "check";
    Json reply = ask(request, 1);
    return {static_cast<Measurement::Status>(reply.at("status").get<int>()),
            reply.at("note").get<std::string>()};
  }
  std::vector<TuneSamples> time(const std::vector<int> &ids, std::int64_t m,
                                int replays) override {
    return ask({{"do", "time"}, {"ids", ids}, {"m", m}, {"replays", replays}},
               1)
        .at("samples")
        .get<std::vector<TuneSamples>>();
  }
  std::vector<TuneSamples> timeWarm(int id, std::int64_t m,
                                    int replays) override {
    return ask({{"do", "warm"},
                {"ids", std::vector{id}},
                {"m", m},
                {"replays", replays}},
               1)
        .at("samples")
        .get<std::vector<TuneSamples>>();
  }
  DeviceProbe probe() override {
    if (!pid_)
      start();
    return tuning::probeFromJson(ask({{"do", "probe"}}, 10).at("probe"));
  }
  void drop(const std::vector<int> &ids) override {
    ask({{"do", "drop"}, {"ids", ids}}, 1);
  }

private:
  void start() {
    int request[2], reply[2];
    if (pipe2(request, O_CLOEXEC) != 0 || pipe2(reply, O_CLOEXEC) != 0)
      throw Error(ErrorKind::toolchain,
                  fmt::format("no pipe for the tuning worker: {}",
                              std::strerror(errno)));
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, request[0], 0);
    posix_spawn_file_actions_adddup2(&actions, reply[1], 1);
    std::vector<char *> words;
    for (std::string &word : command_)
      words.push_back(word.data());
    words.push_back(nullptr);
    int failed = posix_spawn(&pid_, words.front(), &actions, nullptr,
                             words.data(), environ);
    posix_spawn_file_actions_destroy(&actions);
    close(request[0]);
    close(reply[1]);
    to_ = request[1];
    from_ = reply[0];
    if (failed) {
      pid_ = 0;
      stop();
      throw Error(ErrorKind::toolchain,
                  fmt::format("the tuning worker {} cannot be started: {}",
                              command_.front(), std::strerror(failed)));
    }
    Json hello = ask({{"do", "hello"}}, 10);
    info_ = tuning::deviceFromJson(hello.at("device"));
    unit_ = hello.at("unit").get<std::string>();
  }

  /// Ends the process and says how it ended.
  std::string stop() {
    for (int *fd : {&to_, &from_})
      if (*fd >= 0) {
        close(*fd);
        *fd = -1;
      }
    if (!pid_)
      return "";
    // The input's end is its signal to leave; it may be past hearing that.
    int status = 0;
    bool ended = false;
    for (int wait = 0; wait < 200 && !ended; ++wait) {
      ended = waitpid(pid_, &status, WNOHANG) == pid_;
      if (!ended)
        poll(nullptr, 0, hung_ ? 0 : 10);
      if (hung_)
        break;
    }
    if (!ended) {
      kill(pid_, SIGKILL);
      waitpid(pid_, &status, 0);
    }
    pid_ = 0;
    return WIFSIGNALED(status)
               ? fmt::format("signal {} ({})", WTERMSIG(status),
                             strsignal(WTERMSIG(status)))
               : fmt::format("exit code {}", WEXITSTATUS(status));
  }

  Json ask(const Json &request, double patience) {
    using Status = Measurement::Status;
    auto deadline =
        Clock::now() + std::chrono::duration_cast<Clock::duration>(
                           std::chrono::duration<double>(seconds_ * patience));
    Json reply;
    Io result =
        send(to_, request) ? receive(from_, reply, &deadline) : Io::ended;
    if (result == Io::late) {
      hung_ = true;
      stop();
      hung_ = false;
      throw WorkerFailure{Status::hung, fmt::format("no answer for {:g} s",
                                                    seconds_ * patience)};
    }
    if (result == Io::ended)
      throw WorkerFailure{Status::crashed, "the worker ended: " + stop()};
    if (reply.contains("error")) {
      auto kind = static_cast<ErrorKind>(reply.at("kind").get<int>());
      std::string message = reply.at("error").get<std::string>();
      // After an error of the driver the context may be of no use any more.
      if (request.at("do") != "hello") {
        stop();
        throw WorkerFailure{Status::crashed, message};
      }
      stop();
      throw Error(kind, message,
                  reply.at("notes").get<std::vector<std::string>>());
    }
    return reply;
  }

  std::vector<std::string> command_;
  double seconds_;
  DeviceInfo info_;
  std::string unit_;
  pid_t pid_ = 0;
  int to_ = -1, from_ = -1;
  bool hung_ = false;
};

Json answer(const Json &request, Measurer &measurer) {
  std::string what = request.at("do").get<std::string>();
  if (what == "hello")
    return {{"device", tuning::toJson(measurer.device())},
            {"unit", measurer.unit()}};
  if (what == "prepare") {
    measurer.prepare(parseGemmSpec(request.at("spec").get<std::string>()),
                     request.at("seed").get<std::uint64_t>());
    return Json::object();
  }
  if (what == "check") {
    TuneVerdict verdict = measurer.check(tuning::candidateFromJson(request));
    return {{"status", static_cast<int>(verdict.status)},
            {"note", verdict.note}};
  }
  if (what == "probe")
    return {{"probe", tuning::toJson(measurer.probe())}};
  auto ids = request.at("ids").get<std::vector<int>>();
  if (what == "time")
    return {{"samples", measurer.time(ids, request.at("m").get<std::int64_t>(),
                                      request.at("replays").get<int>())}};
  if (what == "warm")
    return {{"samples",
             measurer.timeWarm(ids.at(0), request.at("m").get<std::int64_t>(),
                               request.at("replays").get<int>())}};
  measurer.drop(ids);
  return Json::object();
}

} // namespace

std::unique_ptr<Measurer> measureInWorker(std::vector<std::string> command,
                                          double seconds) {
  // A worker that ended is seen as EPIPE.
  std::signal(SIGPIPE, SIG_IGN);
  return std::make_unique<RemoteMeasurer>(std::move(command), seconds);
}

int serveMeasurer(const std::function<std::unique_ptr<Measurer>()> &open) {
  // An interrupt from the terminal is for the tuner: it ends this process.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGPIPE, SIG_IGN);
  int out = dup(STDOUT_FILENO);
  dup2(STDERR_FILENO, STDOUT_FILENO);
  std::unique_ptr<Measurer> measurer;
  Json request;
  while (receive(STDIN_FILENO, request, nullptr) == Io::done) {
    Json reply;
    try {
      if (!measurer)
        measurer = open();
      reply = answer(request, *measurer);
    } catch (const Error &error) {
      reply = {{"error", error.message()},
               {"kind", static_cast<int>(error.kind())},
               {"notes", error.notes()}};
    } catch (const std::exception &error) {
      reply = {{"error", error.what()},
               {"kind", static_cast<int>(ErrorKind::internal)},
               {"notes", Json::array()}};
    }
    if (!send(out, reply))
      break;
  }
  return 0;
}

} // namespace lath
