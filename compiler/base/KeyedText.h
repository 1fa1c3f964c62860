// The shape that specs and schedules share as text: numbers with a key in
// front of each, then options. `m16n4096k4096,x=bf16`
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace lath {

/// Splits and checks such a text. Keys may come in any order, none twice.
/// Holds views into the text that it was made from. Immutable, thread safe.
class KeyedText {
public:
  struct Entry {
    std::string_view key, value;
    std::size_t keyAt, valueAt; ///< characters from the start, counted from 1
  };

  /// Throws Error{invalidSpec} on anything that is not a known key and its
  /// value, naming the text, where it stands and the nearest valid key.
  /// `example` is a valid text that is shown as a note.
  KeyedText(std::string_view text, std::span<const std::string_view> numberKeys,
            std::span<const std::string_view> optionKeys,
            std::string_view example);

  bool has(std::string_view key) const { return find(key) != nullptr; }

  /// The number after `key`, or `missing` if the key is not there. Throws
  /// Error{invalidSpec} if it does not fit 64 bits.
  std::int64_t number(std::string_view key, std::int64_t missing) const;

  /// Index into `words` of the value of option `key`, or `missing` if the
  /// option is not there. Throws Error{invalidSpec} naming the nearest word.
  std::size_t choice(std::string_view key,
                     std::span<const std::string_view> words,
                     std::size_t missing) const;

private:
  const Entry *find(std::string_view key) const;
  [[noreturn]] void fail(std::string message) const;

  std::string_view text_, example_;
  std::vector<Entry> entries_;
};

} // namespace lath
