// Splits `m16n4096k4096,x=bf16` into keys and values.
#include "compiler/base/KeyedText.h"

#include "compiler/base/Ascii.h"
#include "compiler/base/Error.h"
#include "compiler/base/Nearest.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace lath {

namespace {

/// One character as it is shown in a message.
std::string shown(char c) {
  unsigned char byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x7f ? fmt::format("'{}'", c)
                                     : fmt::format("byte 0x{:02x}", byte);
}

template <typename Predicate>
std::size_t skip(std::string_view text, std::size_t at, Predicate predicate) {
  while (at < text.size() && predicate(text[at]))
    ++at;
  return at;
}

} // namespace

KeyedText::KeyedText(std::string_view text,
                     std::span<const std::string_view> numberKeys,
                     std::span<const std::string_view> optionKeys,
                     std::string_view example)
    : text_(text), example_(example) {
  if (text.empty())
    fail("the text is empty");
  auto add = [&](Entry entry, std::span<const std::string_view> valid,
                 std::string_view what) {
    if (std::find(valid.begin(), valid.end(), entry.key) == valid.end())
      fail(fmt::format("unknown {} '{}' at character {}; the nearest is '{}', "
                       "and all are {}",
                       what, entry.key, entry.keyAt, nearest(entry.key, valid),
                       fmt::join(valid, ", ")));
    if (const Entry *first = find(entry.key))
      fail(fmt::format("{} '{}' is given twice, at characters {} and {}", what,
                       entry.key, first->keyAt, entry.keyAt));
    entries_.push_back(entry);
  };

  std::size_t at = 0;
  while (at < text.size() && text[at] != ',') {
    if (!isLetter(text[at]))
      fail(fmt::format("unexpected {} at character {}; a field starts with a "
                       "letter: {}",
                       shown(text[at]), at + 1, fmt::join(numberKeys, ", ")));
    std::size_t value = skip(text, at, isLetter);
    std::size_t end = skip(text, value, isDigit);
    Entry entry{text.substr(at, value - at), text.substr(value, end - value),
                at + 1, value + 1};
    add(entry, numberKeys, "field");
    if (entry.value.empty())
      fail(fmt::format("field '{}' needs a number at character {}, found {}",
                       entry.key, entry.valueAt,
                       value < text.size() ? shown(text[value]) : "the end"));
    at = end;
  }
  while (at < text.size()) {
    std::size_t key = at + 1; // behind the comma
    std::size_t end = std::min(text.find(',', key), text.size());
    std::string_view word = text.substr(key, end - key);
    if (word.empty())
      fail(fmt::format("an option is missing behind the comma at character {}; "
                       "the options are {}",
                       at + 1, fmt::join(optionKeys, ", ")));
    std::size_t equals = word.find('=');
    Entry entry{word.substr(0, equals), {}, key + 1, key + 1};
    if (equals != std::string_view::npos) {
      entry.value = word.substr(equals + 1);
      entry.valueAt = key + equals + 2;
    }
    add(entry, optionKeys, "option");
    if (equals == std::string_view::npos)
      fail(fmt::format("option '{}' at character {} needs a value: {}=...",
                       entry.key, entry.keyAt, entry.key));
    at = end;
  }
}

std::int64_t KeyedText::number(std::string_view key,
                               std::int64_t missing) const {
  const Entry *entry = find(key);
  if (!entry)
    return missing;
  std::int64_t value = 0;
  const char *end = entry->value.data() + entry->value.size();
  // Only digits are left, so the one possible failure is overflow.
  if (std::from_chars(entry->value.data(), end, value).ec != std::errc())
    fail(fmt::format("{} = {} at character {} does not fit 64 bits", key,
                     entry->value, entry->valueAt));
  return value;
}

std::size_t KeyedText::choice(std::string_view key,
                              std::span<const std::string_view> words,
                              std::size_t missing) const {
  const Entry *entry = find(key);
  if (!entry)
    return missing;
  for (std::size_t i = 0; i < words.size(); ++i)
    if (words[i] == entry->value)
      return i;
  fail(fmt::format("{} = '{}' at character {} is not known; the nearest is "
                   "'{}', and all are {}",
                   key, entry->value, entry->valueAt,
                   nearest(entry->value, words), fmt::join(words, ", ")));
}

const KeyedText::Entry *KeyedText::find(std::string_view key) const {
  for (const Entry &entry : entries_)
    if (entry.key == key)
      return &entry;
  return nullptr;
}

void KeyedText::fail(std::string message) const {
  throw Error(ErrorKind::invalidSpec, std::move(message),
              {fmt::format("in '{}'", text_.substr(0, 200)),
               fmt::format("an example: {}", example_)});
}

} // namespace lath
