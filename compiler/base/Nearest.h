// "Did you mean": the valid word that is closest to what a user wrote.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace lath {

/// Levenshtein distance: the least number of inserted, deleted or replaced
/// characters that turn `a` into `b`, where upper and lower case of a letter
/// are the same. O(|a| |b|) time, O(|b|) space.
inline std::size_t editDistance(std::string_view a, std::string_view b) {
  auto lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  std::vector<std::size_t> row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j)
    row[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t replaced = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

/// The element of `words` (strings, not empty) closest to `text`; the first of
/// equals. Only the first 64 characters of `text` count, so that hostile input
/// costs nothing. The result lives as long as `words`.
template <typename Words>
std::string_view nearest(std::string_view text, const Words &words) {
  text = text.substr(0, 64);
  std::string_view best;
  std::size_t bestDistance = static_cast<std::size_t>(-1);
  for (const auto &word : words) {
    std::size_t distance = editDistance(text, word);
    if (distance < bestDistance) {
      best = word;
      bestDistance = distance;
    }
  }
  return best;
}

} // namespace lath
