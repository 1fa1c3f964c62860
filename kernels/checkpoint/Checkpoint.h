// The weights of a model as users bring them: one safetensors file, or a folder
// with one or with many, an index that says which tensor lies where, and the
// configuration that says what the tensors mean.
#pragma once

#include "compiler/base/Api.h"

#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

class QuantConfig;
class Safetensors;
struct SafetensorsInfo;

/// Files mapped into memory. Move-only; reading is thread safe. No file may
/// shrink meanwhile.
class LATH_API Checkpoint {
public:
  struct Tensor {
    const Safetensors *file;
    const SafetensorsInfo *info;
  };
  using Tensors = std::map<std::string, Tensor, std::less<>>;

  /// `path`: a safetensors file, whose configuration lies beside it, or a
  /// folder. Throws Error{invalidInput} for what is missing, malformed or
  /// there twice, Error{unsupported} for files of other kinds, by their name:
  /// GGUF, PyTorch's pickles.
  explicit Checkpoint(const std::filesystem::path &path);
  ~Checkpoint();
  Checkpoint(Checkpoint &&) noexcept;
  Checkpoint &operator=(Checkpoint &&) noexcept;

  /// `path`, for messages.
  const std::string &source() const;
  const QuantConfig &config() const;
  const Tensors &tensors() const;
  /// Null: there is none of that name.
  const Tensor *find(std::string_view name) const;
  /// In place. No alignment is promised.
  std::span<const std::byte> bytes(const Tensor &tensor) const;
  /// What __metadata__ of the first file says under `key`; empty: nothing.
  std::string metadata(std::string_view key) const;
  /// Sentences for the user: configurations that contradict each other,
  /// tensors that no index names.
  const std::vector<std::string> &warnings() const;

private:
  struct LATH_HIDDEN State;
  std::unique_ptr<State> state_;
};

} // namespace lath
