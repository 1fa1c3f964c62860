// All entries of a cache as one file.
//
//   lath cubins 1
//   checksum 5f1e...            of every byte that follows this line
//   entries 2
//   entry 31000                 then so many bytes: a file of the cache
//   ...

#include "compiler/base/Error.h"
#include "runtime/cache/CacheState.h"
#include "runtime/cache/Checksum.h"
#include "runtime/cache/EntryText.h"

#include <charconv>
#include <fmt/format.h>

namespace lath {

namespace {

constexpr std::string_view magic = "lath cubins 1\nchecksum ";

[[noreturn]] void damaged(const std::string &why) {
  throw Error(ErrorKind::invalidInput,
              "the file is no export of a cache, or damaged: " + why);
}

/// Takes "name N\n" off the front of `bytes`.
std::uint64_t takeNumber(std::string_view &bytes, std::string_view name) {
  std::uint64_t value = 0;
  std::size_t end = bytes.find('\n');
  if (end == bytes.npos || !bytes.starts_with(name))
    damaged(fmt::format("'{}' is missing", name));
  const char *stop = bytes.data() + end;
  auto [at, error] = std::from_chars(bytes.data() + name.size(), stop, value);
  if (error != std::errc() || at != stop)
    damaged(fmt::format("'{}' has no number", name));
  bytes.remove_prefix(end + 1);
  return value;
}

std::vector<CubinEntry> decodeArchive(std::string_view bytes) {
  if (!bytes.starts_with(magic))
    damaged("it does not begin with 'lath cubins 1' and a checksum");
  bytes.remove_prefix(magic.size());
  std::string_view sum = bytes.substr(0, bytes.find('\n'));
  bytes.remove_prefix(std::min(sum.size() + 1, bytes.size()));
  if (std::string actual = checksum({bytes}); actual != sum)
    damaged(fmt::format("its bytes have the checksum {}; expected {}", actual,
                        sum.substr(0, 64)));
  std::vector<CubinEntry> entries;
  for (auto count = takeNumber(bytes, "entries "); count; --count) {
    auto size = takeNumber(bytes, "entry ");
    if (size > bytes.size())
      damaged("an entry is cut off");
    DecodedEntry found = decodeEntry(bytes.substr(0, size));
    if (found.miss != CubinMiss::none)
      damaged(fmt::format("entry {}: {}", entries.size() + 1, found.why));
    entries.push_back(std::move(found.entry));
    bytes.remove_prefix(size);
  }
  if (!bytes.empty())
    damaged(fmt::format("{} bytes follow the last entry", bytes.size()));
  return entries;
}

} // namespace

std::string CubinCache::exportAll() const {
  auto folder = state_->requireFolder();
  std::string entries;
  std::uint64_t count = 0;
  for (const CubinListing &listing : list()) {
    if (listing.miss != CubinMiss::none)
      continue;
    auto file = folder->read(listing.file, maxEntryBytes, false);
    // Once more: another process may have replaced it since it was listed.
    if (file.miss != CubinMiss::none ||
        decodeEntry(file.bytes).miss != CubinMiss::none)
      continue;
    entries += fmt::format("entry {}\n{}", file.bytes.size(), file.bytes);
    ++count;
  }
  std::string body = fmt::format("entries {}\n{}", count, entries);
  return fmt::format("{}{}\n{}", magic, checksum({body}), body);
}

std::vector<CubinImport> CubinCache::importAll(std::string_view bytes) {
  state_->requireFolder();
  std::vector<CubinImport> imports;
  for (CubinEntry &entry : decodeArchive(bytes)) {
    CubinImport import;
    import.file = entryFile(entry.key);
    import.key = entry.key;
    if (state_->lookUpOnDisk(entry.key)) {
      import.outcome = CubinImport::Outcome::present;
    } else if (auto why = state_->store(
                   std::make_shared<const CubinEntry>(std::move(entry)))) {
      import.outcome = CubinImport::Outcome::failed;
      import.why = *why;
    }
    imports.push_back(std::move(import));
  }
  return imports;
}

} // namespace lath
