// `lath tune`: measures schedules and stores what it measured.
#include "kernels/tune/CostFit.h"
#include "kernels/tune/TuneWorker.h"
#include "kernels/tuned/TunedSchedules.h"
#include "kernels/tuned/TuningDb.h"
#include "runtime/Process.h"
#include "tools/lath/OpenDevice.h"
#include "tools/lath/Output.h"
#include "tools/lath/ProgramReader.h"
#include "tools/lath/TuneParts.h"
#include "tools/lath/Words.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sys/ioctl.h>
#include <unistd.h>

namespace lath::cli {

namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

/// "i/n".
void readShard(const Text &text, TuneOptions &options) {
  if (!text)
    return;
  std::size_t slash = text->find('/');
  if (slash == std::string::npos)
    throw CliError{usage,
                   fmt::format("--shard needs i/n, got '{}'", *text),
                   {"--shard 0/4 is the first of four"}};
  options.shard = wholeNumber<unsigned>(
      "the i of --shard", std::string_view(*text).substr(0, slash));
  options.shards = wholeNumber<unsigned>(
      "the n of --shard", std::string_view(*text).substr(slash + 1));
  if (options.shards == 0 || options.shard >= options.shards)
    throw CliError{usage,
                   fmt::format("--shard {} does not exist", *text),
                   {"i is 0..n-1"}};
}

double secondsOf(const Text &text) {
  if (!text)
    return 0;
  double seconds = 0;
  const char *end = text->data() + text->size();
  auto [stop, problem] = std::from_chars(text->data(), end, seconds);
  if (problem != std::errc() || stop != end || !(seconds > 0))
    throw CliError{
        usage,
        fmt::format("--budget needs seconds above 0, got '{}'", *text),
        {}};
  return seconds;
}

/// A database or an export, by what the file begins with.
TuningTable readTable(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file)
    throw Error(ErrorKind::invalidInput, fmt::format("{} cannot be read", path),
                {"--merge takes databases and exports of `lath tune`"});
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.starts_with("SQLite format 3"))
    return TuningDb(path, TuningDb::Mode::read).all();
  return TuningTable::fromJson(text, path);
}

/// One line on a terminal, rewritten in place.
class ProgressBar {
public:
  void show(const TuneProgress &progress) {
    if (!terminal_)
      return;
    constexpr std::size_t width = 24;
    std::size_t filled =
        progress.total ? width * progress.done / progress.total : width;
    std::string line = fmt::format("\r[{:#<{}}{:.<{}}] {:>4}/{} {} ", "",
                                   filled, "", width - filled, progress.done,
                                   progress.total, progress.what);
    if (progress.secondsLeft > 0)
      line += fmt::format("about {:.0f} s left", progress.secondsLeft);
    // A line that wraps cannot be rewritten. (The first character moves back.)
    line = line.substr(0, columns());
    std::fputs((line + "\x1b[K").c_str(), stderr);
    shown_ = true;
  }
  ~ProgressBar() {
    if (shown_)
      std::fputs("\r\x1b[K", stderr);
  }

private:
  static std::size_t columns() {
    winsize size{};
    return ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col
               ? size.ws_col
               : 80;
  }

  bool terminal_ = isatty(STDERR_FILENO);
  bool shown_ = false;
};

/// Fits the model to what the database has of a GPU, and stores the constants.
void calibrate(TuningDb &db, const DeviceInfo &info) {
  const Target &target = targetForDevice(info.major, info.minor);
  std::vector<TuningEntry> entries;
  const TuningTable table = db.all();
  for (const auto &[key, measurement] : table.rows())
    if (key.place.gpu == info.name && key.place.sms == info.smCount)
      entries.push_back(
          {key.problem, key.place, parseSchedule(key.schedule), measurement});
  CostFit fit = fitConstants(entries, target,
                             deviceConstants(target, info.smCount, info.name));
  db.setConstants(info.name, info.smCount, toJson(fit.constants));
  remark(fmt::format(
      "cost model fitted to {} times: off by {:.1f} % (before {:.1f} %); its "
      "choice among what was measured takes {:.3f}x the best, {:.3f}x at worst",
      fit.times, 100 * fit.errorAfter, 100 * fit.errorBefore, fit.regretMean,
      fit.regretWorst));
}

void noteUnit(const std::string &unit, bool json) {
  if (unit != "us" && !json)
    remark("the emulator has no clock: `cost` is a count, and no GPU's request "
           "uses it");
}

