// What the tuner and its worker say to each other: CBOR of JSON values, each
// behind its length (8 bytes, host order).
#pragma once

#include "kernels/launch/LaunchFacts.h"
#include "kernels/tune/TuneMeasure.h"

#include <nlohmann/json.hpp>

namespace lath::tuning {

using Json = nlohmann::json;

/// Bytes as CBOR has them.
inline Json binary(std::string_view bytes) {
  return Json::binary({bytes.begin(), bytes.end()});
}

inline Json toJson(const TuneCandidate &candidate) {
  return {{"id", candidate.id},
          {"spec", print(candidate.gemm.spec)},
          {"schedule", print(candidate.gemm.schedule)},
          {"ptx", binary(launchFacts(candidate.gemm.ptx, true))},
          {"cubin", binary({candidate.cubin.data(), candidate.cubin.size()})}};
}

inline TuneCandidate candidateFromJson(const Json &json) {
  TuneCandidate candidate;
  json.at("id").get_to(candidate.id);
  candidate.gemm.spec = parseGemmSpec(json.at("spec").get<std::string>());
  candidate.gemm.schedule =
      parseSchedule(json.at("schedule").get<std::string>());
  const auto &facts = json.at("ptx").get_binary();
  candidate.gemm.ptx = parseLaunchFacts(
      {reinterpret_cast<const char *>(facts.data()), facts.size()},
      "the code of a candidate");
  const auto &code = json.at("cubin").get_binary();
  candidate.cubin.assign(code.begin(), code.end());
  return candidate;
}

inline Json toJson(const DeviceInfo &info) {
  const auto &[name, target, major, minor, sms, l2, memory, driver,
               driverText] = info;
  return {name, target, major, minor, sms, l2, memory, driver, driverText};
}

inline DeviceInfo deviceFromJson(const Json &json) {
  DeviceInfo info;
  auto &[name, target, major, minor, sms, l2, memory, driver, driverText] =
      info;
  json.at(0).get_to(name);
  json.at(1).get_to(target);
  json.at(2).get_to(major);
  json.at(3).get_to(minor);
  json.at(4).get_to(sms);
  json.at(5).get_to(l2);
  json.at(6).get_to(memory);
  json.at(7).get_to(driver);
  json.at(8).get_to(driverText);
  return info;
}

inline Json toJson(const DeviceProbe &probe) {
  const auto &[dram, l2, tensor, launch] = probe;
  return {dram, l2, tensor, launch};
}

inline DeviceProbe probeFromJson(const Json &json) {
  DeviceProbe probe;
  auto &[dram, l2, tensor, launch] = probe;
  json.at(0).get_to(dram);
  json.at(1).get_to(l2);
  json.at(2).get_to(tensor);
  json.at(3).get_to(launch);
  return probe;
}

} // namespace lath::tuning
