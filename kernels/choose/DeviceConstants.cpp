// What the cost model knows of devices, and as JSON.
#include "compiler/base/Error.h"
#include "kernels/choose/CostModel.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

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
    {"tensor", &DeviceConstants::tensor},
    {"launch", &DeviceConstants::launch},
    {"warp_start", &DeviceConstants::warpStart},
    {"fragment", &DeviceConstants::fragment},
    {"packed", &DeviceConstants::packed},
    {"streamed", &DeviceConstants::streamed},
    {"narrow", &DeviceConstants::narrow},
    {"columns", &DeviceConstants::columns},
    {"streamed_columns", &DeviceConstants::streamedColumns},
    {"group_fragment", &DeviceConstants::groupFragment},
    {"group_columns", &DeviceConstants::groupColumns},
    {"row_reads", &DeviceConstants::rowReads},
    {"row_bytes", &DeviceConstants::rowBytes},
    {"scale_sums", &DeviceConstants::scaleSums},
    {"scale_weights", &DeviceConstants::scaleWeights},
    {"step", &DeviceConstants::step},
    {"bulk_step", &DeviceConstants::bulkStep},
    {"producer_step", &DeviceConstants::producerStep},
    {"producer_wait", &DeviceConstants::producerWait},
    {"step_wait", &DeviceConstants::stepWait},
    {"step_warp", &DeviceConstants::stepWarp},
    {"alone", &DeviceConstants::alone},
    {"overlap", &DeviceConstants::overlap},
    {"overlap_blocks", &DeviceConstants::overlapBlocks},
    {"fill", &DeviceConstants::fill},
    {"k_warp", &DeviceConstants::kWarp},
    {"k_warp_tile", &DeviceConstants::kWarpTile},
    {"split", &DeviceConstants::split},
    {"split_bytes", &DeviceConstants::splitBytes},
    {"cluster", &DeviceConstants::cluster},
    {"cluster_depth", &DeviceConstants::clusterDepth},
    {"cluster_bytes", &DeviceConstants::clusterBytes},
    {"wave", &DeviceConstants::wave},
    {"wave_block", &DeviceConstants::waveBlock},
    {"chain_gain", &DeviceConstants::chainGain},
    {"chain_early", &DeviceConstants::chainEarly},
    {"chain_half", &DeviceConstants::chainHalf},
    {"chain_end", &DeviceConstants::chainEnd},
    {"chain_crowd", &DeviceConstants::chainCrowd},
    {"chain_cost", &DeviceConstants::chainCost},
    {"registers_fixed", &DeviceConstants::registersFixed},
    {"registers_per_sum", &DeviceConstants::registersPerSum},
};

} // namespace

DeviceConstants deviceConstants(const Target &target, unsigned sms,
                                std::string_view gpu) {
  DeviceConstants c;
  c.origin = fmt::format("fitted on an H200 of {} SMs", c.sms);
  if (sms && sms != c.sms) {
    c.origin = fmt::format("fitted on an H200, scaled to {} SMs", sms);
    double share = double(sms) / c.sms;
    c.l2 *= share;
    c.smRate *= share;
    c.sms = sms;
  }
  // A plain read reaches some nine tenths of what the data sheet says.
  if (const Gpu &product = target.gpu(gpu); product.name != fittedGpu)
    c.dram = 0.9 * product.dram;
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
    const nlohmann::json &sms = json.at("sms");
    if (!sms.is_number_integer() || sms < 1 || sms > 65535)
      throw Error(ErrorKind::invalidInput,
                  fmt::format("sms = {} is not in 1..65535", sms.dump()));
    c.sms = sms.get<unsigned>();
    for (const Field &field : fields) {
      double value = json.at(field.name).get<double>();
      if (!(value > 0))
        throw Error(ErrorKind::invalidInput,
                    fmt::format("{} = {} is not positive", field.name, value));
      if (value < 1e-9 || value > 1e9)
        throw Error(
            ErrorKind::invalidInput,
            fmt::format("{} = {} is not in 1e-9..1e9", field.name, value));
      c.*field.member = value;
    }
    return c;
  } catch (const nlohmann::json::exception &error) {
    throw Error(ErrorKind::invalidInput,
                fmt::format("no constants of a device: {}", error.what()));
  }
}

std::vector<double DeviceConstants::*> fittedConstants() {
  std::vector<double DeviceConstants::*> members;
  for (const Field &field : fields)
    if (field.member != &DeviceConstants::dram &&
        field.member != &DeviceConstants::tensor)
      members.push_back(field.member);
  return members;
}

} // namespace lath
