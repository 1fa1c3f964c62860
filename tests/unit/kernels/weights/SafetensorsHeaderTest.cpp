// Protects the rules of a safetensors header: what is legal is read, what is
// malformed is refused with the byte or the key at fault.
#include "kernels/weights/Safetensors.h"
#include "tests/unit/ErrorOf.h"

#include <cstdint>
#include <string>

using namespace lath;
using lath::test::errorOf;

namespace {

/// A file of this header and `payload` zero bytes.
std::string fileOf(const std::string &header, std::size_t payload) {
  std::string file;
  for (int i = 0; i < 8; ++i)
    file += static_cast<char>(header.size() >> 8 * i & 0xff);
  return file + header + std::string(payload, '\0');
}

SafetensorsHeader parse(const std::string &file) {
  return parseSafetensors(std::as_bytes(std::span(file)), "f");
}

std::string parseError(const std::string &file) {
  Error error = errorOf([&] { parse(file); });
  CHECK(error.kind() == ErrorKind::invalidInput);
  return error.message();
}

std::string headerError(const std::string &header, std::size_t payload = 0) {
  return parseError(fileOf(header, payload));
}

/// {"t": {...}} with these values in the place of good ones.
std::string tensorError(const std::string &dtype, const std::string &shape,
                        const std::string &offsets, std::size_t payload) {
  return headerError("{\"t\":{\"dtype\":" + dtype + ",\"shape\":" + shape +
                         ",\"data_offsets\":" + offsets + "}}",
                     payload);
}

std::string u8(const std::string &name, int begin, int end) {
  return "\"" + name + R"(":{"dtype":"U8","shape":[)" +
         std::to_string(end - begin) + R"(],"data_offsets":[)" +
         std::to_string(begin) + "," + std::to_string(end) + "]}";
}

} // namespace

TEST_CASE("a safetensors header gives tensors in order of their place") {
  std::string header =
      R"({"__metadata__":{"format":"pt","":"\u00e9"},)"
      R"("b":{"dtype":"F16","shape":[2,3],"data_offsets":[4,16]},)"
      R"("a":{"data_offsets":[0,4],"shape":[1],"dtype":"I32"}}    )";
  SafetensorsHeader parsed = parse(fileOf(header, 16));
  CHECK(parsed.payloadOffset == 8 + header.size());
  CHECK(parsed.metadata.size() == 2);
  CHECK(parsed.metadata.at("format") == "pt");
  CHECK(parsed.metadata.at("") == "\xc3\xa9");
  REQUIRE(parsed.tensors.size() == 2);
  CHECK(parsed.tensors[0].name == "a");
  CHECK(parsed.tensors[0].dtype == "I32");
  CHECK(parsed.tensors[0].shape == std::vector<std::uint64_t>{1});
  CHECK(parsed.tensors[1].name == "b");
  CHECK(parsed.tensors[1].shape == std::vector<std::uint64_t>{2, 3});
  CHECK(parsed.tensors[1].begin == 4);
  CHECK(parsed.tensors[1].end == 16);
}

TEST_CASE("scalars, empty tensors and files without tensors are legal") {
  CHECK(parse(fileOf("{}", 0)).tensors.empty());
  CHECK(parse(fileOf(R"({"__metadata__":{}})", 0)).tensors.empty());
  SafetensorsHeader parsed = parse(
      fileOf(R"({"none":{"dtype":"F32","shape":[5,0],"data_offsets":[4,4]},)"
             R"("scalar":{"dtype":"F32","shape":[],"data_offsets":[0,4]},)"
             R"("first":{"dtype":"BOOL","shape":[0],"data_offsets":[0,0]}})",
             4));
  REQUIRE(parsed.tensors.size() == 3);
  CHECK(parsed.tensors[0].name == "first");
  CHECK(parsed.tensors[1].name == "scalar");
  CHECK(parsed.tensors[1].shape.empty());
  CHECK(parsed.tensors[2].name == "none");
}

TEST_CASE("element types have their sizes, below a byte too") {
  for (auto [dtype, bytes] : {std::pair("BOOL", 8),
                              {"U8", 8},
                              {"I8", 8},
                              {"F8_E4M3", 8},
                              {"F8_E5M2", 8},
                              {"U16", 16},
                              {"I16", 16},
                              {"F16", 16},
                              {"BF16", 16},
                              {"U32", 32},
                              {"I32", 32},
                              {"F32", 32},
                              {"U64", 64},
                              {"I64", 64},
                              {"F64", 64},
                              {"F4", 4},
                              {"F6_E2M3", 6}}) {
    std::string file = fileOf(std::string(R"({"t":{"dtype":")") + dtype +
                                  R"(","shape":[8],"data_offsets":[0,)" +
                                  std::to_string(bytes) + "]}}",
                              bytes);
    CHECK(parse(file).tensors.at(0).dtype == dtype);
  }
  CHECK(tensorError(R"("F4")", "[3]", "[0,2]", 2) ==
        "f: tensor 't' of shape [3] and dtype F4 ends inside a byte");
}

TEST_CASE("a file too short for its header is refused") {
  CHECK(parseError("") == "f: 0 bytes, too few for the length of a header");
  CHECK(parseError("1234567") ==
        "f: 7 bytes, too few for the length of a header");
  std::string file = fileOf("{}", 0);
  CHECK(parseError(file.substr(0, 9)) ==
        "f: truncated: a header of 2 bytes in a file of 9");
}

TEST_CASE("a header that claims too much is refused") {
  std::string file = fileOf("{}", 0);
  file[3] = 0x7f;
  CHECK(parseError(file) ==
        "f: a header of 2130706434 bytes; at most 100000000 are allowed");
  CHECK(parseError(std::string(8, '\xff')) ==
        "f: a header of 18446744073709551615 bytes; at most 100000000 are "
        "allowed");
}

TEST_CASE("a header that does not begin with a brace is refused") {
  for (const char *header : {"", " {}", "[]", "\xef\xbb\xbf{}", "null"})
    CHECK(headerError(header) ==
          "f: the header does not begin with '{' at byte 8");
}

TEST_CASE("a header that is not JSON is refused at its byte") {
  using Catch::Contains;
  using Catch::StartsWith;
  CHECK_THAT(headerError("{\"a\" 1}"),
             StartsWith("f: the header is not JSON at byte 13: ") &&
                 Contains("expected ':'"));
  CHECK_THAT(headerError("{"),
             StartsWith("f: the header is not JSON at byte "));
  CHECK_THAT(headerError("{} x"),
             StartsWith("f: the header is not JSON at byte 11: "));
  CHECK_THAT(headerError("{}{}"),
             StartsWith("f: the header is not JSON at byte 10: "));
  CHECK_THAT(headerError("{'a':1}"),
             StartsWith("f: the header is not JSON at byte 9: "));
  CHECK_THAT(headerError("{/**/}"),
             StartsWith("f: the header is not JSON at byte 9: "));
  CHECK_THAT(headerError(R"({"__metadata__":{"a":"b",}})"),
             StartsWith("f: the header is not JSON at byte "));
  // A parser that takes NUL for the end would not see what is behind it.
  CHECK(headerError(std::string("{}\0{}", 5)) ==
        "f: the header is not JSON at byte 10: a NUL");
  CHECK(headerError(std::string("{}\0\0", 4)) ==
        "f: the header is not JSON at byte 10: a NUL");
}

TEST_CASE("bad UTF-8 and bad escapes in a header are refused") {
  using Catch::StartsWith;
  for (const char *name :
       {"\xff", "\xc0\x80", "\xe2\x82", "\xed\xa0\x80", "\xf5\x80\x80\x80",
        "\\ud800", "\\udc00x", "\\x41", "\\u12g4", "\n"}) {
    std::string header =
        std::string(R"({"__metadata__":{")") + name + R"(":"v"}})";
    CHECK_THAT(headerError(header),
               StartsWith("f: the header is not JSON at byte "));
  }
  // A pair of surrogates is one character.
  CHECK(parse(fileOf(R"({"__metadata__":{"k":"\ud83d\ude00"}})", 0))
            .metadata.at("k") == "\xf0\x9f\x98\x80");
}

TEST_CASE("duplicate keys are refused at every level") {
  CHECK(headerError("{" + u8("a", 0, 1) + "," + u8("a", 1, 2) + "}", 2) ==
        "f: the key 'a' is there twice");
  CHECK(headerError("{" + u8("a", 0, 1) + "," + u8("\\u0061", 1, 2) + "}", 2) ==
        "f: the key 'a' is there twice");
  CHECK(headerError(R"({"__metadata__":{},"__metadata__":{}})") ==
        "f: the key '__metadata__' is there twice");
  CHECK(headerError(R"({"__metadata__":{"a":"1","a":"1"}})") ==
        "f: '__metadata__' has the key 'a' twice");
  CHECK(headerError(R"({"t":{"dtype":"U8","dtype":"U8"}})") ==
        "f: 't' has the key 'dtype' twice");
}

TEST_CASE("deep nesting is refused, not followed") {
  std::string deep(200000, '[');
  CHECK(headerError(R"({"t":)" + deep) ==
        "f: 't' is an array, expected an object");
  CHECK(headerError(R"({"t":{"shape":)" + deep) ==
        "f: 't.shape' holds an array, expected integers from 0 to 2^64 - 1");
  std::string objects;
  for (int i = 0; i < 200000; ++i)
    objects += R"({"shape":)";
  CHECK(headerError(objects) == "f: 'shape.shape' is an object, expected an "
                                "array");
}

TEST_CASE("bytes that no tensor covers are refused") {
  CHECK(headerError("{" + u8("a", 2, 4) + "}", 4) ==
        "f: bytes 0..2 of the payload, before tensor 'a', belong to no tensor");
  CHECK(headerError("{" + u8("a", 0, 2) + "," + u8("b", 3, 4) + "}", 4) ==
        "f: bytes 2..3 of the payload, before tensor 'b', belong to no tensor");
  CHECK(headerError("{" + u8("a", 0, 2) + "}", 5) ==
        "f: bytes 2..5 of the payload, behind the last tensor, belong to no "
        "tensor");
  CHECK(headerError("{}", 1) == "f: bytes 0..1 of the payload, behind the "
                                "last tensor, belong to no tensor");
}

TEST_CASE("tensors that overlap are refused") {
  CHECK(headerError("{" + u8("a", 0, 3) + "," + u8("b", 2, 4) + "}", 4) ==
        "f: tensor 'b' begins at byte 2 of the payload, inside tensor 'a', "
        "which ends at 3");
  CHECK(headerError("{" + u8("a", 0, 3) + "," + u8("b", 0, 3) + "}", 3) ==
        "f: tensor 'b' begins at byte 0 of the payload, inside tensor 'a', "
        "which ends at 3");
}

TEST_CASE("a tensor beyond the payload is refused: a truncated file") {
  CHECK(headerError("{" + u8("a", 0, 3) + "}", 2) ==
        "f: tensor 'a' ends at byte 3 of a payload of 2");
}

TEST_CASE("a shape that does not fill its span is refused") {
  CHECK(tensorError(R"("F16")", "[2,3]", "[0,6]", 6) ==
        "f: tensor 't' of shape [2, 3] and dtype F16 needs 12 bytes, its "
        "data_offsets span 6");
  CHECK(tensorError(R"("U8")", "[]", "[0,0]", 0) ==
        "f: tensor 't' of shape [] and dtype U8 needs 1 bytes, its "
        "data_offsets span 0");
  CHECK(tensorError(R"("U8")", "[4294967296,4294967296]", "[0,0]", 0) ==
        "f: tensor 't' of shape [4294967296, 4294967296] is beyond 2^64 bits");
  CHECK(tensorError(R"("U8")", "[2]", "[2,0]", 2) ==
        "f: tensor 't' ends at byte 0 before it begins at 2");
}

TEST_CASE("an unknown dtype is refused") {
  CHECK(tensorError(R"("f16")", "[1]", "[0,2]", 2) ==
        "f: tensor 't' has the unknown dtype 'f16'");
  CHECK(tensorError(R"("")", "[1]", "[0,2]", 2) ==
        "f: tensor 't' has the unknown dtype ''");
}

TEST_CASE("a value of the wrong JSON type is refused by its key") {
  for (auto [header, message] : {
           std::pair(R"({"t":1})", "'t' is the number 1, expected an object"),
           {R"({"t":null})", "'t' is null, expected an object"},
           {R"({"t":"x"})", "'t' is a string, expected an object"},
           {R"({"t":{"dtype":1}})",
            "'t.dtype' is the number 1, expected a string"},
           {R"({"t":{"dtype":["U8"]}})",
            "'t.dtype' is an array, expected a string"},
           {R"({"t":{"shape":3}})",
            "'t.shape' is the number 3, expected an array"},
           {R"({"t":{"shape":{}}})",
            "'t.shape' is an object, expected an array"},
           {R"({"t":{"shape":[-1]}})",
            "'t.shape' holds the negative number -1, expected integers from 0 "
            "to 2^64 - 1"},
           {R"({"t":{"shape":[1.0]}})",
            "'t.shape' holds the number 1.0, expected integers from 0 to 2^64 "
            "- 1"},
           {R"({"t":{"shape":[18446744073709551616]}})",
            "'t.shape' holds the number 18446744073709551616, expected "
            "integers from 0 to 2^64 - 1"},
           {R"({"t":{"shape":["1"]}})",
            "'t.shape' holds a string, expected integers from 0 to 2^64 - 1"},
           {R"({"t":{"data_offsets":[true]}})",
            "'t.data_offsets' holds a boolean, expected integers from 0 to "
            "2^64 - 1"},
           {R"({"t":{"data_offsets":[0]}})",
            "'t.data_offsets' has 1 numbers, expected 2"},
           {R"({"t":{"data_offsets":[0,1,2]}})",
            "'t.data_offsets' has 3 numbers, expected 2"},
           {R"({"t":{"strides":[1]}})", "tensor 't' has an unknown key "
                                        "'strides'"},
           {R"({"t":{"shape":[1],"data_offsets":[0,1]}})",
            "tensor 't' has no dtype"},
           {R"({"t":{"dtype":"U8","data_offsets":[0,1]}})",
            "tensor 't' has no shape"},
           {R"({"t":{"dtype":"U8","shape":[1]}})",
            "tensor 't' has no data_offsets"},
           {R"({"__metadata__":[]})",
            "'__metadata__' is an array, expected an object"},
           {R"({"__metadata__":{"a":1}})",
            "'__metadata__.a' is the number 1, expected a string"},
           {R"({"__metadata__":{"a":null}})",
            "'__metadata__.a' is null, expected a string"},
           {R"({"__metadata__":{"a":{}}})",
            "'__metadata__.a' is an object, expected a string"},
       })
    CHECK(headerError(header) == std::string("f: ") + message);
}

TEST_CASE("every prefix of a good file is refused, and none crashes") {
  std::string file = fileOf("{\"__metadata__\":{\"k\":\"v\"}," + u8("a", 0, 3) +
                                "," + u8("b", 3, 5) + "}",
                            5);
  CHECK(parse(file).tensors.size() == 2);
  for (std::size_t length = 0; length < file.size(); ++length)
    parseError(file.substr(0, length));
}

TEST_CASE("a flipped bit never crashes the parser") {
  std::string file = fileOf("{\"__metadata__\":{\"k\":\"v\"}," + u8("a", 0, 3) +
                                "," + u8("b", 3, 5) + "}",
                            5);
  int refused = 0;
  for (std::size_t bit = 0; bit < 8 * file.size(); ++bit) {
    std::string flipped = file;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    try {
      parse(flipped);
    } catch (const Error &error) {
      CHECK(error.kind() == ErrorKind::invalidInput);
      ++refused;
    }
  }
  // What survives are flips in names, in metadata and in the payload.
  CHECK(refused > 700);
}
