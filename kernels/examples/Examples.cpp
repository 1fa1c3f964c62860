#include "kernels/examples/Examples.h"
#include "compiler/base/Nearest.h"

#include <fmt/format.h>

namespace lath {

const std::vector<Example> &examples() {
  static const std::vector<Example> table = {vectorAddExample,
                                             softmaxExample,
                                             matmulKnExample,
                                             matmulNkExample,
                                             layerNormExample,
                                             rmsNormExample,
                                             layerNormBackwardExample,
                                             columnSumExample,
                                             ropeExample,
                                             swigluExample,
                                             fusedMatmulExample,
                                             batchedMatmulExample,
                                             groupedMatmulExample,
                                             attentionExample,
                                             pagedAttentionExample,
                                             pagedCombineExample,
                                             embeddingExample,
                                             crossEntropyExample,
                                             dropoutExample,
                                             quantizeExample,
                                             argmaxExample,
                                             topkExample,
                                             cumsumExample};
  return table;
}

const Example &example(std::string_view name) {
  std::vector<std::string> names;
  for (const Example &each : examples()) {
    if (each.name == name)
      return each;
    names.emplace_back(each.name);
  }
  throw Error(ErrorKind::invalidSpec,
              fmt::format("there is no example '{}'", name),
              {fmt::format("did you mean '{}'?", nearest(name, names))});
}

} // namespace lath
