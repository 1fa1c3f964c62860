// Protects what a folder of weights is: files, shards, their index, and the
// configuration beside them.
#include "kernels/checkpoint/Checkpoint.h"
#include "kernels/checkpoint/QuantConfig.h"
#include "kernels/weights/Safetensors.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/TemporaryFolder.h"

#include <array>
#include <fstream>

using namespace lath;
using namespace lath::test;

namespace {

/// One i32 tensor for each name.
void writeTensors(const std::filesystem::path &path,
                  std::initializer_list<std::string> names) {
  static constexpr std::array<std::int32_t, 1> value = {7};
  std::vector<SafetensorsTensor> tensors;
  for (const std::string &name : names)
    tensors.push_back({name, "I32", {1}, std::as_bytes(std::span(value))});
  writeSafetensors(path, tensors);
}

void writeText(const std::filesystem::path &path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// What opening throws, without the path in front.
std::string errorOfOpening(const std::filesystem::path &path,
                           ErrorKind kind = ErrorKind::invalidInput) {
  Error error = errorOf([&] { Checkpoint opened(path); });
  CHECK(error.kind() == kind);
  std::string message = error.message();
  return message.substr(message.find(": ") + 2);
}

std::string index(std::string_view map) {
  return "{\"metadata\": {\"total_size\": 8}, \"weight_map\": {" +
         std::string(map) + "}}";
}

constexpr const char *indexName = "model.safetensors.index.json";

} // namespace

TEST_CASE(
    "a checkpoint is a file, a folder with one, or shards with an index") {
  TemporaryFolder folder;
  writeTensors(folder / "model.safetensors", {"a", "b"});
  for (const auto &path : {folder.path(), folder / "model.safetensors"}) {
    Checkpoint checkpoint(path);
    CHECK(checkpoint.tensors().size() == 2);
    CHECK(checkpoint.find("a")->info->name == "a");
    CHECK(checkpoint.bytes(*checkpoint.find("b")).size() == 4);
    CHECK(checkpoint.find("c") == nullptr);
    CHECK(checkpoint.warnings().empty());
    CHECK(checkpoint.config().method().empty());
  }
  TemporaryFolder shards;
  writeTensors(shards / "1.safetensors", {"a", "b"});
  writeTensors(shards / "2.safetensors", {"c"});
  writeText(shards / indexName,
            index(R"("a": "1.safetensors", "c": "2.safetensors")"));
  Checkpoint checkpoint(shards.path());
  CHECK(checkpoint.tensors().size() == 3);
  REQUIRE(checkpoint.warnings().size() == 1);
  CHECK(checkpoint.warnings()[0] ==
        (shards / indexName).string() +
            ": 1 tensors are in the files but not in the index");
}

TEST_CASE("what is missing or there twice is named") {
  TemporaryFolder folder;
  CHECK(errorOfOpening(folder / "none") == "no such file or folder");
  CHECK(errorOfOpening(folder.path()) == "no *.safetensors in it");
  CHECK(errorOfOpening("/dev/null") == "not a regular file");
  writeTensors(folder / "1.safetensors", {"a"});
  writeTensors(folder / "2.safetensors", {"a"});
  CHECK(errorOfOpening(folder.path()) ==
        "tensor 'a' is in " + (folder / "1.safetensors").string() + " as well");
  auto refused = [&](std::string_view map) {
    writeText(folder / indexName, index(map));
    return errorOfOpening(folder.path());
  };
  CHECK(refused(R"("a": "1.safetensors", "b": "3.safetensors")") ==
        "1 of 2 files are not there, the first is '3.safetensors'");
  CHECK(refused(R"("b": "1.safetensors")") ==
        "tensor 'b' is not in '1.safetensors', nor in any other file");
  for (const char *name : {"../1.safetensors", "/etc/passwd", "..", ""}) {
    CAPTURE(name);
    CHECK(refused("\"a\": \"" + std::string(name) + "\"") ==
          "'a' is in '" + std::string(name) +
              "', expected the name of a file beside the index");
  }
  writeText(folder / indexName, "{}");
  CHECK(errorOfOpening(folder.path()) == "no 'weight_map'");
  writeText(folder / "other.safetensors.index.json", "{}");
  CHECK(errorOfOpening(folder.path()) ==
        "2 indexes, expected one: model.safetensors.index.json, "
        "other.safetensors.index.json");
}

TEST_CASE("files of other kinds are refused by name") {
  TemporaryFolder folder;
  writeText(folder / "model.gguf", "GGUF\3\0\0\0");
  for (const auto &path : {folder.path(), folder / "model.gguf"})
    CHECK(errorOfOpening(path, ErrorKind::unsupported) ==
          "a GGUF file; GGUF is not read");
  TemporaryFolder pickles;
  writeText(pickles / "pytorch_model.bin", "PK\3\4 and so on");
  CHECK(errorOfOpening(pickles.path(), ErrorKind::unsupported) ==
        "a PyTorch pickle, which runs code when it is read; only safetensors "
        "are");
}

TEST_CASE("a configuration that is no JSON, or hostile, is refused") {
  TemporaryFolder folder;
  writeTensors(folder / "model.safetensors", {"a"});
  auto refused = [&](const std::string &text) {
    writeText(folder / "config.json", text);
    return errorOfOpening(folder.path());
  };
  CHECK(refused("") == "no JSON: wrong at byte 1");
  CHECK(refused("[]") == "expected an object, got array");
  CHECK(refused("{\"a\": 1, \"a\": 2}") == "the key 'a' is there twice");
  CHECK(refused("{\"a\": " + std::string(100'000, '[')) ==
        "nested deeper than 64");
  CHECK(refused(std::string("{}\0", 3)) == "a NUL byte, expected JSON");
  CHECK(refused(R"({"quantization_config": 4})") ==
        "'quantization_config' is 4, expected an object");
  CHECK(refused(R"({"quantization_config":
                   {"quant_method": "gptq", "bits": "four"}})") ==
        "quantization_config: 'bits' is \"four\", expected a whole number");
  CHECK(refused(R"({"quantization_config": {"quant_method": "gptq", "bits": 4,
                   "dynamic": {"-:a(": {}}}})") ==
        "quantization_config: the pattern 'a(' is wrong at character 2: "
        "missing closing parenthesis");
}
