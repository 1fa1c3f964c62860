// A disk that fails at each system call, with each error.

#include "tools/stress/Stress.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>

#include <fmt/format.h>

namespace lath::stress {

namespace {

constexpr int shortTransfer = -1; ///< instead of an error: fewer bytes

/// What fails, and what was called. One request at a time, on one thread.
struct Injection {
  int at = -1; ///< number of the call that fails; negative: none
  int error = 0;
  bool forever = false; ///< and all calls behind it
  int count = 0;
  std::vector<std::string_view> trace; ///< names of the calls

  /// Notes a call. Returns 0 or what to inject.
  int next(std::string_view name) {
    trace.push_back(name);
    int number = count++;
    bool hit = at >= 0 && (forever ? number >= at : number == at);
    return hit ? error : 0;
  }
};
Injection injection;

template <auto Call, typename Name> struct Faulty;
template <typename R, typename... A, R (*FileCalls::*Call)(A...), typename Name>
struct Faulty<Call, Name> {
  static R call(A... arguments) {
    int error = injection.next(Name::text);
    if (error > 0) {
      errno = error;
      return -1;
    }
    return (quickFileCalls().*Call)(arguments...);
  }
};

#define LATH_FAULTY(name)                                                      \
  struct Name_##name {                                                         \
    static constexpr std::string_view text = #name;                            \
  };                                                                           \
  constexpr auto faulty_##name = Faulty<&FileCalls::name, Name_##name>::call
LATH_FAULTY(openat);
LATH_FAULTY(mkdirat);
LATH_FAULTY(fstat);
LATH_FAULTY(fstatat);
LATH_FAULTY(fchmod);
LATH_FAULTY(fsync);
LATH_FAULTY(renameat);
LATH_FAULTY(unlinkat);
LATH_FAULTY(futimens);
LATH_FAULTY(setLock);
LATH_FAULTY(fstatfs);
LATH_FAULTY(listNames);
LATH_FAULTY(getrandom);
#undef LATH_FAULTY

FileCalls faultyCalls() {
  FileCalls calls = quickFileCalls();
  calls.openat = faulty_openat;
  calls.mkdirat = faulty_mkdirat;
  calls.fstat = faulty_fstat;
  calls.fstatat = faulty_fstatat;
  calls.fchmod = faulty_fchmod;
  calls.fsync = faulty_fsync;
  calls.renameat = faulty_renameat;
  calls.unlinkat = faulty_unlinkat;
  calls.futimens = faulty_futimens;
  calls.setLock = faulty_setLock;
  calls.fstatfs = faulty_fstatfs;
  calls.listNames = faulty_listNames;
  calls.getrandom = faulty_getrandom;
  // It closes the file whatever it says.
  calls.close = [](int file) {
    int error = injection.next("close"), result = systemFileCalls().close(file);
    if (error <= 0)
      return result;
    errno = error;
    return -1;
  };
  auto some = [](int error, std::size_t bytes) {
    return error == shortTransfer ? std::min<std::size_t>(bytes, 7) : bytes;
  };
  static auto take = some;
  calls.read = [](int file, void *to, std::size_t bytes) -> ssize_t {
    int error = injection.next("read");
    if (error <= 0)
      return systemFileCalls().read(file, to, take(error, bytes));
    errno = error;
    return -1;
  };
  calls.write = [](int file, const void *from, std::size_t bytes) -> ssize_t {
    int error = injection.next("write");
    if (error <= 0)
      return systemFileCalls().write(file, from, take(error, bytes));
    errno = error;
    return -1;
  };
  return calls;
}

/// Opens a new folder, asks for an entry twice, and looks at what is there.
void request(const std::string &folder, const Injection &what,
             Faults &figures) {
  std::filesystem::remove_all(folder);
  injection = what;
  CubinKey key = fakeKey(0);
  CubinEntry expected = fakeEntry(key, 3000);
  std::vector<std::string> warnings;
  try {
    static const FileCalls calls = faultyCalls();
    CubinCacheOptions options = fakeOptions(folder, &warnings);
    options.calls = &calls;
    CubinCache cache(options);
    for (int i = 0; i < 2; ++i)
      if (*cache.findOrBuild(key, [&] { return expected; }).entry != expected)
        ++figures.notServed;
  } catch (const std::exception &) {
    ++figures.notServed;
  }
  if (!std::filesystem::exists(folder))
    std::filesystem::create_directory(folder);
  CubinLookup found = CubinCache(fakeOptions(folder)).find(key);
  figures.badLoads +=
      found ? *found.entry != expected : found.miss == CubinMiss::damaged;
  figures.noisy += warnings.size() > 1;
  figures.silent += !found && warnings.empty();
  if (what.error == EINTR || what.error == shortTransfer)
    figures.lost += !found || !warnings.empty();
  if (!what.forever)
    figures.leftovers += unsigned(temporaryFiles(folder).size());
}

} // namespace

Faults faults(const std::string &folder) {
  std::string inner = folder + "/parent/cache";
  Faults figures;
  request(inner, {}, figures);
  const std::vector<std::string_view> trace = injection.trace;
  for (std::string_view name : trace) {
    auto known = [&](const Faults::Call &call) { return call.name == name; };
    auto at = std::find_if(figures.calls.begin(), figures.calls.end(), known);
    if (at == figures.calls.end())
      at = figures.calls.insert(at, {std::string(name), 0, 0});
    ++at->times;
  }
  auto inject = [&](int at, int error, bool forever) {
    request(inner, {.at = at, .error = error, .forever = forever, .trace = {}},
            figures);
    ++figures.injected;
    for (Faults::Call &call : figures.calls)
      call.injected += call.name == trace[std::size_t(at)];
  };
  for (int at = 0; at < int(trace.size()); ++at) {
    for (int error : {EIO, ENOSPC, EDQUOT, EACCES, EPERM, EROFS, ENOENT})
      for (bool forever : {false, true})
        inject(at, error, forever);
    inject(at, EINTR, false);
    if (trace[std::size_t(at)] == "write" || trace[std::size_t(at)] == "read")
      for (bool forever : {false, true})
        inject(at, shortTransfer, forever);
  }
  return figures;
}

} // namespace lath::stress
