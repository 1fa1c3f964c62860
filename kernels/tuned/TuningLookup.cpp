#include "kernels/tuned/TuningLookup.h"

#include "compiler/base/Error.h"

#include <sys/stat.h>
#include <unistd.h>

namespace lath {

namespace {

/// A writer locks readers out for moments only: while a log is recovered, or
/// its last connection closes.
constexpr int lockMilliseconds = 50;
/// Problems kept; a process asks for some dozens.
constexpr std::size_t mostKnown = 4096;

std::optional<DeviceConstants> constantsOf(const std::string &json) {
  if (json.empty())
    return std::nullopt;
  try {
    return constantsFromJson(json);
  } catch (const Error &) {
    return std::nullopt; // of another version of the model
  }
}

} // namespace

TuningLookup::TuningLookup(std::string path, std::string gpu, unsigned sms,
                           Clock::duration rest)
    : path_(std::move(path)), gpu_(std::move(gpu)), sms_(sms), rest_(rest) {}

TuningLookup::~TuningLookup() {
  if (db_ && identity_.process != getpid())
    (void)db_.release(); // SQLite forbids to close what another process opened
}

bool TuningLookup::opened() {
  struct stat file;
  const bool exists = !path_.empty() && stat(path_.c_str(), &file) == 0;
  Identity found;
  if (exists)
    found = {file.st_dev, file.st_ino, getpid(), 0};
  auto written = [&] {
    return std::int64_t{file.st_mtim.tv_sec} * 1'000'000'000 +
           file.st_mtim.tv_nsec;
  };
  if (exists && db_ && db_->immutable())
    found.written = written();
  if (exists && db_ && found == identity_)
    return true;
  if (db_ && identity_.process != getpid())
    (void)db_.release();
  db_.reset();
  forget();
  if (!exists)
    return false;
  db_ =
      std::make_unique<TuningDb>(path_, TuningDb::Mode::read, lockMilliseconds);
  if (db_->immutable())
    found.written = written();
  identity_ = found;
  version_ = db_->version();
  return true;
}

void TuningLookup::forget() {
  known_.clear();
  programs_.clear();
}

template <class Problem, class Value, class Ask>
Value TuningLookup::remembered(std::map<Problem, Value> &known,
                               const Problem &problem, const Ask &ask) {
  std::lock_guard lock(mutex_);
  if (restsUntil_ && Clock::now() < *restsUntil_)
    return {};
  try {
    const bool there = opened();
    restsUntil_.reset();
    problem_.clear();
    if (!there)
      return {};
    const std::int64_t now = db_->version();
    if (now != version_ || known.size() >= mostKnown)
      forget();
    version_ = now;
    auto found = known.find(problem);
    if (found == known.end())
      found = known.emplace(problem, ask()).first;
    return found->second;
  } catch (const Error &error) {
    problem_ = error.message();
    restsUntil_ = Clock::now() + rest_;
    db_.reset();
    forget();
    return {};
  }
}

TuningLookup::Read TuningLookup::read(const TuningProblem &problem) {
  return remembered(known_, problem, [&] {
    TuningDb::Known stored = db_->known(problem, gpu_, sms_);
    return Read{std::move(stored.entries), constantsOf(stored.constants)};
  });
}

std::vector<ProgramEntry>
TuningLookup::measurements(const ProgramProblem &problem) {
  return remembered(programs_, problem,
                    [&] { return db_->of(problem, gpu_, sms_); });
}

std::vector<TuningEntry>
TuningLookup::measurements(const TuningProblem &problem) {
  return read(problem).entries;
}

std::optional<DeviceConstants> TuningLookup::constants() {
  return read({}).constants;
}

std::string TuningLookup::problem() const {
  std::lock_guard lock(mutex_);
  return problem_;
}

} // namespace lath
