// `lath explain`: the schedule with its reasons, and what it costs.
#include "compiler/base/Occupancy.h"
#include "kernels/choose/ScheduleChoice.h"
#include "kernels/choose/ScheduleSpace.h"
#include "kernels/gemm/CompileGemm.h"
#include "kernels/gemm/DequantGemm.h"
#include "runtime/Assemble.h"
#include "runtime/Toolchain.h"
#include "tools/lath/Candidates.h"
#include "tools/lath/Commands.h"
#include "tools/lath/Gpus.h"
#include "tools/lath/Output.h"
#include "tools/lath/ProgramReader.h"
#include "tools/lath/Resources.h"
#include "tools/lath/SpecReader.h"
#include "tools/lath/Traffic.h"
#include "tools/lath/Words.h"

#include <nlohmann/json.hpp>

namespace lath::cli {

namespace {

using Json = nlohmann::ordered_json;

/// All that is known of one kernel without running it.
struct Explanation {
  GemmSpec spec;
  TargetChoice target;
  Schedule schedule;
  std::vector<std::string> reasons; ///< empty: the schedule was given
  Ptx ptx;
  std::array<unsigned, 3> grid;
  std::optional<Cubin> cubin; ///< nothing: no assembler is installed
  Occupancy occupancy;
  Traffic traffic;
  std::vector<CandidateLine> candidates;

