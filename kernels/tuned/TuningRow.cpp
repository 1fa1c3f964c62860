#include "kernels/tuned/TuningRow.h"

#include "compiler/base/Error.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace lath {

namespace {

/// A value of an enumeration: its number in the database, its name in JSON.
struct Choice {
  std::int64_t number;
  std::string_view name;
};

template <class Value> constexpr Choice choice(Value value, const char *name) {
  return {static_cast<std::int64_t>(value), name};
}

constexpr std::array units = {std::string_view("us"), std::string_view("cost")};
constexpr std::array xChoices = {choice(Dtype::f16, "f16"),
                                 choice(Dtype::bf16, "bf16")};
constexpr auto formatChoices = [] {
  std::array<Choice, weightFormats.size()> choices;
  for (const WeightFormat &format : weightFormats)
    choices[format.number] = {format.number, format.name};
  return choices;
}();
constexpr auto layoutChoices = [] {
  std::array<Choice, weightLayoutNames.size()> choices;
  for (std::size_t i = 0; i < choices.size(); ++i)
    choices[i] = {static_cast<std::int64_t>(i), weightLayoutNames[i]};
  return choices;
}();
constexpr std::array statusChoices = {
    choice(Measurement::Status::ok, "ok"),
    choice(Measurement::Status::wrong, "wrong"),
    choice(Measurement::Status::rejected, "rejected"),
    choice(Measurement::Status::crashed, "crashed"),
    choice(Measurement::Status::hung, "hung")};

constexpr std::size_t longestName = 4096;
constexpr double longest = 1e12;              // us, twelve days
constexpr std::int64_t latest = 253402300799; // the end of the year 9999

[[noreturn]] void wrong(std::string message) {
  throw Error(ErrorKind::invalidInput, std::move(message));
}

std::string shown(const TuningValue &value) {
  if (auto *whole = std::get_if<std::int64_t>(&value))
    return fmt::format("{}", *whole);
  if (auto *real = std::get_if<double>(&value))
    return fmt::format("{}", *real);
  if (auto *text = std::get_if<std::string>(&value))
    return fmt::format("'{}'", *text);
  return "nothing";
}

/// Takes the columns one after the other.
class RowReader {
public:
  RowReader(const TuningShape &shape,
            const std::function<TuningValue(std::size_t)> &value)
      : shape_(shape), value_(value) {}

  std::string text() {
    TuningValue value = next();
    auto *text = std::get_if<std::string>(&value);
    if (!text)
      wrong(fmt::format("{} is no text ({})", shown(value), column()));
    return std::move(*text);
  }

  /// Of a key: not empty, and no longer than people write.
  std::string name() {
    std::string found = text();
    if (found.empty() || found.size() > longestName)
      wrong(fmt::format("'{}' is no text of 1 to {} bytes ({})",
                        found.substr(0, 80), longestName, column()));
    return found;
  }

  template <std::size_t count>
  std::string oneOf(const std::array<std::string_view, count> &texts) {
    std::string found = text();
    if (std::find(texts.begin(), texts.end(), found) == texts.end())
      wrong(fmt::format("'{}' is none of {} ({})", found,
                        fmt::join(texts, ", "), column()));
    return found;
  }

  std::int64_t whole(std::int64_t least, std::int64_t most) {
    TuningValue value = next();
    auto *number = std::get_if<std::int64_t>(&value);
    if (!number || *number < least || *number > most)
      wrong(fmt::format("{} is no whole number of {}..{} ({})", shown(value),
                        least, most, column()));
    return *number;
  }

  /// From 0 on.
  double time() {
    TuningValue value = next();
    auto *whole = std::get_if<std::int64_t>(&value);
    auto *real = std::get_if<double>(&value);
    const double number = whole  ? double(*whole)
                          : real ? *real
                                 : std::numeric_limits<double>::quiet_NaN();
    if (!(number >= 0 && number <= longest))
      wrong(fmt::format("{} is no number of 0..{:g} ({})", shown(value),
                        longest, column()));
    return number;
  }

  /// The number of a value that this Lath knows.
  template <std::size_t count>
  std::int64_t numberOf(const std::array<Choice, count> &choices) {
    TuningValue value = next();
    auto *number = std::get_if<std::int64_t>(&value);
    auto *text = std::get_if<std::string>(&value);
    for (const Choice &c : choices)
      if ((number && *number == c.number) || (text && *text == c.name))
        return c.number;
    std::vector<std::string> known;
    for (const Choice &c : choices)
      known.push_back(text ? std::string(c.name)
                           : fmt::format("{} = {}", c.number, c.name));
    wrong(fmt::format("{} is none of {} ({})", shown(value),
                      fmt::join(known, ", "), column()));
  }

private:
  TuningValue next() { return value_(at_++); }
  /// That which was read last.
  std::string_view column() const { return shape_.columns[at_ - 1].sql; }

