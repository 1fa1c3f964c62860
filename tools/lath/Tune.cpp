// `lath tune`: measures schedules and stores what it measured.
#include "kernels/CostFit.h"
#include "kernels/Models.h"
#include "kernels/TuneWorker.h"
#include "kernels/TunedSchedules.h"
#include "kernels/Tuner.h"
#include "kernels/TuningDb.h"
#include "runtime/Process.h"
#include "tools/lath/Commands.h"
#include "tools/lath/OpenDevice.h"
#include "tools/lath/Output.h"
#include "tools/lath/Words.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <unistd.h>

namespace lath::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view defaultRows = "1,8,16,32,64";
constexpr double candidateSeconds = 20; ///< until a candidate counts as hung

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free);

/// "1,8,16" as numbers.
std::vector<std::int64_t> numbers(std::string_view option,
                                  std::string_view text) {
  std::vector<std::int64_t> list;
  while (true) {
    std::size_t comma = std::min(text.find(','), text.size());
    list.push_back(wholeNumber<std::int64_t>(option, text.substr(0, comma)));
    if (comma == text.size())
      return list;
    text.remove_prefix(comma + 1);
  }
}

/// A spec, for each of `rows` where it names no m.
void addSpecs(std::string_view text, const std::vector<std::int64_t> &rows,
              bool rowsGiven, std::vector<GemmSpec> &specs) {
  bool hasRows = false;
  for (std::size_t i = 0; i + 1 < text.size() && text[i] != ','; ++i)
    hasRows |= text[i] == 'm' && text[i + 1] >= '0' && text[i + 1] <= '9';
  if (hasRows && rowsGiven)
    throw CliError{
        usage,
        fmt::format("m is given twice: in '{}' and by -m", text.substr(0, 200)),
        {"leave m out of the spec, as in n4096k4096g128"}};
  if (hasRows) {
    specs.push_back(parseGemmSpec(text));
    return;
  }
  for (std::int64_t m : rows)
    specs.push_back(parseGemmSpec(fmt::format("m{}{}", m, text)));
}

/// Lines of specs, with or without m, or of N x K; # begins a remark.
/// `layout` is what the latter get.
void addFile(const std::string &path, const std::vector<std::int64_t> &rows,
             bool rowsGiven, const std::string &layout,
             std::vector<GemmSpec> &specs) {
  std::ifstream file(path);
  if (!file)
    throw Error(ErrorKind::invalidInput,
                fmt::format("the file of shapes {} cannot be read", path));
  std::size_t before = specs.size();
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    line = line.substr(0, line.find('#'));
    std::erase_if(line,
                  [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
    if (line.empty())
      continue;
    try {
      if (std::size_t by = line.find('x');
          by != std::string::npos && line[0] >= '0' && line[0] <= '9')
        line = fmt::format("n{}k{},layout={}", line.substr(0, by),
                           line.substr(by + 1), layout);
      addSpecs(line, rows, rowsGiven, specs);
    } catch (const Error &error) {
      throw Error(error.kind(),
                  fmt::format("{}, line {}: {}", path, number, error.message()),
                  error.notes());
    }
  }
  if (specs.size() == before)
    throw Error(ErrorKind::invalidInput,
                fmt::format("the file of shapes {} has no shape", path),
                {"a line is a spec like n4096k4096g128, or 4096x4096"});
}

std::vector<GemmSpec> specsOf(const TuneArguments &arguments) {
  std::vector<std::int64_t> rows =
      numbers("-m", arguments.m ? *arguments.m : std::string(defaultRows));
  if (arguments.layout && !arguments.model && !arguments.shapes)
    throw CliError{usage,
                   "--layout needs --model NAME or --shapes FILE",
                   {"a spec names its own: n4096k4096,layout=packed"}};
  const std::string layout = arguments.layout ? *arguments.layout : "gptq";
  if (layout != "gptq" && layout != "packed")
    throw CliError{
        usage,
        fmt::format("--layout is '{}'; expected gptq or packed", layout),
        {}};
  std::vector<GemmSpec> specs;
  for (const std::string &text : arguments.specs)
    addSpecs(text, rows, arguments.m.has_value(), specs);
  if (arguments.shapes)
    addFile(*arguments.shapes, rows, arguments.m.has_value(), layout, specs);
  if (arguments.parts && !arguments.model)
    throw CliError{usage, "--tp needs --model NAME", {}};
  if (arguments.model)
    for (std::int64_t parts :
         numbers("--tp", arguments.parts ? *arguments.parts : "1")) {
      if (parts < 1 || parts > 64)
        throw CliError{usage,
                       fmt::format("--tp {} is not in 1..64", parts),
                       {"tensor parallel processes, 1,2,4,8 as a rule"}};
      for (const ModelLayer &layer :
           layersOfPart(model(*arguments.model), static_cast<int>(parts)))
        for (std::int64_t m : rows)
          specs.push_back(parseGemmSpec(
              fmt::format("m{}n{}k{},layout={}", m, layer.n, layer.k, layout)));
    }
  for (const GemmSpec &spec : specs)
    validate(spec);
  return specs;
}

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
  std::stringstream content;
  content << file.rdbuf();
  std::string text = content.str();
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
    std::fputs((line + "\x1b[K").c_str(), stderr);
    shown_ = true;
  }
  ~ProgressBar() {
    if (shown_)
      std::fputs("\r\x1b[K", stderr);
  }