  unsigned blocks() const { return grid[0] * grid[1] * grid[2]; }
  unsigned sharedBytes() const {
    return ptx.sharedBytes + (cubin ? cubin->resources.staticShared : 0);
  }
  /// Rounds in which the device works through the grid.
  double waves() const {
    return double(blocks()) / (double(occupancy.blocks) * target.sms());
  }
};

Explanation examine(const Request &request, const TargetChoice &target) {
  Explanation e;
  e.spec = request.spec;
  e.target = target;
  const auto tuned = tunedFor(target);
  if (request.schedule) {
    e.schedule = *request.schedule;
  } else {
    ScheduleChoice choice = chooseFor(e.spec, target, tuned.get());
    e.schedule = choice.schedule;
    e.reasons = choice.reasons;
  }
  e.ptx = compileGemm(e.spec, e.schedule, *target.target).ptx;
  e.grid = gemmGrid(e.spec, e.schedule, e.spec.m);
  e.cubin = assembleIfPossible(e.ptx, toolchain());
  e.occupancy =
      occupancy(*target.target, e.ptx.threads,
                e.cubin ? e.cubin->resources.registers : 0, e.sharedBytes());
  e.traffic = traffic(e.spec, e.schedule,
                      static_cast<std::int64_t>(e.ptx.workspaceBytesPerTile) *
                          e.grid[0] * e.grid[1]);
  e.candidates = candidateLines(e.spec, e.schedule, target, tuned.get());
  return e;
}

std::string clusterText(const Explanation &e) {
  std::string text =
      fmt::format("{} blocks, which add their sums through each other's shared "
                  "memory",
                  e.ptx.clusterBlocks);
  // A cluster runs inside one GPC, whose SMs a cluster of one block an SM
  // rarely divides: 120 of 132 SMs were at work on an H200.
  if (e.ptx.clusterBlocks > 2 && e.occupancy.blocks == 1)
    text += "; with one block an SM, clusters above 2 leave some SMs idle";
  return text;
}

std::string occupancyText(const Explanation &e) {
  if (e.occupancy.blocks == 0)
    return fmt::format("none: one block needs more {} than an SM has",
                       e.occupancy.limit);
  return fmt::format(
      "{} {} an SM ({} of {} warps), limited by {}", e.occupancy.blocks,
      e.occupancy.blocks == 1 ? "block" : "blocks", e.occupancy.warps,
      e.occupancy.maxWarps, e.occupancy.limit);
}

std::string asText(const Explanation &e) {
  const Traffic &t = e.traffic;
  std::string text;
  text += row("spec", print(e.spec));
  text += row("target",
              fmt::format("{}, {} SMs", e.target.target->name, e.target.sms()));
  text += row("schedule", print(e.schedule));
  if (e.reasons.empty())
    text += row("", "as given");
  for (const std::string &reason : e.reasons)
    text += wrappedRow("", reason);
  text += row("grid",
              fmt::format("{} x {} x {} = {} blocks of {} threads", e.grid[0],
                          e.grid[1], e.grid[2], e.blocks(), e.ptx.threads));
  if (e.ptx.clusterBlocks > 1)
    text += wrappedRow("cluster", clusterText(e));
  if (e.ptx.dependent)
    text +=
        row("launch", "dependent: reads weights before the launch ahead ends");
  text += row("registers", registersText(e.cubin));
  text +=
      row("shared", fmt::format("{} B a block, at most {} B", e.sharedBytes(),
                                e.target.target->maxSharedBytes));
  text += row("occupancy", occupancyText(e));
  if (e.occupancy.blocks)
    text += row("waves", fmt::format("{:.2f} of {} SMs x {} blocks", e.waves(),
                                     e.target.sms(), e.occupancy.blocks));
  auto bytes = [&](std::string_view what, std::int64_t count) {
    std::string line = fmt::format("{:>12} B", count);
    if (count >= 1000)
      line += fmt::format("  {}", bytesText(double(count)));
    text += row(what, line);
  };
  text += row("memory", "bytes that one launch moves, each tensor once");
  bytes("  weights", t.weights);
  bytes("  scales", t.scales);
  bytes("  zeros", t.zeros);
  bytes("  activations", t.activations);
  bytes("  output", t.output);
  if (t.epilogue)
    bytes("  epilogue", t.epilogue);
  bytes("  total", t.total());
  bytes("workspace", t.workspace);
  bytes("reduction", t.reduction);
  text += row("intensity", fmt::format("{:.1f} operations a byte of the total",
                                       t.intensity()));
  text += asText(e.candidates);
  return text;
}

std::string asJson(const Explanation &e) {
  const Traffic &t = e.traffic;
  Json json = {{"schema", 1},
               {"spec", print(e.spec)},
               {"target", e.target.target->name},
               {"sms", e.target.sms()},
               {"schedule", print(e.schedule)},
               {"reasons", e.reasons},
               {"grid", e.grid},
               {"blocks", e.blocks()},
               {"threads", e.ptx.threads},
               {"cluster_blocks", e.ptx.clusterBlocks},
               {"dependent", e.ptx.dependent},
               {"registers", registersJson(e.cubin)},
               {"shared_bytes", e.sharedBytes()},
               {"occupancy",
                {{"blocks_per_sm", e.occupancy.blocks},
                 {"warps_per_sm", e.occupancy.warps},
                 {"max_warps_per_sm", e.occupancy.maxWarps},
                 {"limit", e.occupancy.limit},
                 {"waves", e.occupancy.blocks ? Json(e.waves()) : Json()}}},
               {"bytes",
                {{"weights", t.weights},
                 {"scales", t.scales},
                 {"zeros", t.zeros},
                 {"activations", t.activations},
                 {"output", t.output},
                 {"epilogue", t.epilogue},
                 {"total", t.total()},
                 {"workspace", t.workspace},
                 {"reduction", t.reduction}}},
               {"operations", t.operations},
               {"intensity", t.intensity()},
               {"candidates", asJson(e.candidates)}};
  return json.dump(2) + "\n";
}

} // namespace

void explain(const ExplainArguments &arguments) {
  if (wantsProgram(arguments.program, arguments.spec))
    return explainProgram(arguments);
  bool json = wantsJson(arguments.format);
  Request request = readRequest(arguments.spec, arguments.schedule);
  TargetChoice target = chooseTarget(arguments.target);
  if (arguments.gpu)
    nameGpu(target, *arguments.gpu);
  Explanation explanation = examine(request, target);
  writeResult(json ? asJson(explanation) : asText(explanation));
}

} // namespace lath::cli
