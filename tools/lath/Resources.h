// What an assembled kernel takes of an SM, as reports say it.
#pragma once

#include "runtime/Assemble.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>

namespace lath::cli {

/// "40 a thread, no spills (ptxas)"; nothing: no assembler is installed.
inline std::string registersText(const std::optional<Cubin> &cubin) {
  if (!cubin)
    return "not known: no assembler is installed";
  const KernelResources &r = cubin->resources;
  std::string spills = "no spills";
  if (r.spillStores || r.spillLoads || r.localBytes)
    spills = fmt::format("{} B of local memory, spills {} B stored and {} B "
                         "loaded a thread",
                         r.localBytes, r.spillStores, r.spillLoads);
  return fmt::format("{} a thread, {} ({})", r.registers, spills,
                     cubin->assembler);
}

inline nlohmann::ordered_json registersJson(const std::optional<Cubin> &cubin) {
  if (!cubin)
    return nullptr;
  const KernelResources &r = cubin->resources;
  return {{"per_thread", r.registers},
          {"local_bytes", r.localBytes},
          {"spill_store_bytes", r.spillStores},
          {"spill_load_bytes", r.spillLoads},
          {"assembler", cubin->assembler}};
}

} // namespace lath::cli
