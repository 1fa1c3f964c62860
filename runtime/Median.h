// Of times.
#pragma once

#include <algorithm>
#include <vector>

namespace lath {

/// Of at least one value; of an even number the larger of the middle two.
inline double median(std::vector<double> values) {
  auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

} // namespace lath
