// `lath cache`: looks at, and tidies, the kernels on disk.
#include "runtime/CubinCache.h"
#include "tools/lath/Commands.h"
#include "tools/lath/Output.h"
#include "tools/lath/Words.h"

#include <fmt/chrono.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>

namespace lath::cli {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::string_view, 7> actions = {
    "ls", "stats", "verify", "prune", "clear", "export", "import"};

/// The cache, and how to say what was found in it.
struct Session {
  CubinCacheOptions options;
  std::optional<CubinCache> cache; ///< none: nobody has made the folder yet
  bool json = false;

  Json head() const { return {{"schema", 1}, {"folder", options.folder}}; }
  void write(const Json &report, const std::string &text) const {
    // A name in another encoding than UTF-8 must not cost the report.
    writeResult(
        json ? report.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"
             : text);
  }
  /// "12 entries" and the like.
  static std::string count(std::size_t number, std::string_view one,
                           std::string_view many) {
    return fmt::format("{} {}", number, number == 1 ? one : many);
  }
  static std::string entries(std::size_t number) {
    return count(number, "entry", "entries");
  }
};

std::string timeText(std::int64_t seconds) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<std::time_t>(seconds)));
}

Json keyJson(const CubinKey &key) {
  return {{"spec", key.spec},
          {"program", key.program},
          {"schedule", key.schedule},
          {"target", key.target},
          {"ptx", key.ptx},
          {"llvm", key.llvm},
          {"assembler", key.assembler},
          {"build", key.build}};
}

Json problemJson(const CubinListing &listing) {
  if (listing.miss == CubinMiss::none)
    return {};
  return {{"kind", std::string(name(listing.miss))}, {"why", listing.problem}};
}

std::string problemText(const CubinListing &listing) {
  return fmt::format("{}  {}: {}\n", listing.file, name(listing.miss),
                     listing.problem);
}

std::vector<CubinListing> listingsOf(const Session &session) {
  return session.cache ? session.cache->list() : std::vector<CubinListing>();
}

void list(const Session &session) {
  Json report = session.head();
  report["entries"] = Json::array();
  std::string text;
  for (const CubinListing &listing : listingsOf(session)) {
    Json entry = {{"file", listing.file}};
    bool sound = listing.miss == CubinMiss::none;
    if (sound)
      entry.update(keyJson(listing.key));
    entry["bytes"] = listing.bytes;
    entry["cubin_bytes"] = sound ? Json(listing.cubinBytes) : Json();
    entry["last_used"] = timeText(listing.lastUsed);
    entry["problem"] = problemJson(listing);
    report["entries"].push_back(std::move(entry));
    text += sound ? fmt::format("{}  {:>7}  {:<7}  {}  {}\n",
                                timeText(listing.lastUsed),
                                bytesText(double(listing.bytes)),
                                listing.key.target, listing.key.spec,
                                listing.key.schedule)
                  : problemText(listing);
  }
  session.write(report, text);
}

void stats(const Session &session) {
  CubinCacheStats s;
  s.maxBytes = session.options.maxBytes;
  std::map<std::string, std::uint64_t> targets;
  std::int64_t lastUsed = 0;
  if (session.cache) {
    s = session.cache->stats();
    for (const CubinListing &listing : session.cache->list()) {
      if (listing.miss == CubinMiss::none)
        ++targets[listing.key.target];
      lastUsed = std::max(lastUsed, listing.lastUsed);
    }
  }
  Json report = session.head();
  report.update({{"entries", s.entries},
                 {"bytes", s.bytes},
                 {"max_bytes", s.maxBytes},
                 {"problems", s.problems},
                 {"temporary_files", s.temporaryFiles},
                 {"temporary_bytes", s.temporaryBytes},
                 {"last_used", lastUsed ? Json(timeText(lastUsed)) : Json()},
                 {"targets", Json(targets)}});
  std::string byTarget;
  for (const auto &[target, number] : targets)
    byTarget +=
        fmt::format("{}{} {}", byTarget.empty() ? "" : ", ", target, number);
  session.write(
      report,
      row("folder", session.options.folder) +
          row("entries", byTarget.empty()
                             ? fmt::format("{}", s.entries)
                             : fmt::format("{}: {}", s.entries, byTarget)) +
          row("size",
              fmt::format("{} of at most {}", bytesText(double(s.bytes)),
                          bytesText(double(s.maxBytes)))) +
          row("last used", lastUsed ? timeText(lastUsed) : "never") +
          row("problems", fmt::format("{}", s.problems)) +
          row("temporary",
              fmt::format("{}, {}",
                          Session::count(s.temporaryFiles, "file", "files"),
                          bytesText(double(s.temporaryBytes)))));
}

