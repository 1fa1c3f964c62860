// Protects safetensors files on disk: mapped, moved, written and replaced.
#include "kernels/weights/Safetensors.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/TemporaryFolder.h"

#include <cstdint>
#include <cstring>
#include <fstream>
#include <numeric>
#include <string>

using namespace lath;
using lath::test::TemporaryFolder;

TEST_CASE("a written safetensors file is read back bit for bit") {
  TemporaryFolder folder;
  std::vector<std::uint16_t> halves(12);
  std::iota(halves.begin(), halves.end(), 100);
  std::int32_t scalar = -7;
  std::vector<SafetensorsTensor> tensors = {
      {"layer.scales", "F16", {3, 4}, std::as_bytes(std::span(halves))},
      {"n\"ame\\\xc3\xa9", "I32", {}, std::as_bytes(std::span(&scalar, 1))},
      {"empty", "F32", {0, 9}, {}}};
  writeSafetensors(folder / "a", tensors, {{"checkpoint_format", "gptq"}});

  Safetensors file(folder / "a");
  CHECK(file.metadata().at("checkpoint_format") == "gptq");
  CHECK(file.tensors().size() == 3);
  REQUIRE(file.find("layer.scales"));
  std::span<const std::byte> bytes = file.bytes(*file.find("layer.scales"));
  REQUIRE(bytes.size() == 24);
  CHECK(std::memcmp(bytes.data(), halves.data(), 24) == 0);
  REQUIRE(file.find("n\"ame\\\xc3\xa9"));
  CHECK(file.find("n\"ame\\\xc3\xa9")->shape.empty());
  CHECK(file.bytes(*file.find("empty")).empty());
  CHECK(file.find("scales") == nullptr);

  // Views stay valid when the file moves to another owner.
  Safetensors moved = std::move(file);
  CHECK(moved.bytes(*moved.find("layer.scales")).data() == bytes.data());
  moved = Safetensors(folder / "a");
  CHECK(moved.tensors().size() == 3);
}

TEST_CASE("the writer refuses what the reader would, and keeps the old file") {
  TemporaryFolder folder;
  std::uint16_t value = 1;
  std::span<const std::byte> bytes = std::as_bytes(std::span(&value, 1));
  std::vector<SafetensorsTensor> good = {{"a", "F16", {1}, bytes}};
  writeSafetensors(folder / "a", good);

  std::string path = (folder / "a").string();
  auto writeError = [&](std::vector<SafetensorsTensor> tensors) {
    return lath::test::messageOf(
        [&] { writeSafetensors(folder / "a", tensors); });
  };
  CHECK(writeError({{"a", "F16", {2}, bytes}}) ==
        path + ": tensor 'a' of shape [2] and dtype F16 needs 4 bytes, its "
               "data_offsets span 2");
  CHECK(writeError({{"a", "F16", {1}, bytes}, {"a", "F16", {1}, bytes}}) ==
        path + ": the key 'a' is there twice");
  CHECK_THAT(writeError({{"\xff", "F16", {1}, bytes}}),
             Catch::StartsWith(path + ": cannot write a name: "));
  CHECK(Safetensors(folder / "a").tensors().size() == 1);
  auto entries = std::filesystem::directory_iterator(folder.path());
  CHECK(std::distance(begin(entries), end(entries)) == 1);

  CHECK(lath::test::messageOf([&] {
          writeSafetensors(folder / "no" / "a", good);
        }) == (folder / "no" / "a").string() + ": cannot write");
}

TEST_CASE("files that cannot be mapped are refused by name") {
  TemporaryFolder folder;
  using lath::test::messageOf;
  std::string missing = (folder / "missing").string();
  CHECK(messageOf([&] { Safetensors file(missing); }) ==
        missing + ": cannot open: No such file or directory");
  CHECK(messageOf([&] { Safetensors file(folder.path()); }) ==
        folder.path().string() + ": not a regular file");
  std::ofstream(folder / "empty");
  CHECK(messageOf([&] { Safetensors file(folder / "empty"); }) ==
        (folder / "empty").string() +
            ": 0 bytes, too few for the length of a header");
}