private:
  bool terminal_ = isatty(STDERR_FILENO);
  bool shown_ = false;
};

std::string specText(const TuningProblem &problem) {
  return print(specOf(problem));
}

/// How much slower a choice is than the tuned best; over all results.
struct Regret {
  double logSum = 0, worst = 0;
  int count = 0;

  void add(std::optional<double> median, double best) {
    if (!median || best <= 0)
      return;
    logSum += std::log(*median / best);
    worst = std::max(worst, *median / best);
    ++count;
  }
  double mean() const { return count ? std::exp(logSum / count) : 0; }
};

/// Of the choices that need no tuning.
Regret regret(const TuneReport &report) {
  Regret sum;
  for (const TuneResult &r : report.results)
    if (r.winner)
      sum.add(r.defaultMedian, r.winner->measurement.median);
  return sum;
}

std::string asText(const TuneReport &report, const std::string &unit,
                   const std::string &db) {
  std::string text = fmt::format("{:<34} {:>10} {:>8} {:>8}  {}\n", "problem",
                                 unit == "us" ? "us cold" : unit, "of read",
                                 "untuned", "schedule");
  auto times = [](std::optional<double> median, double best) {
    return median ? fmt::format("{:.2f}x", *median / best) : std::string("-");
  };
  for (const TuneResult &r : report.results) {
    if (!r.winner) {
      text += fmt::format("{:<34} nothing measured; {} candidates failed\n",
                          specText(r.problem), r.failed);
      continue;
    }
    const Measurement &m = r.winner->measurement;
    text += fmt::format(
        "{:<34} {:>10.3f} {:>8} {:>8}  {}{}\n", specText(r.problem), m.median,
        r.plainRead ? fmt::format("{:.0f}%", 100 * r.plainRead / m.median)
                    : "-",
        times(r.defaultMedian, m.median), print(r.winner->schedule),
        r.complete ? "" : "  (not all candidates)");
  }
  std::size_t measured = 0, known = 0, failed = 0;
  for (const TuneResult &r : report.results) {
    measured += r.measured;
    known += r.known;
    failed += r.failed;
  }
  text +=
      row("candidates", fmt::format("{} measured, {} known before, {} failed",
                                    measured, known, failed));
  if (Regret sum = regret(report); sum.count)
    text += row("untuned", fmt::format("{:.3f}x the best on the geometric "
                                       "mean, {:.3f}x at worst, of {} problems",
                                       sum.mean(), sum.worst, sum.count));
  const TuneTimes &t = report.times;
  text += wrappedRow(
      "seconds",
      fmt::format("{:.1f}: {:.1f} waiting for compilers ({:.1f} of their "
                  "time), {:.1f} preparing, {:.1f} checking, {:.1f} coarse, "
                  "{:.1f} final, {:.1f} storing",
                  t.total, t.waiting, t.compiling, t.preparing, t.checking,
                  t.coarse, t.final, t.storing));
  text += row("database", db);
  return text;
}

std::string asJson(const TuneReport &report, const std::string &unit,
                   const std::string &db) {
  Json json = {{"schema", 1},
               {"unit", unit},
               {"database", db},
               {"stopped", report.stopped},
               {"problems", Json::array()}};
  auto orNull = [](const std::optional<double> &value) {
    return value ? Json(*value) : Json();
  };
  for (const TuneResult &r : report.results) {
    Json problem = {{"spec", specText(r.problem)},
                    {"complete", r.complete},
                    {"measured", r.measured},
                    {"known", r.known},
                    {"failed", r.failed},
                    {"plain_read", r.plainRead},
                    {"default",
                     {{"schedule", print(r.defaultChoice)},
                      {"median", orNull(r.defaultMedian)}}}};
    if (r.winner)
      problem["winner"] = {{"schedule", print(r.winner->schedule)},
                           {"median", r.winner->measurement.median},
                           {"p10", r.winner->measurement.p10},
                           {"p90", r.winner->measurement.p90}};
    json["problems"].push_back(std::move(problem));
  }
  const TuneTimes &t = report.times;
  json["seconds"] = {{"total", t.total},         {"waiting", t.waiting},
                     {"compiling", t.compiling}, {"preparing", t.preparing},
                     {"checking", t.checking},   {"coarse", t.coarse},
                     {"final", t.final},         {"storing", t.storing}};
  return json.dump(2) + "\n";
}

