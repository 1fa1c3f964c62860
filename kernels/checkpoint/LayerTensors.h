// The tensors of one layer, with errors that name them.
#pragma once

#include "compiler/base/Error.h"
#include "kernels/checkpoint/Checkpoint.h"
#include "kernels/checkpoint/QuantConfig.h"
#include "kernels/weights/Safetensors.h"

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

/// Those called `layer`.PART. Refers to the checkpoint.
class LayerTensors {
public:
  using Shape = std::vector<std::uint64_t>;

  LayerTensors(const Checkpoint &checkpoint, std::string_view layer)
      : checkpoint_(checkpoint), layer_(layer),
        rule_(checkpoint.config().of(layer)) {}

  const Checkpoint &checkpoint() const { return checkpoint_; }
  const std::string &layer() const { return layer_; }
  /// What the configuration says of it.
  const LayerRule &rule() const { return rule_; }

  std::string full(std::string_view part) const;
  /// Null: there is none.
  const SafetensorsInfo *find(std::string_view part) const;
  /// Throws Error{invalidInput} where there is none.
  const SafetensorsInfo &need(std::string_view part) const;

  // Throw Error{invalidInput} with the expected and the actual one.
  void expectDtype(const SafetensorsInfo &tensor,
                   std::initializer_list<std::string_view> dtypes) const;
  void expectShape(const SafetensorsInfo &tensor, const Shape &shape,
                   std::string_view meaning) const;
  /// Two extents, none of them 0.
  void expectMatrix(const SafetensorsInfo &tensor,
                    std::string_view meaning) const;

  template <typename T> std::vector<T> copy(std::string_view part) const {
    std::span<const std::byte> bytes =
        checkpoint_.bytes(*checkpoint_.find(full(part)));
    std::vector<T> result(bytes.size() / sizeof(T));
    if (!result.empty()) // memcpy may not see the null of an empty vector
      std::memcpy(result.data(), bytes.data(), bytes.size());
    return result;
  }
  /// Of F16, BF16 or F32; else as expectDtype.
  std::vector<float> floats(std::string_view part) const;

  [[noreturn]] void fail(const std::string &message,
                         ErrorKind kind = ErrorKind::invalidInput,
                         std::vector<std::string> notes = {}) const;

private:
  const Checkpoint &checkpoint_;
  std::string layer_;
  LayerRule rule_;
};

} // namespace lath