std::vector<std::string> workerCommand(const std::optional<int> &ordinal) {
  std::error_code error;
  auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  if (error)
    throw CliError{
        failure,
        fmt::format("this program cannot find itself: {}", error.message()),
        {}};
  return {self.string(), "tune-worker", "--device",
          ordinal ? fmt::format("cuda:{}", *ordinal) : "emulator"};
}

} // namespace

void tuneWorker(const Text &device) {
  serveMeasurer([&] { return measureHere(openDevice(device)); });
}

void tune(const TuneArguments &arguments) {
  bool json = wantsJson(arguments.format);
  TuneOptions options;
  readShard(arguments.shard, options);
  options.budgetSeconds = secondsOf(arguments.budget);
  if (arguments.candidates)
    options.candidates =
        wholeNumber<std::size_t>("--candidates", *arguments.candidates);
  if (arguments.candidates && options.candidates == 0)
    throw CliError{usage, "--candidates needs at least 1", {}};
  std::size_t best = 0; // all
  if (arguments.best) {
    best = wholeNumber<std::size_t>("--best", *arguments.best);
    if (best == 0 || !arguments.exportTo)
      throw CliError{usage,
                     best ? "--best needs --export FILE"
                          : "--best needs at least 1",
                     {}};
  }
  if (arguments.seed)
    options.seed = wholeNumber<std::uint64_t>("--seed", *arguments.seed);
  std::vector<GemmSpec> specs = specsOf(arguments);
  const std::vector<ProgramRequest> programs =
      wantsProgram(arguments.program, {}) ? readPrograms(arguments.program)
                                          : std::vector<ProgramRequest>();
  if (!programs.empty() && (!specs.empty() || arguments.calibrate))
    throw CliError{usage,
                   "--program goes with no specs, --model, --shapes or "
                   "--calibrate",
                   {"tune them by two commands, into one database"}};
  std::string path = arguments.db ? *arguments.db : defaultTuningDb();
  if (path.empty())
    throw CliError{usage,
                   "there is no place for the tuning database: HOME is unset",
                   {"--db FILE or LATH_TUNING_DB names one"}};
  if (specs.empty() && programs.empty() && arguments.merge.empty() &&
      !arguments.exportTo && !arguments.calibrate)
    throw CliError{usage,
                   "nothing to tune",
                   {"give specs like n4096k4096g128, --model NAME, "
                    "--shapes FILE or --program NAME"}};

  // All are read before the first is written.
  TuningTable merged;
  for (const std::string &file : arguments.merge)
    merged.merge(readTable(file));
  TuningDb db(path, arguments.exportTo && specs.empty() && programs.empty() &&
                            arguments.merge.empty()
                        ? TuningDb::Mode::read
                        : TuningDb::Mode::write);
  if (!arguments.merge.empty()) {
    db.merge(merged);
    remark(fmt::format("{} measurements merged into {}", merged.size(), path));
  }
  bool stopped = false;
  std::optional<DeviceInfo> measured;
  std::optional<ProgressBar> bar;
  auto begin = [&] {
    bar.emplace();
    options.progress = [&](const TuneProgress &p) { bar->show(p); };
    options.stop = &interrupted;
    std::signal(SIGINT, [](int) {
      interrupted = true;
      std::signal(SIGINT, SIG_DFL); // a second one ends at once
    });
  };
  if (!programs.empty()) {
    std::shared_ptr<Device> device = openDevice(arguments.device);
    begin();
    std::vector<ProgramTuneResult> results;
    for (const ProgramRequest &request : programs)
      if (!interrupted)
        results.push_back(tuneProgram(request.program, device, db, options));
    bar.reset(); // its line is free for what follows
    stopped = interrupted;
    if (!results.empty())
      noteUnit(results.front().unit, json);
    writeResult(json ? asJson(results, path, stopped) : asText(results, path));
  }
  if (!specs.empty()) {
    std::optional<int> ordinal = deviceOrdinal(arguments.device);
    std::unique_ptr<Measurer> measurer =
        measureInWorker(workerCommand(ordinal), candidateSeconds);
    begin();
    TuneReport report = lath::tune(specs, *measurer, db, options);
    bar.reset(); // its line is free for what follows
    stopped = report.stopped;
    measured = measurer->device();
    std::string unit = measurer->unit();
    noteUnit(unit, json);
    writeResult(json ? asJson(report, unit, path) : asText(report, unit, path));
  }
  if (arguments.calibrate && !stopped)
    calibrate(db, measured ? *measured : openDevice(arguments.device)->info());
  if (arguments.exportTo)
    writeResult((best ? db.all().best(best) : db.all()).toJson(),
                arguments.exportTo);
  if (stopped)
    throw CliError{failure,
                   "stopped; what was measured is kept",
                   {"the same command goes on from there"}};
}

} // namespace lath::cli
