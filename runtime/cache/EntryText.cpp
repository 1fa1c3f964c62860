#include "runtime/cache/EntryText.h"

#include "runtime/cache/Checksum.h"

#include <array>
#include <charconv>
#include <fmt/format.h>

namespace lath {

namespace {

constexpr std::string_view magic = "lath cubin ";
constexpr std::string_view version = "1";
constexpr std::size_t checksumDigits = 32;

constexpr std::array<KeyField, 8> fields = {{
    {"spec", &CubinKey::spec, false},
    {"program", &CubinKey::program, false},
    {"schedule", &CubinKey::schedule, false},
    {"target", &CubinKey::target, false},
    {"ptx", &CubinKey::ptx, true},
    {"llvm", &CubinKey::llvm, true},
    {"assembler", &CubinKey::assembler, true},
    {"build", &CubinKey::build, true},
}};

std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (char c : text)
    if (c == '\n')
      result += "\\n";
    else if (c == '\\')
      result += "\\\\";
    else
      result += c;
  return result;
}

std::optional<std::string> unescaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\') {
      result += text[i];
      continue;
    }
    if (++i == text.size() || (text[i] != 'n' && text[i] != '\\'))
      return std::nullopt;
    result += text[i] == 'n' ? '\n' : '\\';
  }
  return result;
}

/// Takes what stands before the next `end` off the front of `bytes`.
std::optional<std::string_view> take(std::string_view &bytes, char end) {
  std::size_t at = bytes.find(end);
  if (at == bytes.npos)
    return std::nullopt;
  std::string_view taken = bytes.substr(0, at);
  bytes.remove_prefix(at + 1);
  return taken;
}

/// Takes the line "name value" off the front of `bytes`.
std::optional<std::string_view> takeField(std::string_view &bytes,
                                          std::string_view name) {
  std::string_view rest = bytes;
  if (take(rest, ' ') != name)
    return std::nullopt;
  auto value = take(rest, '\n');
  if (value)
    bytes = rest;
  return value;
}

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size())
    return std::nullopt;
  return value;
}

DecodedEntry miss(CubinMiss miss, std::string why) {
  return {{}, miss, std::move(why)};
}

/// What follows the line of the checksum.
std::optional<CubinEntry> decodeBody(std::string_view bytes) {
  CubinEntry entry;
  auto size = takeField(bytes, "cubin");
  if (!size)
    return std::nullopt;
  const auto count = number(*size);
  if (!count)
    return std::nullopt;
  auto read = [&](std::string_view name, std::string &to) {
    auto line = takeField(bytes, name);
    auto value = line ? unescaped(*line) : std::nullopt;
    if (value)
      to = std::move(*value);
    return value.has_value();
  };
  for (const KeyField &field : fields)
    if (!read(field.name, entry.key.*field.value))
      return std::nullopt;
  if (!read("entry", entry.entry) || !read("facts", entry.facts) ||
      take(bytes, '\n') != "" || bytes.size() != *count)
    return std::nullopt;
  entry.cubin.assign(bytes.begin(), bytes.end());
  return entry;
}

/// Of a body that lacks bytes, how many it should have; else nothing.
std::optional<std::uint64_t> bytesMissing(std::string_view body) {
  std::string_view head = body;
  auto size = takeField(head, "cubin");
  if (!size)
    return std::nullopt;
  const auto count = number(*size);
  std::size_t end = body.find("\n\n");
  if (!count || end == body.npos || body.size() - (end + 2) >= *count)
    return std::nullopt;
  return *count - (body.size() - (end + 2));
}

} // namespace

std::span<const KeyField> keyFields() { return fields; }

std::string entryHead(const CubinEntry &entry) {
  std::string body = fmt::format("cubin {}\n", entry.cubin.size());
  for (const KeyField &field : fields)
    body += fmt::format("{} {}\n", field.name, escaped(entry.key.*field.value));
  body += fmt::format("entry {}\nfacts {}\n\n", escaped(entry.entry),
                      escaped(entry.facts));
  std::string sum = checksum({body, {entry.cubin.data(), entry.cubin.size()}});
  return fmt::format("{}{}\nchecksum {}\n{}", magic, version, sum, body);
}

DecodedEntry decodeEntry(std::string_view bytes) {
  if (!bytes.starts_with(magic))
    return miss(CubinMiss::damaged,
                bytes.empty() ? "the file is empty"
                              : "the file does not begin with 'lath cubin'");
  bytes.remove_prefix(magic.size());
  auto format = take(bytes, '\n');
  if (!format || !number(*format))
    return miss(CubinMiss::damaged, "its first line names no format");
  if (*format != version)
    return miss(
        CubinMiss::stale,
        fmt::format("the file has format {}; expected {}", *format, version));
  auto sum = takeField(bytes, "checksum");
  if (!sum || sum->size() != checksumDigits)
    return miss(CubinMiss::damaged, "the file has no checksum");
  if (std::string actual = checksum({bytes}); actual != *sum) {
    if (auto missing = bytesMissing(bytes))
      return miss(CubinMiss::damaged,
                  fmt::format("the file lacks {} bytes at its end", *missing));
    return miss(CubinMiss::damaged,
                fmt::format("its bytes have the checksum {}; expected {}",
                            actual, *sum));
  }
  auto entry = decodeBody(bytes);
  if (!entry)
    return miss(CubinMiss::damaged, "its head is malformed");
  return {std::move(*entry), CubinMiss::none, {}};
}

std::string difference(const CubinKey &found, const CubinKey &wanted) {
  std::string text;
  for (const KeyField &field : fields)
    if (found.*field.value != wanted.*field.value)
      text += fmt::format("{}{} '{}', expected '{}'", text.empty() ? "" : "; ",
                          field.name, found.*field.value, wanted.*field.value);
  return text;
}

std::optional<std::string> oversize(const CubinEntry &entry) {
  auto check = [](std::string_view what, std::size_t bytes,
                  std::size_t most) -> std::optional<std::string> {
    if (bytes <= most)
      return std::nullopt;
    return fmt::format("{} has {} bytes, at most {}", what, bytes, most);
  };
  for (const KeyField &field : fields)
    if (auto why = check(field.name, (entry.key.*field.value).size(),
                         std::size_t(64) << 10))
      return why;
  if (auto why = check("entry", entry.entry.size(), std::size_t(64) << 10))
    return why;
  if (auto why = check("facts", entry.facts.size(), std::size_t(1) << 20))
    return why;
  return check("cubin", entry.cubin.size(), std::size_t(256) << 20);
}

std::string CubinKey::fingerprint() const {
  std::string what, how;
  for (const KeyField &field : fields)
    // The length first, so that no two keys have one text.
    (field.ofBuild ? how : what) +=
        fmt::format("{} {} {}\n", field.name, (this->*field.value).size(),
                    this->*field.value);
  return fmt::format("{:016x}{:016x}", checksum64(what), checksum64(how));
}

} // namespace lath