void verify(const Session &session) {
  std::vector<CubinListing> all = listingsOf(session);
  Json report = session.head();
  report["checked"] = all.size();
  report["problems"] = Json::array();
  std::string text;
  for (const CubinListing &listing : all)
    if (listing.miss != CubinMiss::none) {
      Json problem = {{"file", listing.file}};
      problem.update(problemJson(listing));
      report["problems"].push_back(std::move(problem));
      text += problemText(listing);
    }
  std::size_t problems = report["problems"].size();
  if (!problems)
    text = fmt::format("{} checked, all sound\n", Session::entries(all.size()));
  session.write(report, text);
  if (problems)
    throw CliError{failure,
                   fmt::format("{} of {} not sound", problems,
                               Session::entries(all.size())),
                   {"a request replaces such an entry; `lath cache prune` "
                    "removes all of them"}};
}

/// What prune and clear removed.
void reportRemovals(const Session &session,
                    const std::vector<CubinRemoval> &removals, bool dryRun) {
  Json report = session.head();
  report["dry_run"] = dryRun;
  report["removed"] = Json::array();
  report["failed"] = Json::array();
  std::string text;
  std::uint64_t bytes = 0;
  for (const CubinRemoval &removal : removals) {
    Json json = {
        {"file", removal.file}, {"bytes", removal.bytes}, {"why", removal.why}};
    if (removal.problem.empty()) {
      bytes += removal.bytes;
      text += fmt::format("{}  {}\n", removal.file, removal.why);
    } else {
      json["problem"] = removal.problem;
    }
    report[removal.problem.empty() ? "removed" : "failed"].push_back(
        std::move(json));
  }
  report["bytes"] = bytes;
  text += fmt::format(
      "{} {}, {}\n", Session::count(report["removed"].size(), "file", "files"),
      dryRun ? "would be removed" : "removed", bytesText(double(bytes)));
  session.write(report, text);
  for (const CubinRemoval &removal : removals)
    if (!removal.problem.empty())
      throw CliError{failure,
                     fmt::format("cannot remove {} in {}: {}", removal.file,
                                 session.options.folder, removal.problem),
                     {}};
}

std::int64_t seconds(const std::string &days) {
  auto number = wholeNumber<std::uint32_t>("--older-than", days);
  return std::int64_t(number) * 24 * 60 * 60;
}

std::uint64_t size(std::string_view option, const std::string &text) {
  if (auto bytes = parseSize(text))
    return *bytes;
  throw CliError{
      usage,
      fmt::format("{} needs a size like 512M, got '{}'", option, text),
      {"a number of bytes, with K, M or G behind it for powers of "
       "1024"}};
}

void prune(Session &session, const CacheArguments &arguments) {
  CubinPruneOptions options{.dryRun = arguments.dryRun};
  if (arguments.maxSize)
    options.maxBytes = size("--max-size", *arguments.maxSize);
  if (arguments.olderThan)
    options.maxAge = seconds(*arguments.olderThan);
  reportRemovals(session,
                 session.cache ? session.cache->prune(options)
                               : std::vector<CubinRemoval>(),
                 arguments.dryRun);
}

void exportTo(const Session &session, const std::string &file) {
  if (file == "-" && goesToTerminal(std::nullopt))
    throw CliError{usage,
                   "an export is binary and is not written to a terminal",
                   {"name a file, or redirect the output"}};
  if (!session.cache)
    throw Error(ErrorKind::invalidInput,
                fmt::format("there is nothing to export: {} does not exist",
                            session.options.folder));
  std::size_t entries = 0, problems = 0;
  for (const CubinListing &listing : session.cache->list())
    ++(listing.miss == CubinMiss::none ? entries : problems);
  std::string bytes = session.cache->exportAll();
  writeResult(bytes, file);
  if (problems)
    warn(fmt::format("{} not sound and left out", Session::entries(problems)));
  if (file == "-")
    return;
  Json report = session.head();
  report.update({{"file", file},
                 {"entries", entries},
                 {"left_out", problems},
                 {"bytes", bytes.size()}});
  session.write(report, fmt::format("{}, {}, written to {}\n",
                                    Session::entries(entries),
                                    bytesText(double(bytes.size())), file));
}

