// Calls of vprintf, the one function that kernels call, and the parameters that
// are stored for them, which are registers here.
#include "runtime/emulator/AddressSpaces.h"
#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/MemoryAccess.h"

#include <bit>
#include <fmt/format.h>

namespace lath::emulator {

namespace {

void copyParameter(Warp &w, const Instruction &i, std::uint32_t mask) {
  std::uint64_t *to = w.out(i, 0);
  const std::uint64_t *from = w.in(i, 0);
  eachLane(mask, [&](unsigned lane) { to[lane] = from[lane]; });
}

/// Reads what a lane's generic addresses name.
class Reader {
public:
  Reader(Warp &w, const Instruction &i, unsigned lane)
      : w(w), i(i), lane(lane) {}

  std::uint64_t at(std::uint64_t address, unsigned bytes) const {
    std::uint64_t value = 0;
    std::memcpy(&value, host(address, bytes), bytes);
    return value;
  }
  std::string text(std::uint64_t address) const {
    std::string result;
    while (char c = static_cast<char>(at(address++, 1)))
      result += c;
    return result;
  }

private:
  Warp &w;
  const Instruction &i;
  unsigned lane;

  const std::uint8_t *host(std::uint64_t address, unsigned bytes) const {
    if (spaceOf(address) == Space::global)
      return globalRange(w, i, lane, address, bytes, /*writes=*/false);
    const std::size_t size = w.program->module.localBytes;
    const std::uint64_t offset = address - localWindow;
    if (spaceOf(address) != Space::local || offset > size ||
        bytes > size - offset)
      w.fatal(Suspicion::outOfBounds, i, lane,
              fmt::format("vprintf reads {} bytes at {:#x}, which is in no "
                          "space",
                          bytes, address),
              address);
    return w.local.data() + lane * size + offset;
  }
};

/// What the lane prints: a format and arguments as C has them, of %d, %u,
/// %lld, %llu and %g.
std::string formatted(Warp &w, const Instruction &i, unsigned lane,
                      std::uint64_t format, std::uint64_t arguments) {
  Reader reader(w, i, lane);
  const std::string text = reader.text(format);
  auto argument = [&](unsigned bytes) {
    arguments = (arguments + bytes - 1) / bytes * bytes;
    std::uint64_t value = reader.at(arguments, bytes);
    arguments += bytes;
    return value;
  };
  std::string result;
  for (std::size_t n = 0; n < text.size();) {
    std::string_view rest = std::string_view(text).substr(n);
    auto is = [&](std::string_view conversion) {
      if (!rest.starts_with(conversion))
        return false;
      n += conversion.size();
      return true;
    };
    if (is("%%"))
      result += '%';
    else if (is("%d"))
      result += fmt::format("{}", static_cast<std::int32_t>(argument(4)));
    else if (is("%u"))
      result += fmt::format("{}", static_cast<std::uint32_t>(argument(4)));
    else if (is("%lld"))
      result += fmt::format("{}", static_cast<std::int64_t>(argument(8)));
    else if (is("%llu"))
      result += fmt::format("{}", argument(8));
    else if (is("%g"))
      result += fmt::format("{:g}", std::bit_cast<double>(argument(8)));
    else if (rest.starts_with("%"))
      w.fatal(Suspicion::undefined, i, lane,
              fmt::format("vprintf of '{}': the emulator knows %d, %u, %lld, "
                          "%llu, %g and %%",
                          rest));
    else
      result += text[n++];
  }
  return result;
}

/// The inputs are the format and the address of the arguments.
void print(Warp &w, const Instruction &i, std::uint32_t mask) {
  const std::uint64_t *format = w.in(i, 0), *arguments = w.in(i, 1);
  eachLane(mask, [&](unsigned lane) {
    std::string text = formatted(w, i, lane, format[lane], arguments[lane]);
    w.lastPrinted = text;
    w.launch->log->print(std::move(text));
    w.out(i, 0)[lane] = 0;
  });
}

/// A parameter of a call, by the name of its register.
bool ofCall(const Operand &address) {
  return address.kind == Operand::Kind::address &&
         address.elements[0].kind == Operand::Kind::slot;
}

} // namespace

bool decodeCall(Decoding &d) {
  if (d.is("call")) {
    d.take("uni");
    d.i.kind = Kind::control;
    if (d.operandCount() != 4 || d.operand(1).name != "vprintf")
      d.unsupported("of a function other than vprintf");
    d.i.run = print;
    d.outputs({0});
    d.inputs({2, 3});
    return true;
  }
  const bool stores = d.is("st");
  if ((!stores && !d.is("ld")) || !d.has("param") ||
      !ofCall(d.operand(stores ? 0 : 1)))
    return false;
  d.take("param");
  Type type = d.takeType();
  d.i.kind = Kind::move;
  d.i.validity = Validity::copies;
  d.i.run = copyParameter;
  if (stores) {
    d.output(d.operand(0).elements[0]);
    d.input(d.operand(1), type);
  } else {
    d.output(d.operand(0));
    d.input(d.operand(1).elements[0], type);
  }
  return true;
}

} // namespace lath::emulator