  const TuningShape &shape_;
  const std::function<TuningValue(std::size_t)> &value_;
  std::size_t at_ = 0;
};

template <std::size_t count>
std::string_view nameOf(const std::array<Choice, count> &choices,
                        std::int64_t number) {
  for (const Choice &c : choices)
    if (c.number == number)
      return c.name;
  return "?";
}

void check(const Measurement &m) {
  const bool spreadIsKnown = m.p10 != 0 || m.p90 != 0;
  if (spreadIsKnown && !(m.p10 <= m.median && m.median <= m.p90))
    wrong(fmt::format("p10 = {}, median = {} and p90 = {} are not in order",
                      m.p10, m.median, m.p90));
  if (m.status == Measurement::Status::ok && m.median == 0)
    wrong("a median of 0 is no time");
}

void check(const TuningEntry &e) {
  const GemmSpec spec = specOf(e.problem);
  validate(spec);
  if (e.problem.m != tuningBucket(e.problem.m))
    wrong(fmt::format("m = {} is no bucket of rows; the next is {}",
                      e.problem.m, tuningBucket(e.problem.m)));
  check(e.measurement);
  // Who launches alone has not promised that nothing writes the weights.
  if (e.schedule.dependent != Dependent::none &&
      spec.launches == Launches::alone)
    wrong(fmt::format("the schedule {} starts before the launch ahead of it is "
                      "done, the problem {} is of launches alone",
                      print(e.schedule), print(spec)));
}

TuningPlace readPlace(RowReader &row) {
  TuningPlace place;
  place.gpu = row.text();
  place.sms = static_cast<unsigned>(row.whole(0, 65535));
  place.driver = row.text();
  place.build = row.text();
  return place;
}

Measurement readMeasurement(RowReader &row) {
  Measurement m;
  m.status = static_cast<Measurement::Status>(row.numberOf(statusChoices));
  for (double *time : {&m.median, &m.p10, &m.p90})
    *time = row.time();
  m.replays = static_cast<int>(row.whole(0, std::numeric_limits<int>::max()));
  for (double *time : {&m.plainRead, &m.predicted})
    *time = row.time();
  m.unit = row.oneOf(units);
  m.note = row.text();
  m.when = row.whole(0, latest);
  return m;
}

std::int64_t number(auto value) { return static_cast<std::int64_t>(value); }

/// `key`, the place, `text`, the measurement.
std::vector<TuningValue> joined(std::vector<TuningValue> key,
                                const TuningPlace &place, std::string text,
                                const Measurement &m) {
  const TuningValue rest[] = {place.gpu,       number(place.sms),
                              place.driver,    place.build,
                              std::move(text), number(m.status),
                              m.median,        m.p10,
                              m.p90,           number(m.replays),
                              m.plainRead,     m.predicted,
                              m.unit,          m.note,
                              m.when};
  key.insert(key.end(), std::begin(rest), std::end(rest));
  return key;
}

} // namespace

std::string_view name(Measurement::Status status) {
  return nameOf(statusChoices, static_cast<std::int64_t>(status));
}

std::vector<TuningValue> tuningRow(const TuningEntry &e) {
  const TuningProblem &p = e.problem;
  return joined({operationText(p), p.n, p.k, p.m, p.group, number(p.x),
                 number(weightFormat(p.w, p.zeros).number), number(p.layout),
                 number(p.deterministic)},
                e.place, print(e.schedule), e.measurement);
}

std::vector<TuningValue> tuningRow(const ProgramEntry &e) {
  return joined({e.problem.program, e.problem.problem}, e.place, e.choice,
                e.measurement);
}

TuningEntry
readTuningRow(const std::function<TuningValue(std::size_t)> &value) {
  constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
  RowReader row(gemmShape, value);
  TuningEntry e;
  TuningProblem &p = e.problem;
  setOperation(p, row.text());
  for (std::int64_t *extent : {&p.n, &p.k, &p.m, &p.group})
    *extent = row.whole(1, most); // bounded by the spec's own rules
  p.x = static_cast<Dtype>(row.numberOf(xChoices));
  const WeightFormat &format =
      *weightFormatNumbered(row.numberOf(formatChoices));
  p.w = format.codes;
  p.zeros = format.zeros;
  p.layout = static_cast<WeightLayout>(row.numberOf(layoutChoices));
  p.deterministic = row.whole(0, 1) != 0;
  e.place = readPlace(row);
  e.schedule = parseSchedule(row.text());
  e.measurement = readMeasurement(row);
  check(e);
  return e;
}

ProgramEntry
readProgramRow(const std::function<TuningValue(std::size_t)> &value) {
  RowReader row(programShape, value);
  ProgramEntry e;
  e.problem.program = row.name();
  e.problem.problem = row.text();
  e.place = readPlace(row);
  e.choice = row.name();
  e.measurement = readMeasurement(row);
  check(e.measurement);
  return e;
}

} // namespace lath
