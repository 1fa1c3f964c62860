// CubinEntry ↔ the bytes of its file.
//
//   lath cubin 1
//   checksum 5f1e...            of every byte that follows this line
//   cubin 30208                 bytes at the end of the file
//   spec m16n4096k4096g128s8
//   ...                         one line a field; \n and \\ stand for
//                               a new line and a backslash
//   facts ...
//                               an empty line, then the cubin
#pragma once

#include "runtime/CubinCache.h"

#include <span>

namespace lath {

/// All of the file before the cubin.
std::string entryHead(const CubinEntry &entry);

struct DecodedEntry {
  CubinEntry entry;
  CubinMiss miss = CubinMiss::none; ///< else stale or damaged
  std::string why;
};
/// Accepts exactly what entryHead and the cubin make; any other bytes are
/// damaged, or stale where the format is another one.
DecodedEntry decodeEntry(std::string_view bytes);

/// A field of a key, in the order of the text, with its name.
struct KeyField {
  std::string_view name;
  std::string CubinKey::*value;
  bool ofBuild; ///< how, not what: belongs to the second half of a fingerprint
};
std::span<const KeyField> keyFields();

/// "compiled with llvm 22.1.7; expected 22.1.8", for the fields that differ.
std::string difference(const CubinKey &found, const CubinKey &wanted);

/// The reason why an entry is too large to be stored, if it is.
std::optional<std::string> oversize(const CubinEntry &entry);

/// Of a whole file; more is no entry of ours.
constexpr std::uint64_t maxEntryBytes = std::uint64_t(260) << 20;

} // namespace lath
