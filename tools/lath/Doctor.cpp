// `lath doctor`: what is installed, and whether it is enough.
#include "LathVersion.h"
#include "runtime/Assemble.h"
#include "tools/lath/Commands.h"
#include "tools/lath/Gpus.h"
#include "tools/lath/Output.h"
#include "tools/lath/Words.h"

#include <nlohmann/json.hpp>

namespace lath::cli {

namespace {

using Json = nlohmann::ordered_json;

struct Findings {
  std::vector<ToolReport> tools;
  GpuList gpus;
  std::string assembler; ///< that kernels go through; empty: none
  std::string problem;   ///< why there is none
};

/// The rules of assemble(): a LATH_ variable that names something unusable
/// counts, even where another assembler is installed.
void judge(Findings &found) {
  const Toolchain &tools = toolchain();
  for (const ToolSearch *search : {&tools.nvJitLinkSearch, &tools.ptxas})
    if (found.problem.empty())
      found.problem = search->problem;
  if (!found.problem.empty())
    return;
  if (tools.nvJitLink)
    found.assembler = "nvJitLink";
  else if (tools.ptxas.found())
    found.assembler = "ptxas";
  else if (!found.gpus.gpus.empty())
    found.assembler = "the driver";
  else
    found.problem = "there is neither nvJitLink nor ptxas nor a GPU driver";
}

Findings examine() {
  Findings found;
  found.tools = inspectToolchain(environment()).tools;
  found.gpus = listGpus();
  judge(found);
  return found;
}

std::string gpuText(const DeviceInfo &gpu) {
  return fmt::format(
      "{}, compute capability {}.{}, {} SMs, {} L2, {}, {}", gpu.name,
      gpu.major, gpu.minor, gpu.smCount, bytesText(double(gpu.l2Bytes)),
      bytesText(double(gpu.memoryBytes)),
      gpu.target.empty() ? "no target for it" : "target " + gpu.target);
}

std::string asText(const Findings &found) {
  std::string text = row(
      "lath", fmt::format("{} (commit {}, build {}, LLVM {})", build::version,
                          build::commit, build::id, build::llvm));
  for (const ToolReport &tool : found.tools) {
    std::string what = tool.version;
    // Where a missing tool was looked for takes a screen; JSON has it.
    std::string problem =
        tool.problem.substr(0, tool.problem.find("; looked at"));
    for (const std::string &part : {tool.path, problem})
      if (!part.empty())
        what += (what.empty() ? "" : ", ") + part;
    text += wrappedRow(tool.name, what);
  }
  for (std::size_t i = 0; i < found.gpus.gpus.size(); ++i)
    text += wrappedRow(fmt::format("cuda:{}", i), gpuText(found.gpus.gpus[i]));
  if (found.gpus.gpus.empty())
    text += row("devices", "none");
  else if (!found.gpus.problem.empty())
    text += wrappedRow("", found.gpus.problem);
  std::vector<std::string_view> names;
  for (const Target &target : targets())
    names.push_back(target.name);
  text += row("targets", fmt::format("{}", fmt::join(names, ", ")));
  text += wrappedRow("assembles by", found.assembler.empty()
                                         ? "nothing: " + found.problem
                                         : found.assembler);
  return text;
}

Json textOrNull(const std::string &text) {
  return text.empty() ? Json() : Json(text);
}

std::string asJson(const Findings &found) {
  Json json = {{"schema", 1},
               {"lath",
                {{"version", std::string(build::version)},
                 {"commit", std::string(build::commit)},
                 {"build", std::string(build::id)},
                 {"llvm", std::string(build::llvm)}}},
               {"tools", Json::array()},
               {"devices", Json::array()},
               {"targets", Json::array()},
               {"assembler", textOrNull(found.assembler)},
               {"problem", textOrNull(found.problem)}};
  for (const ToolReport &tool : found.tools)
    json["tools"].push_back({{"name", tool.name},
                             {"path", textOrNull(tool.path)},
                             {"version", textOrNull(tool.version)},
                             {"problem", textOrNull(tool.problem)}});
  for (const DeviceInfo &gpu : found.gpus.gpus)
    json["devices"].push_back(
        {{"name", gpu.name},
         {"compute_capability", fmt::format("{}.{}", gpu.major, gpu.minor)},
         {"target", textOrNull(gpu.target)},
         {"sms", gpu.smCount},
         {"l2_bytes", gpu.l2Bytes},
         {"memory_bytes", gpu.memoryBytes}});
  for (const Target &target : targets())
    json["targets"].push_back(
        {{"name", target.name},
         {"sms", target.gpu().sms},
         {"shared_bytes_per_block", target.maxSharedBytes}});
  // A name in another encoding than UTF-8 must not cost the report.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

} // namespace

void doctor(const DoctorArguments &arguments) {
  bool json = wantsJson(arguments.format);
  Findings found = examine();
  writeResult(json ? asJson(found) : asText(found));
  if (found.assembler.empty())
    throw Error(ErrorKind::toolchain,
                "nothing here can assemble a kernel: " + found.problem);
}

} // namespace lath::cli
