// Names of registers to slots, through the scopes that `{ }` opens.
#pragma once

#include "runtime/emulator/Module.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lath::emulator {

class RegisterNames {
public:
  /// Slots go to `module`, which must outlive this.
  explicit RegisterNames(Module &module) : module_(module) {}

  void open() { scopes_.emplace_back(); }
  void close() { scopes_.pop_back(); }
  /// A register, or `count` of them called `name`0, `name`1, ...; false if
  /// there are too many of them.
  bool declare(Type type, std::string_view name,
               std::optional<std::uint64_t> count);
  /// The slot of a name, the innermost scope first; -1 if it has none.
  int find(std::string_view name) const;
  /// A machine register such as %tid.x gets a slot at its first use.
  int special(std::string_view name);

  /// Slots beyond this are refused: `.reg .b32 %r<2147483648>` is 17 GB.
  static constexpr std::size_t most = 1u << 18;

private:
  struct Range {
    int first;
    unsigned count;
  };
  struct Scope {
    std::map<std::string, int, std::less<>> single;
    std::map<std::string, Range, std::less<>> ranges; ///< by prefix
  };
  int add(Type type, std::string name);

  Module &module_;
  std::vector<Scope> scopes_;
};

} // namespace lath::emulator
