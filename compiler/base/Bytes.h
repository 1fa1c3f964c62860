// Numbers and texts in a row of bytes: what packs and cached kernels consist
// of. Little-endian, as all hosts of these GPUs are.
#pragma once

#include "compiler/base/Error.h"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace lath {

static_assert(std::endian::native == std::endian::little);

class ByteWriter {
public:
  template <class Number> void number(Number value) {
    static_assert(std::is_integral_v<Number> || std::is_enum_v<Number>);
    bytes_.append(reinterpret_cast<const char *>(&value), sizeof value);
  }
  void text(std::string_view value) {
    number(static_cast<std::uint32_t>(value.size()));
    bytes_ += value;
  }
  void raw(std::string_view value) { bytes_ += value; }
  const std::string &bytes() const { return bytes_; }
  std::string take() { return std::move(bytes_); }

private:
  std::string bytes_;
};

/// Reads what ByteWriter wrote. Views into the bytes it was made from. Throws
/// Error{invalidInput} at their end.
class ByteReader {
public:
  /// `what` they are, for messages: "the index of model.lathpack".
  ByteReader(std::string_view bytes, std::string_view what)
      : rest_(bytes), what_(what) {}

  template <class Number> Number number() {
    static_assert(std::is_integral_v<Number>);
    Number value;
    std::memcpy(&value, raw(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view text() { return raw(number<std::uint32_t>()); }
  std::string_view raw(std::size_t bytes) {
    if (bytes > rest_.size())
      throw Error(ErrorKind::invalidInput, std::string(what_) + " ends after " +
                                               std::to_string(rest_.size()) +
                                               " bytes of a field of " +
                                               std::to_string(bytes));
    std::string_view value = rest_.substr(0, bytes);
    rest_.remove_prefix(bytes);
    return value;
  }
  bool atEnd() const { return rest_.empty(); }

private:
  std::string_view rest_;
  std::string_view what_;
};

} // namespace lath