/// The `count` fastest of each problem and place.
TuningTable fastest(const TuningTable &table, std::size_t count) {
  std::map<std::pair<TuningPlace, TuningProblem>, std::vector<TuningEntry>>
      problems;
  for (const auto &[key, measurement] : table.rows())
    problems[{key.place, key.problem}].push_back(
        {key.problem, key.place, parseSchedule(key.schedule), measurement});
  TuningTable best;
  for (auto &[key, entries] : problems) {
    entries = ranked(std::move(entries));
    for (std::size_t i = 0; i < std::min(count, entries.size()); ++i)
      if (entries[i].measurement.status == Measurement::Status::ok)
        best.add(entries[i]);
  }
  return best;
}

/// Fits the model to what the database has of a GPU, and stores the constants.
void calibrate(TuningDb &db, const DeviceInfo &info) {
  const Target &target = targetForDevice(info.major, info.minor);
  std::vector<TuningEntry> entries;
  const TuningTable table = db.all();
  for (const auto &[key, measurement] : table.rows())
    if (key.place.gpu == info.name && key.place.sms == info.smCount)
      entries.push_back(
          {key.problem, key.place, parseSchedule(key.schedule), measurement});
  CostFit fit =
      fitConstants(entries, target, deviceConstants(target, info.smCount));
  db.setConstants(info.name, info.smCount, toJson(fit.constants));
  remark(fmt::format(
      "cost model fitted to {} times: off by {:.1f} % (before {:.1f} %); its "
      "choice among what was measured takes {:.3f}x the best, {:.3f}x at worst",
      fit.times, 100 * fit.errorAfter, 100 * fit.errorBefore, fit.regretMean,
      fit.regretWorst));
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
  std::string path = arguments.db ? *arguments.db : defaultTuningDb();
  if (path.empty())
    throw CliError{usage,
                   "there is no place for the tuning database: HOME is unset",
                   {"--db FILE or LATH_TUNING_DB names one"}};
  if (specs.empty() && arguments.merge.empty() && !arguments.exportTo &&
      !arguments.calibrate)
    throw CliError{usage,
                   "nothing to tune",
                   {"give specs like n4096k4096g128, --model NAME or "
                    "--shapes FILE"}};

  // All are read before the first is written.
  TuningTable merged;
  for (const std::string &file : arguments.merge)
    merged.merge(readTable(file));
  TuningDb db(path,
              arguments.exportTo && specs.empty() && arguments.merge.empty()
                  ? TuningDb::Mode::read
                  : TuningDb::Mode::write);
  if (!arguments.merge.empty()) {
    db.merge(merged);
    remark(fmt::format("{} measurements merged into {}", merged.size(), path));
  }
  bool stopped = false;
  std::optional<DeviceInfo> measured;
  if (!specs.empty()) {
    std::optional<int> ordinal = deviceOrdinal(arguments.device);
    std::unique_ptr<Measurer> measurer =
        measureInWorker(workerCommand(ordinal), candidateSeconds);
    ProgressBar bar;
    options.progress = [&](const TuneProgress &p) { bar.show(p); };
    options.stop = &interrupted;
    std::signal(SIGINT, [](int) {
      interrupted = true;
      std::signal(SIGINT, SIG_DFL); // a second one ends at once
    });
    TuneReport report = lath::tune(specs, *measurer, db, options);
    stopped = report.stopped;
    measured = measurer->device();
    std::string unit = measurer->unit();
    if (unit != "us" && !json)
      remark("the emulator has no clock: `cost` is a count, and no GPU's "
             "request uses it");
    writeResult(json ? asJson(report, unit, path) : asText(report, unit, path));
  }
  if (arguments.calibrate && !stopped)
    calibrate(db, measured ? *measured : openDevice(arguments.device)->info());
  if (arguments.exportTo)
    writeResult((best ? fastest(db.all(), best) : db.all()).toJson(),
                arguments.exportTo);
  if (stopped)
    throw CliError{failure,
                   "stopped; what was measured is kept",
                   {"the same command goes on from there"}};
}

} // namespace lath::cli