std::string readInput(const std::string &file) {
  auto fail = [&](int error) -> std::string {
    throw Error(ErrorKind::invalidInput,
                fmt::format("cannot read {}: {}", file, std::strerror(error)));
  };
  if (std::filesystem::is_directory(file))
    return fail(EISDIR);
  errno = 0;
  std::ifstream input(file, std::ios::binary);
  if (!input)
    return fail(errno ? errno : EIO);
  std::string bytes{std::istreambuf_iterator<char>(input), {}};
  return input.bad() ? fail(EIO) : bytes;
}

void importFrom(const Session &session, const std::string &file) {
  using Outcome = CubinImport::Outcome;
  std::string bytes = readInput(file);
  CubinCache cache = *session.cache;
  std::vector<CubinImport> imports = cache.importAll(bytes);
  Json report = session.head();
  report["file"] = file;
  report["entries"] = Json::array();
  std::map<Outcome, std::size_t> counts;
  for (const CubinImport &import : imports) {
    ++counts[import.outcome];
    Json entry = {{"file", import.file},
                  {"outcome", import.outcome == Outcome::stored    ? "stored"
                              : import.outcome == Outcome::present ? "present"
                                                                   : "failed"},
                  {"why", import.why.empty() ? Json() : Json(import.why)}};
    entry.update(keyJson(import.key));
    report["entries"].push_back(std::move(entry));
  }
  session.write(report, fmt::format("{} stored, {} there already\n",
                                    Session::entries(counts[Outcome::stored]),
                                    counts[Outcome::present]));
  for (const CubinImport &import : imports)
    if (import.outcome == Outcome::failed)
      throw CliError{failure,
                     fmt::format("{} not stored: {}",
                                 Session::entries(counts[Outcome::failed]),
                                 import.why),
                     {}};
}

/// Options that this action does not have are usage errors.
void refuseStray(const CacheArguments &arguments, std::string_view action) {
  bool hasFile = action == "export" || action == "import";
  if (hasFile != arguments.file.has_value())
    throw CliError{
        usage,
        hasFile ? fmt::format("cache {} needs a file", action)
                : fmt::format("unexpected argument '{}' of cache {}",
                              *arguments.file, action),
        {hasFile ? fmt::format("lath cache {} FILE", action)
                 : std::string("`lath help cache` lists what it takes")}};
  const std::pair<std::string_view, bool> given[] = {
      {"--max-size", arguments.maxSize.has_value()},
      {"--older-than", arguments.olderThan.has_value()},
      {"--dry-run", arguments.dryRun}};
  for (auto [option, isGiven] : given)
    if (isGiven && action != "prune")
      throw CliError{usage,
                     fmt::format("{} belongs to cache prune, not to cache {}",
                                 option, action),
                     {}};
}

Session open(const CacheArguments &arguments, bool make) {
  Session session;
  session.json = wantsJson(arguments.format);
  session.options = cubinCacheOptions(environment());
  CubinCacheOptions &options = session.options;
  if (arguments.folder) {
    if (arguments.folder->empty())
      throw CliError{usage, "the name of the folder is empty", {}};
    options.folder = *arguments.folder;
  }
  if (options.maxBytes == 0)
    throw Error(ErrorKind::invalidInput,
                "there is no cache on disk: LATH_CACHE_SIZE is 0");
  if (options.folder.empty())
    throw Error(ErrorKind::invalidInput,
                "there is no cache on disk: " + options.noFolder,
                {"--folder names one"});
  options.create = make;
  // What a warning would say is the error here.
  options.warn = [](const std::string &) {};
  std::error_code unknown;
  auto status = std::filesystem::symlink_status(options.folder, unknown);
  if (!make && status.type() == std::filesystem::file_type::not_found)
    return session;
  session.cache.emplace(options);
  if (!session.cache->onDisk())
    throw Error(ErrorKind::invalidInput,
                "there is no cache on disk: " + session.cache->noDisk());
  return session;
}

} // namespace

void cache(const CacheArguments &arguments) {
  if (!arguments.action)
    throw CliError{usage,
                   "cache needs an action",
                   {fmt::format("all are {}", fmt::join(actions, ", "))}};
  std::string_view action =
      actions[wordIndex("action", *arguments.action, actions)];
  refuseStray(arguments, action);
  Session session = open(arguments, action == "import");
  if (action == "ls")
    list(session);
  else if (action == "stats")
    stats(session);
  else if (action == "verify")
    verify(session);
  else if (action == "prune")
    prune(session, arguments);
  else if (action == "clear")
    reportRemovals(session,
                   session.cache ? session.cache->clear()
                                 : std::vector<CubinRemoval>(),
                   false);
  else if (action == "export")
    exportTo(session, *arguments.file);
  else
    importFrom(session, *arguments.file);
}

} // namespace lath::cli
