#include "kernels/tune/TuneWorker.h"

#include "compiler/base/Error.h"
#include "kernels/tune/TuneMessages.h"
#include "kernels/tune/WorkerProcess.h"

#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <type_traits>
#include <unistd.h>

namespace lath {

namespace {

using tuning::Json;
using Status = Measurement::Status;
using Io = WorkerProcess::Io;

constexpr std::uint64_t longestRequest = 1u << 30, longestReply = 1u << 26;

/// A message behind its length.
std::string framed(const Json &message) {
  std::vector<std::uint8_t> bytes = Json::to_cbor(message);
  std::uint64_t size = bytes.size();
  std::string text(reinterpret_cast<const char *>(&size), sizeof size);
  text.append(bytes.begin(), bytes.end());
  return text;
}

class RemoteMeasurer final : public Measurer {
public:
  RemoteMeasurer(std::vector<std::string> command, double seconds)
      : command_(std::move(command)), seconds_(seconds) {
    start();
  }

  const DeviceInfo &device() const override { return info_; }
  std::string unit() const override { return unit_; }

  void prepare(const GemmSpec &spec, std::uint64_t seed) override {
    start();
    ask({{"do", "prepare"}, {"spec", print(spec)}, {"seed", seed}}, 10,
        [](const Json &) { return 0; });
  }
  TuneVerdict check(const TuneCandidate &candidate) override {
    Json request = tuning::toJson(candidate);
    request["do"] = "check";
    return ask(request, 1, [&](const Json &reply) -> TuneVerdict {
      return {static_cast<Status>(
                  number(reply.at("status"), static_cast<int>(Status::hung))),
              reply.at("note").get<std::string>()};
    });
  }
  std::vector<TuneSamples> time(const std::vector<int> &ids, std::int64_t m,
                                int replays) override {
    return samples(
        {{"do", "time"}, {"ids", ids}, {"m", m}, {"replays", replays}},
        ids.size() + 1);
  }
  std::vector<TuneSamples> timeWarm(int id, std::int64_t m,
                                    int replays) override {
    return samples({{"do", "warm"},
                    {"ids", std::vector{id}},
                    {"m", m},
                    {"replays", replays}},
                   2);
  }
  DeviceProbe probe() override {
    start();
    return ask({{"do", "probe"}}, 10, [](const Json &reply) {
      return tuning::probeFromJson(reply.at("probe"));
    });
  }
  void drop(const std::vector<int> &ids) override {
    ask({{"do", "drop"}, {"ids", ids}}, 1, [](const Json &) { return 0; });
  }

private:
  /// A process where there is none.
  void start() {
    if (process_)
      return;
    process_ = std::make_unique<WorkerProcess>(command_);
    ask({{"do", "hello"}}, 10, [&](const Json &hello) {
      DeviceInfo info = tuning::deviceFromJson(hello.at("device"));
      if (!info_.name.empty() && info.name != info_.name)
        strange(fmt::format("it measures on {} now, and on {} before",
                            info.name, info_.name));
      info_ = std::move(info);
      unit_ = hello.at("unit").get<std::string>();
      return 0;
    });
  }

  std::vector<TuneSamples> samples(const Json &request, std::size_t count) {
    return ask(request, 1, [&](const Json &reply) {
      auto samples = reply.at("samples").get<std::vector<TuneSamples>>();
      if (samples.size() != count)
        strange(fmt::format("times of {} kernels instead of {}", samples.size(),
                            count));
      for (const TuneSamples &rounds : samples) {
        if (rounds.empty())
          strange("no time at all");
        for (double time : rounds)
          if (!(time >= 0 && std::isfinite(time)))
            strange(fmt::format("a time of {}", time));
      }
      return samples;
    });
  }

  /// Out of 0..most.
  int number(const Json &value, int most) {
    const auto found = value.get<std::int64_t>();
    if (found < 0 || found > most)
      strange(fmt::format("{}, expected 0..{}", found, most));
    return static_cast<int>(found);
  }

