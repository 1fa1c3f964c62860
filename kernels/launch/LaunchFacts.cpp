#include "kernels/launch/LaunchFacts.h"

#include "compiler/base/Bytes.h"

namespace lath {

// A new field of Ptx has to be written and read here, and `version` raised.
static_assert(sizeof(Ptx) == 3 * sizeof(std::string) + 4 * sizeof(unsigned) +
                                 sizeof(std::vector<KernelParam>) +
                                 sizeof(std::vector<TensorFacts>) + 24);
static_assert(sizeof(KernelParam) == sizeof(std::string) + 16);
static_assert(sizeof(TensorFacts) == 4 * sizeof(std::uint32_t) +
                                         sizeof(std::vector<LaunchNumber>) +
                                         sizeof(std::vector<std::uint32_t>));
// 2 had no types of parameters, 3 no promises about them and no tensor maps.
static constexpr std::uint8_t version = 4;

static void write(ByteWriter &out, const TensorFacts &tensor) {
  out.number(tensor.param);
  out.number(tensor.elementBytes);
  out.number(tensor.swizzleBits);
  out.number(static_cast<std::uint32_t>(tensor.extents.size()));
  for (std::size_t d = 0; d < tensor.extents.size(); ++d) {
    out.number(tensor.extents[d].constant);
    out.number(static_cast<std::uint32_t>(tensor.extents[d].scalar));
    out.number(tensor.box[d]);
  }
}

/// Of a kernel that has these parameters.
template <typename Fail>
static TensorFacts readTensor(ByteReader &in, const Ptx &ptx,
                              const Fail &fail) {
  TensorFacts tensor;
  auto refers = [&](std::uint32_t param, KernelParam::Kind kind) {
    if (param >= ptx.params.size() || ptx.params[param].kind != kind)
      fail("has a tensor map of parameter " + std::to_string(param));
  };
  tensor.param = in.number<std::uint32_t>();
  refers(tensor.param, KernelParam::Kind::view);
  tensor.elementBytes = in.number<std::uint32_t>();
  tensor.swizzleBits = in.number<std::uint32_t>();
  const auto rank = in.number<std::uint32_t>();
  if (rank < 1 || rank > 5 || tensor.swizzleBits > 3 ||
      tensor.elementBytes < 1 || tensor.elementBytes > 8)
    fail("has a tensor map of rank " + std::to_string(rank) + ", elements of " +
         std::to_string(tensor.elementBytes) + " bytes and swizzle " +
         std::to_string(tensor.swizzleBits));
  for (std::uint32_t d = 0; d < rank; ++d) {
    LaunchNumber extent;
    extent.constant = in.number<std::uint64_t>();
    extent.scalar = static_cast<std::int32_t>(in.number<std::uint32_t>());
    if (extent.scalar >= 0)
      refers(static_cast<std::uint32_t>(extent.scalar),
             KernelParam::Kind::scalar);
    tensor.extents.push_back(extent);
    tensor.box.push_back(in.number<std::uint32_t>());
  }
  return tensor;
}

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
  out.number(std::uint8_t(ptx.persistent));
  for (const TensorFacts &tensor : ptx.tensorMaps)
    write(out, tensor);
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
    if (kind > unsigned(KernelParam::Kind::gridY))
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
  for (std::size_t i = ptx.arguments(); i < ptx.params.size(); ++i)
    if (ptx.params[i].kind < KernelParam::Kind::tensorMap)
      fail("has a parameter of the caller behind those that a launch makes");
  ptx.persistent = in.number<std::uint8_t>();
  for (const KernelParam &param : ptx.params)
    if (param.kind == KernelParam::Kind::tensorMap)
      ptx.tensorMaps.push_back(readTensor(in, ptx, fail));
  ptx.text = in.text();
  if (!in.atEnd())
    fail("goes on behind its end");
  return ptx;
}

} // namespace lath
