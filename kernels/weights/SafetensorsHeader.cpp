// The header of a safetensors file: JSON in, checked tensors out.
//
// The JSON goes through the event interface of nlohmann-json, which serves here
// better than a parser of our own or one that builds a tree: it keeps no stack
// that input can overflow (its own is a vector of bits, and the first bracket
// where none belongs ends the parse), it reports every key, so that the second
// of two equal ones is seen, it checks UTF-8 and escapes, and it tells integers
// from fractions. One thing it lets pass is caught before: a raw NUL byte,
// which it takes for the end of the text.
#include "compiler/base/Error.h"
#include "kernels/weights/Safetensors.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>

namespace lath {

namespace {

constexpr std::uint64_t lengthBytes = 8;
constexpr std::uint64_t maxHeaderBytes = 100'000'000;

struct ElementType {
  std::string_view name;
  unsigned bits;
};
constexpr std::array<ElementType, 22> elementTypes = {{
    {"BOOL", 8},    {"U8", 8},      {"I8", 8},          {"U16", 16},
    {"I16", 16},    {"U32", 32},    {"I32", 32},        {"U64", 64},
    {"I64", 64},    {"F16", 16},    {"BF16", 16},       {"F32", 32},
    {"F64", 64},    {"C64", 64},    {"F8_E4M3", 8},     {"F8_E5M2", 8},
    {"F8_E8M0", 8}, {"F4", 4},      {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8},
    {"F6_E2M3", 6}, {"F6_E3M2", 6},
}};

/// Takes the parser's events and keeps what a header may hold. The first event
/// out of place sets error() and ends the parse.
class HeaderReader final : public nlohmann::json_sax<nlohmann::json> {
public:
  SafetensorsHeader header;
  std::string error;

  bool null() override { return misplaced("null"); }
  bool boolean(bool) override { return misplaced("a boolean"); }
  bool number_float(double, const std::string &text) override {
    return misplaced("the number " + text);
  }
  bool number_integer(std::int64_t value) override {
    return misplaced(fmt::format("the negative number {}", value));
  }
  bool number_unsigned(std::uint64_t value) override {
    if (place_ != Place::array)
      return misplaced(fmt::format("the number {}", value));
    array_.push_back(value);
    return true;
  }
  bool binary(nlohmann::json::binary_t &) override {
    return misplaced("binary data");
  }
  bool string(std::string &value) override {
    if (place_ == Place::metadata)
      header.metadata.emplace(field_, std::move(value));
    else if (place_ == Place::tensor && field_ == "dtype")
      tensor_.dtype = std::move(value);
    else
      return misplaced("a string");
    return true;
  }

  bool start_object(std::size_t) override {
    if (place_ == Place::outside)
      place_ = Place::top;
    else if (place_ == Place::top && name_ == "__metadata__")
      place_ = Place::metadata;
    else if (place_ == Place::top)
      place_ = Place::tensor;
    else
      return misplaced("an object");
    fields_.clear();
    return true;
  }
  bool key(std::string &text) override {
    if (place_ == Place::top) {
      name_ = text;
      field_.clear();
      tensor_ = {.name = text, .dtype = {}, .shape = {}};
      return names_.insert(text).second ||
             fail(fmt::format("the key '{}' is there twice", text));
    }
    field_ = text;
    if (place_ == Place::tensor && text != "dtype" && text != "shape" &&
        text != "data_offsets")
      return fail(
          fmt::format("tensor '{}' has an unknown key '{}'", name_, text));
    return fields_.insert(text).second ||
           fail(fmt::format("'{}' has the key '{}' twice", name_, text));
  }
  bool end_object() override {
    if (place_ == Place::tensor) {
      for (const char *needed : {"dtype", "shape", "data_offsets"})
        if (!fields_.contains(needed))
          return fail(fmt::format("tensor '{}' has no {}", name_, needed));
      header.tensors.push_back(std::move(tensor_));
    }
    place_ = place_ == Place::top ? Place::outside : Place::top;
    return true;
  }

  bool start_array(std::size_t) override {
    if (place_ != Place::tensor || field_ == "dtype")
      return misplaced("an array");
    place_ = Place::array;
    array_.clear();
    return true;
  }
  bool end_array() override {
    place_ = Place::tensor;
    if (field_ == "shape") {
      tensor_.shape = array_;
      return true;
    }
    if (array_.size() != 2)
      return fail(fmt::format("'{}.data_offsets' has {} numbers, expected 2",
                              name_, array_.size()));
    tensor_.begin = array_[0];
    tensor_.end = array_[1];
    return true;
  }

  /// `position` counts the characters read, the wrong one among them.
  bool parse_error(std::size_t position, const std::string &,
                   const nlohmann::json::exception &exception) override {
    // Without "[json.exception...] parse error at line 1, column 9: ".
    std::string_view reason = exception.what();
    std::size_t colon = reason.find(": ");
    if (colon != std::string_view::npos)
      reason.remove_prefix(colon + 2);
    return fail(fmt::format(
        "the header is not JSON at byte {}: {}",
        lengthBytes + std::max<std::size_t>(position, 1) - 1, reason));
  }

private:
  enum class Place { outside, top, metadata, tensor, array };

  bool fail(std::string message) {
    error = std::move(message);
    return false;
  }
  bool misplaced(std::string_view what) {
    if (place_ == Place::metadata)
      return fail(fmt::format("'__metadata__.{}' is {}, expected a string",
                              field_, what));
    if (place_ == Place::top)
      return fail(fmt::format("'{}' is {}, expected an object", name_, what));
    if (place_ == Place::outside)
      return fail(fmt::format("the header is {}, expected an object", what));
    return fail(fmt::format("'{}.{}' {} {}, expected {}", name_, field_,
                            place_ == Place::array ? "holds" : "is", what,
                            place_ == Place::array
                                ? "integers from 0 to 2^64 - 1"
                            : field_ == "dtype" ? "a string"
                                                : "an array"));
  }

