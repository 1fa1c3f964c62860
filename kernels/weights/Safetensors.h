// Reads and writes safetensors files.
//
// A file is a little-endian 64-bit header length, at most 100,000,000, the
// header, and the payload. The header is a JSON object from tensor names to
// {"dtype", "shape", "data_offsets": [begin, end]}, padded with spaces; the
// offsets count from the end of the header. `__metadata__` maps strings to
// strings. Readers differ in what else they let pass; this one refuses all of
// it: duplicate keys, holes, overlaps, bytes that no tensor covers, shapes that
// do not fill their span. A file that two programs could read differently is
// not read here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

struct SafetensorsInfo {
  std::string name;
  std::string dtype;                ///< as the file spells it: "F16", "I32"
  std::vector<std::uint64_t> shape; ///< empty for a scalar
  std::uint64_t begin = 0, end = 0; ///< bytes from the start of the payload
};

struct SafetensorsHeader {
  std::vector<SafetensorsInfo> tensors; ///< by their place in the payload
  std::map<std::string, std::string, std::less<>> metadata;
  std::uint64_t payloadOffset = 0; ///< bytes from the start of the file
};

/// Parses and checks a whole file held in memory. Throws Error{invalidInput}
/// that starts with `source` and names the byte or the key at fault.
SafetensorsHeader parseSafetensors(std::span<const std::byte> file,
                                   std::string_view source);

/// "[3, 128]", as shapes look in messages.
std::string printShape(std::span<const std::uint64_t> shape);

/// A file mapped into memory. Move-only; views into it are valid as long as it
/// lives. Reading is thread safe. The file must not shrink meanwhile, which
/// would end the process (SIGBUS).
class Safetensors {
public:
  /// Throws Error{invalidInput} if the file cannot be read or is malformed.
  explicit Safetensors(const std::filesystem::path &path);
  Safetensors(Safetensors &&other) noexcept;
  Safetensors &operator=(Safetensors &&other) noexcept;
  ~Safetensors();

  const std::string &source() const { return source_; }
  const std::vector<SafetensorsInfo> &tensors() const {
    return header_.tensors;
  }
  const std::map<std::string, std::string, std::less<>> &metadata() const {
    return header_.metadata;
  }

  /// The tensor called `name`, or null.
  const SafetensorsInfo *find(std::string_view name) const;
  /// Its bytes, in place. No alignment is promised: copy them out.
  std::span<const std::byte> bytes(const SafetensorsInfo &tensor) const;

private:
  std::string source_;
  std::span<const std::byte> file_; ///< the mapping
  SafetensorsHeader header_;
};

struct SafetensorsTensor {
  std::string name;
  std::string dtype;
  std::vector<std::uint64_t> shape;
  std::span<const std::byte> bytes;
};

/// Writes tensors in the order given, the header padded to a multiple of eight
/// bytes. Throws Error{invalidInput} if the result would break a rule of the
/// format or cannot be written; a file at `path` is then left as it was.
void writeSafetensors(
    const std::filesystem::path &path,
    std::span<const SafetensorsTensor> tensors,
    const std::map<std::string, std::string, std::less<>> &metadata = {});

} // namespace lath
