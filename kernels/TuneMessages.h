// What the tuner and its worker say to each other: CBOR of JSON values, each
// behind its length (8 bytes, host order).
#pragma once

#include "kernels/TuneMeasure.h"

#include <nlohmann/json.hpp>

namespace lath::tuning {

using Json = nlohmann::json;

inline Json toJson(const Ptx &ptx) {
  // A new member does not compile here before it is sent as well.
  const auto &[text, entry, target, threads, sharedBytes, clusterBlocks,
               dependent, params, workspace, usesTickets, accumulates] = ptx;
  Json list = Json::array();
  for (const KernelParam &param : params)
    list.push_back({static_cast<int>(param.kind), param.name});
  return {text,      entry,       target,      threads,       sharedBytes, list,
          workspace, usesTickets, accumulates, clusterBlocks, dependent};
}

inline Ptx ptxFromJson(const Json &json) {
  Ptx ptx;
  auto &[text, entry, target, threads, sharedBytes, clusterBlocks, dependent,
         params, workspace, usesTickets, accumulates] = ptx;
  json.at(0).get_to(text);
  json.at(1).get_to(entry);
  json.at(2).get_to(target);
  json.at(3).get_to(threads);
  json.at(4).get_to(sharedBytes);
  for (const Json &param : json.at(5))
    params.push_back({static_cast<KernelParam::Kind>(param.at(0).get<int>()),
                      param.at(1).get<std::string>()});
  json.at(6).get_to(workspace);
  json.at(7).get_to(usesTickets);
  json.at(8).get_to(accumulates);
  json.at(9).get_to(clusterBlocks);
  json.at(10).get_to(dependent);
  return ptx;
}

inline Json toJson(const TuneCandidate &candidate) {
  std::vector<std::uint8_t> code(candidate.cubin.begin(),
                                 candidate.cubin.end());
  return {{"id", candidate.id},
          {"spec", print(candidate.gemm.spec)},
          {"schedule", print(candidate.gemm.schedule)},
          {"ptx", toJson(candidate.gemm.ptx)},
          {"cubin", Json::binary(std::move(code))}};
}

inline TuneCandidate candidateFromJson(const Json &json) {
  TuneCandidate candidate;
  json.at("id").get_to(candidate.id);
  candidate.gemm.spec = parseGemmSpec(json.at("spec").get<std::string>());
  candidate.gemm.schedule =
      parseSchedule(json.at("schedule").get<std::string>());
  candidate.gemm.ptx = ptxFromJson(json.at("ptx"));
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

} // namespace lath::tuning
