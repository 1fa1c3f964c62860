// A GPTQ file in the making, for tests that bend it before it is read.
#pragma once

#include "kernels/checkpoint/Checkpoint.h"
#include "kernels/checkpoint/ReadLayer.h"
#include "kernels/weights/Gptq.h"
#include "kernels/weights/Safetensors.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/TemporaryFolder.h"

#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace lath::test {

inline constexpr int n = 16, k = 96, group = 32, groups = 3;

/// A layer "l" of n x k in groups whose tensors a test can bend before it is
/// written and read.
struct Draft {
  struct Tensor {
    std::string dtype;
    std::vector<std::uint64_t> shape;
    std::vector<std::uint8_t> bytes;
  };
  std::map<std::string, Tensor> tensors;
  std::map<std::string, std::string, std::less<>> metadata;
  std::string config; ///< text of config.json; empty: there is none

  template <typename T>
  void set(const std::string &name, const std::string &dtype,
           std::vector<std::uint64_t> shape, const std::vector<T> &values) {
    auto *first = reinterpret_cast<const std::uint8_t *>(values.data());
    tensors[name] = {
        dtype, std::move(shape), {first, first + values.size() * sizeof(T)}};
  }

  /// A random layer with v1 or v2 zero points and a matching label.
  explicit Draft(Zeros zeros) {
    GptqLayer layer = original(zeros);
    set("l.qweight", "I32", {k / 8, n}, layer.qweight);
    set("l.scales", "F16", {groups, n}, layer.scales);
    if (zeros != Zeros::symmetric) {
      set("l.qzeros", "I32", {groups, n / 8}, layer.qzeros);
      metadata["checkpoint_format"] = zeros == Zeros::v1 ? "gptq" : "gptq_v2";
    }
  }

  static GptqLayer original(Zeros zeros) {
    GptqLayer layer = randomLayer(
        {.m = 1, .n = n, .k = k, .group = group, .zeros = zeros}, 42);
    // z = 0 of v1, stored as 15, is read in several ways.
    if (zeros == Zeros::v1)
      for (std::uint32_t &word : layer.qzeros)
        word &= 0xeeeeeeee;
    return layer;
  }

  void setZeros(std::uint32_t word) {
    set("l.qzeros", "I32", {groups, n / 8},
        std::vector<std::uint32_t>(groups * n / 8, word));
  }

  LayerReadResult read(const LayerReadOptions &options = {},
                       const std::string &name = "l") const {
    TemporaryFolder folder;
    std::vector<SafetensorsTensor> list;
    for (const auto &[key, tensor] : tensors)
      list.push_back({key, tensor.dtype, tensor.shape,
                      std::as_bytes(std::span(tensor.bytes))});
    writeSafetensors(folder / "f", list, metadata);
    if (!config.empty())
      std::ofstream(folder / "config.json") << config;
    return readLayer(Checkpoint(folder / "f"), name, options);
  }

  /// What reading throws, without the path in front.
  std::string error(ErrorKind kind, const LayerReadOptions &options = {},
                    const std::string &name = "l") const {
    Error thrown = errorOf([&] { read(options, name); });
    CHECK(thrown.kind() == kind);
    return thrown.message().substr(thrown.message().find(": ") + 2);
  }
};

inline constexpr ErrorKind invalid = ErrorKind::invalidInput;
inline constexpr ErrorKind unsupported = ErrorKind::unsupported;

} // namespace lath::test
