// The list of passes between a tile program and the LLVM dialect.
#pragma once

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

namespace mlir {
class Pass;
}

namespace lath {

struct PipelineStep {
  std::string_view name; ///< as the pass's command-line argument
  std::function<std::unique_ptr<mlir::Pass>()> create;
};

/// In order. `layoutSteps()` of them still speak of tiles; what stands between
/// is what `lath emit --stage layout` shows.
const std::vector<PipelineStep> &pipeline();
std::size_t layoutSteps();
std::size_t nvvmSteps();

} // namespace lath
