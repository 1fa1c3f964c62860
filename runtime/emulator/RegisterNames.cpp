#include "runtime/emulator/RegisterNames.h"

#include "compiler/base/Ascii.h"

#include <charconv>
#include <fmt/format.h>

namespace lath::emulator {

int RegisterNames::add(Type type, std::string name) {
  module_.registers.push_back(type);
  module_.registerNames.push_back(std::move(name));
  return static_cast<int>(module_.registers.size() - 1);
}

bool RegisterNames::declare(Type type, std::string_view name,
                            std::optional<std::uint64_t> count) {
  std::size_t have = module_.registers.size();
  if (have >= most || count.value_or(1) > most - have)
    return false;
  if (!count) {
    scopes_.back().single[std::string(name)] = add(type, std::string(name));
    return true;
  }
  scopes_.back().ranges[std::string(name)] = {static_cast<int>(have),
                                              static_cast<unsigned>(*count)};
  for (std::uint64_t i = 0; i < *count; ++i)
    add(type, fmt::format("{}{}", name, i));
  return true;
}

int RegisterNames::find(std::string_view name) const {
  std::size_t digits = name.size();
  while (digits > 0 && isDigit(name[digits - 1]))
    --digits;
  unsigned index = 0;
  std::from_chars(name.data() + digits, name.data() + name.size(), index);
  for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
    if (auto found = scope->single.find(name); found != scope->single.end())
      return found->second;
    if (digits == name.size())
      continue;
    auto range = scope->ranges.find(name.substr(0, digits));
    if (range != scope->ranges.end() && index < range->second.count)
      return range->second.first + static_cast<int>(index);
  }
  return -1;
}

int RegisterNames::special(std::string_view name) {
  for (const SpecialRegister &known : module_.specials)
    if (known.name == name)
      return known.slot;
  Type type = Type::u32;
  for (std::string_view prefix :
       {"%clock64", "%globaltimer", "%gridid", "%current_graph_exec"})
    if (name.starts_with(prefix))
      type = Type::u64;
  if (name.starts_with("%is_explicit_cluster"))
    type = Type::pred;
  int slot = add(type, std::string(name));
  module_.specials.push_back({std::string(name), slot});
  return slot;
}

} // namespace lath::emulator
