#include "kernels/CostModel.h"

#include "compiler/Error.h"
#include "kernels/DequantGemm.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <utility>

namespace lath {

namespace {

struct Field {
  const char *name;
  double DeviceConstants::*member;
};
constexpr Field fields[] = {
    {"dram", &DeviceConstants::dram},
    {"l2", &DeviceConstants::l2},
    {"sm_rate", &DeviceConstants::smRate},
    {"latency", &DeviceConstants::latency},
    {"clock", &DeviceConstants::clock},
    {"launch", &DeviceConstants::launch},
    {"ramp", &DeviceConstants::ramp},
    {"fragment", &DeviceConstants::fragment},
    {"packed", &DeviceConstants::packed},
    {"streamed", &DeviceConstants::streamed},
    {"columns", &DeviceConstants::columns},
    {"scale_sums", &DeviceConstants::scaleSums},
    {"scale_weights", &DeviceConstants::scaleWeights},
    {"step", &DeviceConstants::step},
    {"copy", &DeviceConstants::copy},
    {"warps", &DeviceConstants::warps},
    {"overlap", &DeviceConstants::overlap},
    {"k_warps", &DeviceConstants::kWarps},
    {"k_warp_tile", &DeviceConstants::kWarpTile},
    {"split", &DeviceConstants::split},
    {"split_depth", &DeviceConstants::splitDepth},
    {"split_bytes", &DeviceConstants::splitBytes},
    {"cluster", &DeviceConstants::cluster},
    {"wave", &DeviceConstants::wave},
    {"prologue", &DeviceConstants::prologue},
    {"registers_fixed", &DeviceConstants::registersFixed},
    {"registers_per_sum", &DeviceConstants::registersPerSum},
};

double blocksThatFit(const GemmSpec &spec, const Schedule &s,
                     const Target &target, const DeviceConstants &c) {
  double sums = double(s.blockM) * s.blockN * s.kWarps / (32.0 * s.warps);
  // Weights on their way wait in registers too.
  double words = s.weights == WeightPath::registers
                     ? double(s.blockN) * s.blockK / (8 * 32.0 * s.warps)
                     : 0;
  double registers =
      std::min(255.0, c.registersFixed + c.registersPerSum * sums + words);
  double threads = 32.0 * (s.warps + s.producers);
  double fit = std::min(
      {std::floor(double(target.sharedBytesPerSm) /
                  double(sharedBytes(s, spec) + 1024)),
       std::floor(target.threadsPerSm / threads),
       std::floor(target.registersPerSm / (registers * threads)), 32.0});
  return std::max(1.0, fit);
}

} // namespace

DeviceConstants deviceConstants(const Target &target, unsigned sms) {
  DeviceConstants c;
  c.origin = "fitted to sweeps on an H200";
  if (sms && sms != c.sms) {
    c.origin += fmt::format(", scaled to {} SMs", sms);
    double share = double(sms) / c.sms;
    c.l2 *= share;
    c.smRate *= share;
    c.sms = sms;
  }
  // GB/s of the common part; data sheets.
  auto memory = [&](double sheet) { c.dram = 0.9 * sheet; };
  if (target.capability == 80)
    memory(2.0);
  else if (target.capability == 86)
    memory(0.94);
  else if (target.capability == 89)
    memory(0.96);
  else if (target.capability == 100)
    memory(7.7);
  else if (target.capability == 120)
    memory(1.8);
  return c;
}

std::string toJson(const DeviceConstants &constants) {
  nlohmann::ordered_json json = {{"origin", constants.origin},
                                 {"sms", constants.sms}};
  for (const Field &field : fields)
    json[field.name] = constants.*field.member;
  return json.dump(-1, ' ', false,
                   nlohmann::ordered_json::error_handler_t::replace);
}

DeviceConstants constantsFromJson(std::string_view text) {
  try {
    auto json = nlohmann::json::parse(text);
    DeviceConstants c;
    c.origin = json.at("origin").get<std::string>();
    c.sms = json.at("sms").get<unsigned>();
    for (const Field &field : fields) {
      double value = json.at(field.name).get<double>();
      if (!(value > 0) || !std::isfinite(value))
        throw Error(ErrorKind::invalidInput,
                    fmt::format("{} = {} is not positive", field.name, value));
      c.*field.member = value;
    }
    if (c.sms == 0)
      throw Error(ErrorKind::invalidInput, "sms = 0 is not positive");
    return c;
  } catch (const nlohmann::json::exception &error) {
    throw Error(ErrorKind::invalidInput,
                fmt::format("no constants of a device: {}", error.what()));
  }
}

std::vector<double DeviceConstants::*> fittedConstants() {
  std::vector<double DeviceConstants::*> members;
  for (const Field &field : fields)
    if (field.member != &DeviceConstants::dram)
      members.push_back(field.member);
  return members;
}

Cost estimate(const GemmSpec &spec, const Schedule &s, const Target &target,
              const DeviceConstants &c, unsigned blocksPerSm) {
  auto ceilDiv = [](double a, double b) { return std::ceil(a / b); };
  const double sms = c.sms;
  const double tiles =
      ceilDiv(double(spec.n), s.blockN) * ceilDiv(double(spec.m), s.blockM);
  const double blocks = tiles * s.split;
  const double fit =
      blocksPerSm ? blocksPerSm : blocksThatFit(spec, s, target, c);
  // The busiest SM has this many blocks, of which so many at once.
  const double perSm = ceilDiv(blocks, sms);
  const double together = std::min(perSm, fit);
  const double steps =
      ceilDiv(ceilDiv(double(spec.k), s.blockK), s.split); // of one block
  const double stagedSteps = std::min<double>(s.stages - 1, steps);
  // A stream through registers is one K step ahead, whatever the stages.
  const bool streams = s.weights == WeightPath::registers;
  const double inFlightSteps = streams ? 1 : stagedSteps;

  const double zeros = spec.zeros == Zeros::symmetric ? 0 : 0.5;
  const double scaleShare = 2 * (2 + zeros) / double(spec.group);
  const double stepBytes = double(s.blockK) * s.blockN / 2 * (1 + scaleShare);
  const double weights = double(spec.n) * double(spec.k) / 2 * (1 + scaleShare);
  const double rows = double(std::min<std::int64_t>(spec.m, s.blockM));

  Cost cost;
  // Bytes over TB/s, in µs.
  const double busiest = perSm * steps * stepBytes;
  cost.memory =
      std::max({weights / (c.dram * 1e6),
                busiest * c.latency / (together * inFlightSteps * stepBytes),
                busiest * sms / (c.smRate * 1e6)});
  cost.l2 =
      perSm * sms * steps * (stepBytes + 2 * rows * s.blockK) / (c.l2 * 1e6);

  // Clocks of a sub-partition of the busiest SM.
  const double columns = s.blockM / 8.0;
  const double fragments =
      perSm * steps * (s.blockK / 16.0) * (s.blockN / 16.0) / 4;
  const double unpacking =
      c.fragment * (spec.layout == WeightLayout::packed ? c.packed : 1) *
      (streams ? c.streamed : 1);
  const double perFragment =
      unpacking + c.columns * columns +
      (s.scales == ScalePlacement::sums ? c.scaleSums * columns
                                        : c.scaleWeights);
  const double copies = double(s.blockM) * s.blockK / (s.warps * 32.0 * 8);
  const double clocks =
      fragments * perFragment +
      perSm * steps * (s.warps / 4.0) * (c.step + c.copy * copies);
  const double busy = std::min(1.0, together * s.warps / c.warps);
  cost.issue = clocks / busy / (c.clock * 1e3);

  cost.fixed = c.launch + c.ramp +
               c.prologue *
                   (inFlightSteps * stepBytes +
                    stagedSteps * 2.0 * s.blockM * s.blockK) *
                   together / 1e5;
  if (s.kWarps > 1)
    cost.reduction +=
        c.kWarps + c.kWarpTile * std::log2(s.kWarps) *
                       (double(s.blockM) * s.blockN / (s.warps * 32.0)) / 16;
  if (s.reduce == Reduce::cluster)
    // One exchange between shared memories, by a hand-written kernel's times:
    // 0.66, 1.0 and 1.4 us for clusters of 2, 4 and 8.
    cost.reduction += c.cluster * (0.45 + 0.55 * std::log2(s.split));
  else if (s.split > 1)
    cost.reduction += c.split + c.splitDepth * std::log2(s.split) +
                      c.splitBytes * 4.0 * s.blockM * s.blockN * s.split / 1e5;
  cost.waves = c.wave * (ceilDiv(blocks, fit * sms) - 1);

  // Memory, L2 and arithmetic overlap, but not fully.
  const double p = c.overlap;
  const double body = std::pow(std::pow(cost.memory, p) + std::pow(cost.l2, p) +
                                   std::pow(cost.issue, p),
                               1 / p);
  cost.total = body + cost.fixed + cost.reduction + cost.waves;
  const std::pair<double, std::string_view> parts[] = {
      {cost.memory, "memory"},       {cost.l2, "L2"},
      {cost.issue, "issue"},         {cost.fixed, "fixed costs"},
      {cost.reduction, "reduction"}, {cost.waves, "waves"}};
  cost.bound = std::max_element(std::begin(parts), std::end(parts))->second;
  return cost;
}

} // namespace lath
