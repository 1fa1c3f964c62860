// How a program's kernel is launched, as JSON.
#include "kernels/programs/ProgramBench.h"
#include "runtime/TensorMap.h"
#include "tools/lath/ProgramReader.h"

#include <nlohmann/json.hpp>

#include <bit>

namespace lath::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string_view nameOf(KernelParam::Kind kind) {
  switch (kind) {
  case KernelParam::Kind::view:
    return "view";
  case KernelParam::Kind::scalar:
    return "scalar";
  case KernelParam::Kind::workspace:
    return "workspace";
  case KernelParam::Kind::tickets:
    return "tickets";
  case KernelParam::Kind::tensorMap:
    return "tensor_map";
  case KernelParam::Kind::gridX:
    return "grid_x";
  case KernelParam::Kind::gridY:
    return "grid_y";
  }
  return "?";
}

Json arrayJson(const ArrayArgument &array) {
  static constexpr std::string_view uses[] = {"input", "output", "both"};
  Json json = {{"dtype", std::string(name(array.dtype))},
               {"shape", array.shape},
               {"use", std::string(uses[static_cast<int>(array.use)])}};
  if (array.use == ArrayArgument::Use::output)
    return json;
  if (array.values.empty())
    json.update({{"low", array.low}, {"high", array.high}});
  else
    json["values"] = array.values;
  return json;
}

/// What cuTensorMapEncodeTiled takes, dimensions from the innermost.
Json tensorJson(const TensorMap &map) {
  static constexpr std::string_view swizzles[] = {"none", "32B", "64B", "128B"};
  auto first = [&](const auto &list, unsigned count) {
    return Json(std::vector(list.begin(), list.begin() + count));
  };
  return {{"rank", map.rank},
          {"element_bytes", map.elementBytes},
          {"extents", first(map.extents, map.rank)},
          {"strides", first(map.strides, map.rank - 1)},
          {"box", first(map.box, map.rank)},
          {"swizzle", std::string(swizzles[static_cast<int>(map.swizzle)])}};
}

} // namespace

std::string launchJson(const ProgramRequest &request,
                       const ProgramChoice &choice, const Ptx &ptx) {
  const TunableProgram &program = request.program;
  const LaunchConfig config = launchConfig(program, choice, ptx);
  const ProgramScratch scratch = scratchOf(ptx, config);
  Json json = {{"schema", 1},
               {"kernel", ptx.entry},
               {"program", program.name},
               {"formula", std::string(request.example->formula)},
               {"sizes", Json::object()},
               {"dtype", std::string(name(request.dtype))},
               {"choice", print(choice)},
               {"target", ptx.target},
               {"grid", config.grid},
               {"threads", ptx.threads},
               {"shared_bytes", ptx.sharedBytes},
               {"workspace_bytes", scratch.workspace},
               {"ticket_bytes", scratch.tickets},
               {"cluster", ptx.clusterBlocks},
               {"persistent", ptx.persistent},
               {"dependent", ptx.dependent},
               {"zero_outputs", ptx.accumulatesIntoOutput},
               {"flops", program.flops},
               {"bytes", program.bytes},
               {"params", Json::array()}};
  for (auto &[name, value] : request.sizes.entries())
    json["sizes"][name] = value;
  // Pointers do not matter for what a map says but its address.
  std::vector<std::uint64_t> arguments;
  std::size_t next = 0, map = 0;
  for (const KernelParam &param : ptx.params) {
    Json entry = {{"name", param.name},
                  {"kind", std::string(nameOf(param.kind))}};
    switch (param.kind) {
    case KernelParam::Kind::scalar: {
      const double value =
          std::get<NumberArgument>(program.arguments.at(next++)).value;
      entry["dtype"] = std::string(name(param.type));
      if (isFloat(param.type))
        entry["value"] = value;
      else
        entry["value"] = static_cast<std::int64_t>(value);
      arguments.push_back(static_cast<std::uint64_t>(value));
      break;
    }
    case KernelParam::Kind::view:
      entry.update(
          arrayJson(std::get<ArrayArgument>(program.arguments.at(next++))));
      arguments.push_back(16);
      break;
    case KernelParam::Kind::workspace:
    case KernelParam::Kind::tickets:
      arguments.push_back(16);
      break;
    case KernelParam::Kind::tensorMap: {
      const TensorFacts &facts = ptx.tensorMaps.at(map++);
      entry["of"] = ptx.params[facts.param].name;
      entry.update(tensorJson(tensorMap(ptx, facts, arguments)));
      break;
    }
    case KernelParam::Kind::gridX:
      entry["value"] = config.grid[0];
      break;
    case KernelParam::Kind::gridY:
      entry["value"] = config.grid[1];
      break;
    }
    json["params"].push_back(std::move(entry));
  }
  return json.dump(2) + "\n";
}

} // namespace lath::cli
