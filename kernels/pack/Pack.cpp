// Reading packs.
#include "kernels/pack/Pack.h"

#include "compiler/base/Bytes.h"
#include "kernels/gemm/KernelKey.h"
#include "kernels/pack/PackFormat.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lath {

/// Maps a file. Throws Error{invalidInput}.
static std::string_view mapFile(const std::string &path) {
  auto fail = [&](const std::string &why) {
    throw Error(ErrorKind::invalidInput,
                fmt::format("cannot read pack '{}': {}", path, why));
  };
  // Not blocking: a FIFO would wait for a writer.
  int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0)
    fail(std::strerror(errno));
  struct Closer {
    int file;
    ~Closer() { ::close(file); }
  } closer{file};
  struct stat status;
  if (::fstat(file, &status) != 0)
    fail(std::strerror(errno));
  if (!S_ISREG(status.st_mode))
    fail("it is no regular file");
  if (status.st_size == 0)
    fail("it is empty");
  auto bytes = static_cast<std::size_t>(status.st_size);
  // A private copy-on-write mapping. Whoever shortens the file under a mapping
  // ends the process: packs are replaced by renaming.
  void *at =
      ::mmap(nullptr, bytes, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file, 0);
  if (at == MAP_FAILED)
    fail(std::strerror(errno));
  return {static_cast<const char *>(at), bytes};
}

std::shared_ptr<const Pack> Pack::open(const std::string &path) {
  std::shared_ptr<Pack> pack(new Pack);
  pack->path_ = path;
  pack->bytes_ = mapFile(path);
  std::string_view file = pack->bytes_;
  auto damaged = [&](const std::string &why) {
    throw Error(ErrorKind::invalidInput,
                fmt::format("pack '{}' is damaged: {}", path, why));
  };
  if (!file.starts_with(pack::magic))
    throw Error(ErrorKind::invalidInput,
                fmt::format("'{}' is no pack: it does not start with {}", path,
                            pack::magic));
  if (file.size() < pack::headBytes)
    damaged(fmt::format("it has {} bytes, a head has {}", file.size(),
                        pack::headBytes));
  ByteReader head(file.substr(pack::magic.size()), "the head");
  auto version = head.number<std::uint32_t>();
  auto indexBytes = head.number<std::uint32_t>();
  auto fileBytes = head.number<std::uint64_t>();
  if (version != pack::version)
    throw Error(ErrorKind::invalidInput,
                fmt::format("pack '{}' has format {}; expected {}", path,
                            version, pack::version),
                {"make it anew with this version's `lath pack`"});
  if (fileBytes != file.size())
    damaged(
        fmt::format("it has {} bytes; expected {}", file.size(), fileBytes));
  auto sum = pack::checksum(file);
  if (file.substr(pack::checksumAt, pack::checksumBytes) !=
      std::string_view(sum.data(), sum.size()))
    damaged("its bytes do not have its checksum");
  if (indexBytes > file.size() - pack::headBytes)
    damaged(fmt::format("an index of {} bytes", indexBytes));
  pack->readIndex(file.substr(pack::headBytes, indexBytes), file);
  return pack;
}

/// Index: text version of Lath, u32 blobs {u64 at, u64 bytes}, u32 entries
/// {text spec, text schedule, text chosenBy, text target, u32 facts, u32
/// cubin}.
void Pack::readIndex(std::string_view index, std::string_view file) {
  std::string what = fmt::format("the index of pack '{}'", path_);
  auto fail = [&](const std::string &why) {
    throw Error(ErrorKind::invalidInput, fmt::format("{} {}", what, why));
  };
  ByteReader in(index, what);
  lathVersion_ = in.text();
  std::vector<std::string_view> blobs;
  for (auto left = in.number<std::uint32_t>(); left > 0; --left) {
    auto at = in.number<std::uint64_t>();
    auto bytes = in.number<std::uint64_t>();
    if (at > file.size() || bytes > file.size() - at)
      fail(fmt::format("has {} bytes at {}, behind the end", bytes, at));
    blobs.push_back(file.substr(at, bytes));
  }
  auto blob = [&] {
    auto i = in.number<std::uint32_t>();
    if (i >= blobs.size())
      fail(fmt::format("names blob {} of {}", i, blobs.size()));
    return blobs[i];
  };
  for (auto left = in.number<std::uint32_t>(); left > 0; --left) {
    PackEntry entry;
    const std::string_view spec = in.text(), schedule = in.text();
    try {
      entry.spec = parseGemmSpec(spec);
      entry.schedule = parseSchedule(schedule);
    } catch (const Error &error) {
      throw Error(ErrorKind::invalidInput,
                  fmt::format("{} has an entry that is none: {}", what,
                              error.message()),
                  error.notes());
    }
    entry.chosenBy = in.text();
    entry.target = in.text();
    entry.facts = blob();
    entry.cubin = blob();
    entries_.push_back(std::move(entry));
  }
  if (!in.atEnd())
    fail("goes on behind its end");
}

Pack::~Pack() {
  if (!bytes_.empty())
    ::munmap(const_cast<char *>(bytes_.data()), bytes_.size());
}

std::vector<std::string> Pack::targets() const {
  std::vector<std::string> targets;
  for (const PackEntry &entry : entries_)
    if (std::find(targets.begin(), targets.end(), entry.target) ==
        targets.end())
      targets.push_back(entry.target);
  return targets;
}

const PackEntry *Pack::find(const GemmSpec &spec,
                            std::string_view target) const {
  const PackEntry *best = nullptr;
  for (const PackEntry &entry : entries_)
    if (entry.target == target && serves(entry.spec, entry.schedule, spec) &&
        (!best || entry.spec.m < best->spec.m))
      best = &entry;
  return best;
}

} // namespace lath
