// The registers that the machine fills: %tid, %ctaid, %lanemask_lt, ...
#include "runtime/emulator/Machine.h"

#include <fmt/format.h>

namespace lath::emulator {

void Warp::fillSpecials(const Block &owner) {
  const Module &m = program->module;
  auto fill = [&](int slot, auto value) {
    defined[static_cast<std::size_t>(slot)] = allLanes;
    for (unsigned lane = 0; lane < warpSize; ++lane)
      registers[static_cast<std::size_t>(slot)].v[lane] = value(lane);
  };
  auto axis = [](const std::string &text) {
    return static_cast<std::size_t>(text.back() == 'y'   ? 1
                                    : text.back() == 'z' ? 2
                                                         : 0);
  };
  const auto &size = launch->block;
  for (const SpecialRegister &s : m.specials) {
    std::size_t d = axis(s.name);
    auto same = [&](std::uint64_t value) {
      fill(s.slot, [&](unsigned) { return value; });
    };
    auto is = [&](std::string_view prefix) {
      return s.name.starts_with(prefix);
    };
    const auto &c = launch->cluster;
    if (is("%tid"))
      fill(s.slot, [&](unsigned lane) -> std::uint64_t {
        unsigned t = thread(lane);
        return d == 0   ? t % size[0]
               : d == 1 ? t / size[0] % size[1]
                        : t / size[0] / size[1];
      });
    else if (is("%ntid"))
      same(size[d]);
    else if (is("%ctaid"))
      same(owner.index[d]);
    else if (is("%nctaid"))
      same(launch->grid[d]);
    else if (is("%laneid"))
      fill(s.slot, [&](unsigned lane) { return lane; });
    else if (is("%warpid"))
      same(index);
    else if (is("%nwarpid"))
      same((size[0] * size[1] * size[2] + warpSize - 1) / warpSize);
    else if (is("%smid") || is("%gridid"))
      same(0);
    else if (is("%nsmid"))
      same(1);
    else if (is("%lanemask_eq"))
      fill(s.slot, [&](unsigned lane) { return 1u << lane; });
    else if (is("%lanemask_lt"))
      fill(s.slot, [&](unsigned lane) { return (1u << lane) - 1; });
    else if (is("%lanemask_le"))
      fill(s.slot, [&](unsigned lane) { return (2ull << lane) - 1; });
    else if (is("%lanemask_gt"))
      fill(s.slot,
           [&](unsigned lane) { return allLanes & ~((2ull << lane) - 1); });
    else if (is("%lanemask_ge"))
      fill(s.slot,
           [&](unsigned lane) { return allLanes & ~((1u << lane) - 1); });
    else if (is("%cluster_ctaid"))
      same(owner.index[d] % c[d]);
    else if (is("%cluster_nctaid"))
      same(c[d]);
    else if (is("%cluster_ctarank"))
      same(owner.rank);
    else if (is("%cluster_nctarank"))
      same(c[0] * c[1] * c[2]);
    else if (is("%clusterid"))
      same(owner.index[d] / c[d]);
    else if (is("%nclusterid"))
      same(launch->grid[d] / c[d]);
    else if (is("%is_explicit_cluster"))
      same(program->usesClusters);
    else if (is("%dynamic_smem_size"))
      same(launch->dynamicShared);
    else if (is("%total_smem_size"))
      same(launch->dynamicShared + m.staticShared);
    else if (is("%clock") || is("%globaltimer"))
      same(0);
    else
      throw Error(
          ErrorKind::unsupported,
          fmt::format("the emulator does not know the register {}", s.name));
  }
}

} // namespace lath::emulator
