// What somebody else may put where the cache expects its own.

#include "tools/stress/Stress.h"

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace lath::stress {

namespace {

namespace fs = std::filesystem;

constexpr const char *precious = "not to be touched\n";

std::string contentOf(const fs::path &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// A new cache with one entry, and what lies outside of it.
struct Place {
  fs::path cache, entry, lock;
  fs::path victim;  ///< a file that nobody may write
  fs::path outside; ///< a sound entry elsewhere
  fs::path others;  ///< an empty folder elsewhere

  explicit Place(const fs::path &root)
      : cache(root / "cache"), victim(root / "victim"),
        outside(root / "elsewhere.lath"), others(root / "others") {
    fs::remove_all(root);
    fs::create_directories(root);
    fs::create_directory(others);
    std::ofstream(victim) << precious;
    CubinCacheOptions options = fakeOptions(cache);
    options.calls = &quickFileCalls();
    CubinCache sound(options);
    CubinKey key = fakeKey(0);
    sound.findOrBuild(key, [&] { return fakeEntry(key); });
    entry = cache / sound.list().at(0).file;
    lock = cache / "lock";
    fs::copy_file(entry, outside);
  }
};

/// `make(path)` in place of what is at `path`.
template <typename Make> void replace(const fs::path &path, Make &&make) {
  fs::remove_all(path);
  make(path);
}

void makeSocket(const fs::path &path) {
  // Bound by a relative name: absolute ones have at most 107 bytes.
  fs::path before = fs::current_path();
  fs::current_path(path.parent_path());
  int file = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.filename().string().copy(address.sun_path, sizeof address.sun_path - 1);
  bind(file, reinterpret_cast<sockaddr *>(&address), sizeof address);
  close(file);
  fs::current_path(before);
}

template <bool Folder> int foreignStatus(int file, struct stat *status) {
  int result = systemFileCalls().fstat(file, status);
  if (S_ISDIR(status->st_mode) == Folder)
    ++status->st_uid;
  return result;
}

template <bool Folder> const FileCalls *foreignCalls() {
  static const FileCalls calls = [] {
    FileCalls foreign = quickFileCalls();
    foreign.fstat = foreignStatus<Folder>;
    return foreign;
  }();
  return &calls;
}

struct Scenario {
  std::string name;
  std::function<void(const Place &)> prepare;
  std::string expected; ///< part of the warning
  /// Whether the entry is on disk again afterwards.
  bool replaced = true;
  const FileCalls *calls = nullptr;
};

std::vector<Scenario> scenarios() {
  auto mode = [](fs::path Place::*what, mode_t bits) {
    return [=](const Place &p) { chmod((p.*what).c_str(), bits); };
  };
  auto link = [](fs::path Place::*what, fs::path Place::*to) {
    return [=](const Place &p) {
      replace(p.*what,
              [&](const fs::path &at) { fs::create_symlink(p.*to, at); });
    };
  };
  auto fifo = [](fs::path Place::*what) {
    return [=](const Place &p) {
      replace(p.*what, [](const fs::path &at) { mkfifo(at.c_str(), 0600); });
    };
  };
  auto nothing = [](const Place &) {};
  std::vector<Scenario> all = {
      {"entry: symbolic link to another file",
       link(&Place::entry, &Place::victim), "it is a symbolic link"},
      {"entry: symbolic link to a sound entry",
       link(&Place::entry, &Place::outside), "it is a symbolic link"},
      {"entry: symbolic link to nothing",
       [](const Place &p) {
         replace(p.entry, [&](const fs::path &at) {
           fs::create_symlink(p.others / "new", at);
         });
       },
       "it is a symbolic link"},
      {"entry: hard link to a sound entry",
       [](const Place &p) {
         replace(p.entry, [&](const fs::path &at) {
           fs::create_hard_link(p.outside, at);
         });
       },
       "it has 2 names (hard links)"},
      {"entry: the group may write it", mode(&Place::entry, 0660),
       "others may write it (mode 0660)"},
      {"entry: mode 0777", mode(&Place::entry, 0777),
       "others may write it (mode 0777)"},
      {"entry: FIFO", fifo(&Place::entry), "it is a FIFO"},
      {"entry: socket", [](const Place &p) { replace(p.entry, makeSocket); },
       "it is a socket"},
      {"entry: empty folder",
       [](const Place &p) {
         replace(p.entry, [](const fs::path &at) { fs::create_directory(at); });
       },
       "it is a folder"},
      {"entry: folder with files",
       [](const Place &p) {
         replace(p.entry, [](const fs::path &at) {
           fs::create_directory(at);
           std::ofstream(at / "file") << precious;
         });
       },
       "it is a folder", false},
      {"entry: of another user", nothing, "it belongs to user", false,
       foreignCalls<false>()},
      {"entry: a terabyte",
       [](const Place &p) {
         fs::resize_file(p.entry, std::uintmax_t(1) << 40);
       },
       "expected at most"},
      {"folder: symbolic link", link(&Place::cache, &Place::others),
       "it is a symbolic link", false},
      {"folder: mode 0777", mode(&Place::cache, 0777),
       "others may write it (mode 0777)", false},
      {"folder: the group may write it", mode(&Place::cache, 0770),
       "others may write it (mode 0770)", false},
      {"folder: of another user", nothing, "it belongs to user", false,
       foreignCalls<true>()},
      {"folder: a file in its place",
       [](const Place &p) {
         replace(p.cache,
                 [](const fs::path &at) { std::ofstream(at) << precious; });
       },
       "Not a directory", false},
      {"folder: a FIFO in its place", fifo(&Place::cache), "Not a directory",
       false},
      {"lock: symbolic link to another file",
       [link](const Place &p) {
         fs::remove(p.entry);
         link(&Place::lock, &Place::victim)(p);
       },
       "lock is refused: it is a symbolic link"},
      {"lock: FIFO",
       [fifo](const Place &p) {
         fs::remove(p.entry);
         fifo (&Place::lock)(p);
       },
       "lock is refused: it is a FIFO"},
      {"lock: mode 0666",
       [mode](const Place &p) {
         fs::remove(p.entry);
         mode(&Place::lock, 0666)(p);
       },
       "lock is refused: others may write it (mode 0666)"},
  };
  // Only root can give a file away.
  if (geteuid() == 0)
    all.push_back({"entry: given to another user",
                   [](const Place &p) {
                     if (chown(p.entry.c_str(), 65534, 65534) != 0)
                       throw std::runtime_error("chown");
                   },
                   "it belongs to user 65534"});
  return all;
}

/// What went wrong; nothing: it was refused, and the request served.
std::string attack(const fs::path &root, const Scenario &scenario,
                   std::string &said) {
  Place place(root);
  scenario.prepare(place);
  std::vector<std::string> warnings;
  CubinCacheOptions options = fakeOptions(place.cache, &warnings);
  options.calls = scenario.calls ? scenario.calls : &quickFileCalls();
  CubinKey key = fakeKey(0);
  bool built = false;
  CubinResult got = CubinCache(options).findOrBuild(key, [&] {
    built = true;
    return fakeEntry(key);
  });
  for (const std::string &warning : warnings)
    if (warning.find(scenario.expected) != warning.npos && said.empty())
      said = warning;
  if (said.empty())
    return fmt::format("expected '{}' in a warning, got {}", scenario.expected,
                       warnings.empty() ? "none" : warnings.front());
  if (!built)
    return "what should be refused was loaded";
  if (*got.entry != fakeEntry(key))
    return "the request got a wrong entry";
  if (contentOf(place.victim) != precious)
    return "a file outside was written";
  if (!fs::is_empty(place.others))
    return "a file outside was made";
  if (contentOf(place.outside).size() < 30'000)
    return "an entry outside was changed";
  if (scenario.replaced &&
      CubinCache(fakeOptions(place.cache)).find(key).entry == nullptr)
    return "the entry was not replaced";
  return {};
}

} // namespace

std::vector<Attack> attacks(const std::string &folder) {
  std::vector<Attack> results;
  for (const Scenario &scenario : scenarios()) {
    Attack result{scenario.name, {}, {}};
    result.problem = attack(fs::path(folder) / "attack", scenario, result.said);
    results.push_back(std::move(result));
  }
  fs::remove_all(fs::path(folder) / "attack");
  return results;
}

} // namespace lath::stress