  Place place_ = Place::outside;
  std::string name_, field_; ///< keys that were read last
  std::set<std::string, std::less<>> names_, fields_;
  SafetensorsInfo tensor_;
  std::vector<std::uint64_t> array_;
};

/// Why a tensor's span is wrong, or nothing.
std::optional<std::string> checkTensor(const SafetensorsInfo &tensor,
                                       std::uint64_t payloadBytes) {
  const auto *type = std::find_if(
      elementTypes.begin(), elementTypes.end(),
      [&](const ElementType &t) { return t.name == tensor.dtype; });
  if (type == elementTypes.end())
    return fmt::format("tensor '{}' has the unknown dtype '{}'", tensor.name,
                       tensor.dtype);
  if (tensor.begin > tensor.end)
    return fmt::format("tensor '{}' ends at byte {} before it begins at {}",
                       tensor.name, tensor.end, tensor.begin);
  if (tensor.end > payloadBytes)
    return fmt::format("tensor '{}' ends at byte {} of a payload of {}",
                       tensor.name, tensor.end, payloadBytes);
  std::uint64_t bits = type->bits;
  for (std::uint64_t extent : tensor.shape)
    if (__builtin_mul_overflow(bits, extent, &bits))
      return fmt::format("tensor '{}' of shape {} is beyond 2^64 bits",
                         tensor.name, printShape(tensor.shape));
  if (bits % 8 != 0)
    return fmt::format(
        "tensor '{}' of shape {} and dtype {} ends inside a byte", tensor.name,
        printShape(tensor.shape), tensor.dtype);
  if (bits / 8 != tensor.end - tensor.begin)
    return fmt::format("tensor '{}' of shape {} and dtype {} needs {} bytes, "
                       "its data_offsets span {}",
                       tensor.name, printShape(tensor.shape), tensor.dtype,
                       bits / 8, tensor.end - tensor.begin);
  return std::nullopt;
}

/// Why tensors in order of their place do not cover the payload exactly.
std::optional<std::string>
checkCover(const std::vector<SafetensorsInfo> &tensors,
           std::uint64_t payloadBytes) {
  std::uint64_t covered = 0;
  std::string_view last;
  for (const SafetensorsInfo &tensor : tensors) {
    if (tensor.begin > covered)
      return fmt::format("bytes {}..{} of the payload, before tensor '{}', "
                         "belong to no tensor",
                         covered, tensor.begin, tensor.name);
    if (tensor.begin < covered)
      return fmt::format("tensor '{}' begins at byte {} of the payload, inside "
                         "tensor '{}', which ends at {}",
                         tensor.name, tensor.begin, last, covered);
    covered = tensor.end;
    last = tensor.name;
  }
  if (covered != payloadBytes)
    return fmt::format("bytes {}..{} of the payload, behind the last tensor, "
                       "belong to no tensor",
                       covered, payloadBytes);
  return std::nullopt;
}

} // namespace

SafetensorsHeader parseSafetensors(std::span<const std::byte> file,
                                   std::string_view source) {
  auto require = [&](bool condition, auto &&message) {
    if (!condition)
      throw Error(ErrorKind::invalidInput,
                  fmt::format("{}: {}", source, message()));
  };
  require(file.size() >= lengthBytes, [&] {
    return fmt::format("{} bytes, too few for the length of a header",
                       file.size());
  });
  std::uint64_t length = 0; // little-endian, whatever the host is
  for (std::size_t i = 0; i < lengthBytes; ++i)
    length |= std::to_integer<std::uint64_t>(file[i]) << 8 * i;
  require(length <= maxHeaderBytes, [&] {
    return fmt::format("a header of {} bytes; at most {} are allowed", length,
                       maxHeaderBytes);
  });
  require(length <= file.size() - lengthBytes, [&] {
    return fmt::format("truncated: a header of {} bytes in a file of {}",
                       length, file.size());
  });
  std::string_view text(
      reinterpret_cast<const char *>(file.data()) + lengthBytes, length);
  require(text.starts_with('{'), [] {
    return std::string("the header does not begin with '{' at byte 8");
  });
  std::size_t nul = text.find('\0');
  require(nul == std::string_view::npos, [&] {
    return fmt::format("the header is not JSON at byte {}: a NUL",
                       lengthBytes + nul);
  });

  HeaderReader reader;
  bool parsed = nlohmann::json::sax_parse(text.begin(), text.end(), &reader);
  require(parsed, [&] { return reader.error; });

  SafetensorsHeader &header = reader.header;
  header.payloadOffset = lengthBytes + length;
  std::uint64_t payloadBytes = file.size() - header.payloadOffset;
  // By name where places are equal, as those of empty tensors are.
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const SafetensorsInfo &a, const SafetensorsInfo &b) {
              return std::tie(a.begin, a.end, a.name) <
                     std::tie(b.begin, b.end, b.name);
            });
  for (const SafetensorsInfo &tensor : header.tensors)
    if (std::optional<std::string> wrong = checkTensor(tensor, payloadBytes))
      require(false, [&] { return *wrong; });
  if (std::optional<std::string> wrong =
          checkCover(header.tensors, payloadBytes))
    require(false, [&] { return *wrong; });
  return std::move(header);
}

std::string printShape(std::span<const std::uint64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

} // namespace lath
