// The emulator's counters as JSON, for `lath run` and `lath-verify profile`.
#pragma once

#include "runtime/emulator/Counters.h"

#include <nlohmann/json.hpp>

namespace lath {

inline nlohmann::ordered_json asJson(const LaunchCounters &c) {
  using Json = nlohmann::ordered_json;
  Json json = {{"blocks", c.blocks},
               {"warps", c.warps},
               {"instructions", c.instructions},
               {"by_kind", c.byKind},
               {"atomics", c.atomics},
               {"barriers", c.barriers},
               {"stages_in_flight", c.stagesInFlight},
               {"bytes_in_flight", c.bytesInFlight},
               {"accesses", Json::array()},
               {"buffers", Json::array()}};
  for (const AccessCounters &a : c.accesses)
    json["accesses"].push_back({{"line", a.line},
                                {"kind", a.kind},
                                {"statement", a.statement},
                                {"executed", a.executed},
                                {"bytes", a.bytes},
                                {"sectors", a.sectors},
                                {"ideal_sectors", a.idealSectors},
                                {"wavefronts", a.wavefronts},
                                {"ideal_wavefronts", a.idealWavefronts}});
  for (const BufferCounters &b : c.buffers)
    json["buffers"].push_back({{"name", b.name},
                               {"bytes_read", b.bytesRead},
                               {"bytes_written", b.bytesWritten},
                               {"sectors_read", b.sectorsRead},
                               {"sectors_written", b.sectorsWritten},
                               {"atomics", b.atomics}});
  return json;
}

} // namespace lath
