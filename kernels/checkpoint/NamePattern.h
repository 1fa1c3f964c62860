// Patterns of layer names as the configurations of checkpoints have them:
// regular expressions of Python.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace lath {

/// A compiled pattern. A value; matching is thread safe.
class NamePattern {
public:
  /// Throws Error{invalidInput} that starts with `source` and says at which
  /// character the pattern is wrong.
  NamePattern(std::string_view pattern, std::string_view source);

  /// Whether the start of `name` matches, as Python's re.match. False too
  /// where the pattern needs more than a million steps for it.
  bool matchesStart(std::string_view name) const;

private:
  std::shared_ptr<const void> code_;
};

} // namespace lath