  /// Ends the process.
  [[noreturn]] void fail(Status status, std::string message) {
    std::vector<std::string> notes;
    for (const std::string &line : process_->lastLines())
      notes.push_back("it printed: " + line);
    process_.reset();
    throw WorkerFailure(status, std::move(message), std::move(notes));
  }
  [[noreturn]] void strange(const std::string &what) {
    process_->end(true);
    fail(Status::crashed,
         fmt::format("the tuning worker {} answers what no worker does: {}",
                     command_.front(), what));
  }

  /// What `read` makes of the reply.
  template <class Read>
  std::invoke_result_t<Read, const Json &>
  ask(const Json &request, double patience, const Read &read) {
    Json reply = replyTo(request, patience);
    try {
      if (reply.contains("error"))
        refused(request, reply);
      return read(reply);
    } catch (const Json::exception &error) {
      strange(error.what());
    }
  }

  Json replyTo(const Json &request, double patience) {
    if (!process_)
      throw WorkerFailure(Status::crashed,
                          "there is no tuning worker any more");
    const auto deadline =
        std::chrono::steady_clock::now() +
        std::chrono::duration_cast<std::chrono::steady_clock::duration>(
            std::chrono::duration<double>(seconds_ * patience));
    auto done = [&](Io io) {
      if (io == Io::late) {
        process_->end(true);
        fail(Status::hung, fmt::format("the tuning worker {} gave no answer "
                                       "for {:g} s",
                                       command_.front(), seconds_ * patience));
      }
      if (io == Io::ended) {
        const std::string how = process_->end(false);
        fail(Status::crashed, fmt::format("the tuning worker {} ended: {}",
                                          command_.front(), how));
      }
    };
    done(process_->write(framed(request), deadline));
    std::uint64_t size = 0;
    done(
        process_->read(reinterpret_cast<char *>(&size), sizeof size, deadline));
    if (size > longestReply)
      strange(fmt::format("a message of {} bytes, expected {} at most", size,
                          longestReply));
    std::vector<std::uint8_t> bytes(size);
    done(
        process_->read(reinterpret_cast<char *>(bytes.data()), size, deadline));
    Json reply = Json::from_cbor(bytes, true, false);
    if (!reply.is_object())
      strange(fmt::format("{} bytes that are no message", size));
    return reply;
  }

  /// An error of the worker's. After one of the driver its context may be of no
  /// use any more.
  [[noreturn]] void refused(const Json &request, const Json &reply) {
    const auto kind = static_cast<ErrorKind>(
        number(reply.at("kind"), static_cast<int>(ErrorKind::internal)));
    auto message = reply.at("error").get<std::string>();
    auto notes = reply.at("notes").get<std::vector<std::string>>();
    process_.reset();
    if (request.at("do") == "hello")
      throw Error(kind, std::move(message), std::move(notes));
    throw WorkerFailure(Status::crashed, std::move(message), std::move(notes));
  }

  std::vector<std::string> command_;
  double seconds_;
  DeviceInfo info_;
  std::string unit_;
  std::unique_ptr<WorkerProcess> process_;
};

/// All of `bytes`, by a call of the system for as many as there are.
template <class Call>
bool whole(char *bytes, std::size_t count, const Call &call) {
  while (count) {
    ssize_t moved = call(bytes, count);
    if (moved < 0 && errno == EINTR)
      continue;
    if (moved <= 0)
      return false;
    bytes += moved;
    count -= static_cast<std::size_t>(moved);
  }
  return true;
}

/// The next request on standard input.
bool receive(Json &request) {
  auto take = [](char *bytes, std::size_t count) {
    return read(STDIN_FILENO, bytes, count);
  };
  std::uint64_t size = 0;
  if (!whole(reinterpret_cast<char *>(&size), sizeof size, take) ||
      size > longestRequest)
    return false;
  std::vector<std::uint8_t> bytes(size);
  if (!whole(reinterpret_cast<char *>(bytes.data()), size, take))
    return false;
  request = Json::from_cbor(bytes, true, false);
  return request.is_object();
}

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
  while (receive(request)) {
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
    std::string message = framed(reply);
    if (!whole(message.data(), message.size(),
               [&](char *bytes, std::size_t count) {
                 return write(out, bytes, count);
               }))
      break;
  }
  return 0;
}

} // namespace lath
