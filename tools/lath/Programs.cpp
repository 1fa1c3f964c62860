// `lath programs`: what --program takes.
#include "tools/lath/Output.h"
#include "tools/lath/ProgramReader.h"
#include "tools/lath/Words.h"

#include <nlohmann/json.hpp>

namespace lath::cli {

using Json = nlohmann::ordered_json;

void programs(const ProgramsArguments &arguments) {
  const bool json = wantsJson(arguments.format);
  Json list = Json::array();
  std::string text;
  std::vector<std::string_view> names;
  for (const Example &each : examples())
    names.push_back(each.name);
  const std::size_t only =
      arguments.name ? wordIndex("program", *arguments.name, names) : 0;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (arguments.name && i != only)
      continue;
    const Example &each = examples()[i];
    const TunableProgram program = each.problem(each.sizes, Dtype::f16);
    const std::string usual = print(program.usualChoice());
    Json sizes = Json::object();
    for (auto &[name, value] : each.sizes.entries())
      sizes[name] = value;
    list.push_back({{"program", std::string(each.name)},
                    {"formula", std::string(each.formula)},
                    {"sizes", sizes},
                    {"choice", usual},
                    {"space", program.space.text()}});
    text += fmt::format("{}\n", each.name);
    text += row("  formula", each.formula);
    text += row("  sizes", print(each.sizes));
    text += row("  choice", usual);
    text += wrappedRow("  space", program.space.text());
  }
  writeResult(json ? Json({{"schema", 1}, {"programs", list}}).dump(2) + "\n"
                   : text);
}

} // namespace lath::cli
