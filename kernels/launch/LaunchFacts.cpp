#include "kernels/launch/LaunchFacts.h"

#include "compiler/base/Bytes.h"

namespace lath {

// A new field of Ptx has to be written and read here, and `version` raised.
static_assert(sizeof(Ptx) == 3 * sizeof(std::string) + 4 * sizeof(unsigned) +
                                 sizeof(std::vector<KernelParam>) + 16);
static_assert(sizeof(KernelParam) == sizeof(std::string) + 16);
// 2 had no types of parameters, 3 no promises about them.
static constexpr std::uint8_t version = 4;

std::string launchFacts(const Ptx &ptx, bool withText) {
  ByteWriter out;
  out.number(version);
  out.text(ptx.entry);
  out.text(ptx.target);
  out.number(std::uint32_t(ptx.threads));
  out.number(std::uint32_t(ptx.sharedBytes));
  out.number(std::uint64_t(ptx.workspaceBytesPerTile));
  out.number(std::uint8_t(ptx.usesTickets));
  out.number(std::uint8_t(ptx.accumulatesIntoOutput));
  out.number(std::uint32_t(ptx.clusterBlocks));
  out.number(std::uint8_t(ptx.dependent));
  out.number(static_cast<std::uint32_t>(ptx.params.size()));
  for (const KernelParam &param : ptx.params) {
    out.number(static_cast<std::uint8_t>(param.kind));
    out.text(param.name);
    out.text(name(param.type));
    out.number(param.multipleOf);
  }
  out.text(withText ? std::string_view(ptx.text) : std::string_view());
  return out.take();
}

Ptx parseLaunchFacts(std::string_view bytes, std::string_view what) {
  ByteReader in(bytes, what);
  auto fail = [&](const std::string &why) {
    throw Error(ErrorKind::invalidInput, std::string(what) + " " + why);
  };
  if (unsigned found = in.number<std::uint8_t>(); found != version)
    fail("has version " + std::to_string(found) + "; expected " +
         std::to_string(version));
  Ptx ptx;
  ptx.entry = in.text();
  ptx.target = in.text();
  ptx.threads = in.number<std::uint32_t>();
  ptx.sharedBytes = in.number<std::uint32_t>();
  ptx.workspaceBytesPerTile = in.number<std::uint64_t>();
  ptx.usesTickets = in.number<std::uint8_t>();
  ptx.accumulatesIntoOutput = in.number<std::uint8_t>();
  ptx.clusterBlocks = in.number<std::uint32_t>();
  ptx.dependent = in.number<std::uint8_t>();
  // A vector grows with what is there, not with what a damaged count says.
  for (std::uint32_t left = in.number<std::uint32_t>(); left > 0; --left) {
    unsigned kind = in.number<std::uint8_t>();
    if (kind > unsigned(KernelParam::Kind::tickets))
      fail("has a parameter of kind " + std::to_string(kind));
    std::string name(in.text()), type(in.text());
    std::optional<Dtype> known = parseDtype(type);
    if (!known)
      fail("has a parameter of type '" + type + "'");
    const std::uint32_t multipleOf = in.number<std::uint32_t>();
    if (!multipleOf)
      fail("has a parameter that is a multiple of 0");
    ptx.params.push_back(
        {KernelParam::Kind(kind), std::move(name), *known, multipleOf});
  }
  ptx.text = in.text();
  if (!in.atEnd())
    fail("goes on behind its end");
  return ptx;
}

} // namespace lath
