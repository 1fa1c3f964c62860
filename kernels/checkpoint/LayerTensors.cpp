#include "kernels/checkpoint/LayerTensors.h"

#include "compiler/base/Half.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>

namespace lath {

static_assert(std::endian::native == std::endian::little,
              "tensors are copied as they lie in the file");

std::string LayerTensors::full(std::string_view part) const {
  return fmt::format("{}.{}", layer_, part);
}

const SafetensorsInfo *LayerTensors::find(std::string_view part) const {
  const Checkpoint::Tensor *found = checkpoint_.find(full(part));
  return found ? found->info : nullptr;
}

const SafetensorsInfo &LayerTensors::need(std::string_view part) const {
  if (const SafetensorsInfo *tensor = find(part))
    return *tensor;
  fail(fmt::format("no tensor '{}'", full(part)));
}

void LayerTensors::expectDtype(
    const SafetensorsInfo &tensor,
    std::initializer_list<std::string_view> dtypes) const {
  if (std::find(dtypes.begin(), dtypes.end(), tensor.dtype) != dtypes.end())
    return;
  std::string all; // "F16, BF16 or F32"
  for (const std::string_view &dtype : dtypes)
    all += fmt::format("{}{}",
                       &dtype == dtypes.begin()     ? ""
                       : &dtype == dtypes.end() - 1 ? " or "
                                                    : ", ",
                       dtype);
  fail(fmt::format("'{}' is {}, expected {}", tensor.name, tensor.dtype, all));
}

void LayerTensors::expectShape(const SafetensorsInfo &tensor,
                               const Shape &shape,
                               std::string_view meaning) const {
  if (tensor.shape != shape)
    fail(fmt::format("'{}' has shape {}, expected {} ({})", tensor.name,
                     printShape(tensor.shape), printShape(shape), meaning));
}

void LayerTensors::expectMatrix(const SafetensorsInfo &tensor,
                                std::string_view meaning) const {
  if (tensor.shape.size() != 2 || tensor.shape[0] == 0 || tensor.shape[1] == 0)
    fail(fmt::format("'{}' has shape {}, expected {}", tensor.name,
                     printShape(tensor.shape), meaning));
}

std::vector<float> LayerTensors::floats(std::string_view part) const {
  const SafetensorsInfo &tensor = need(part);
  expectDtype(tensor, {"F16", "BF16", "F32"});
  if (tensor.dtype == "F32")
    return copy<float>(part);
  const Dtype type = tensor.dtype == "F16" ? Dtype::f16 : Dtype::bf16;
  std::vector<float> values;
  for (std::uint16_t bits : copy<std::uint16_t>(part))
    values.push_back(toFloat(bits, type));
  return values;
}

void LayerTensors::fail(const std::string &message, ErrorKind kind,
                        std::vector<std::string> notes) const {
  throw Error(kind, fmt::format("{}: {}", checkpoint_.source(), message),
              std::move(notes));
}

} // namespace lath
