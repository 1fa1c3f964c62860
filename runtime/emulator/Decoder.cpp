#include "runtime/emulator/Decoder.h"
#include "runtime/emulator/ControlFlow.h"

#include <algorithm>
#include <bit>
#include <fmt/format.h>

namespace lath::emulator {

const char *name(Kind kind) {
  static constexpr const char *names[] = {
      "move",       "integer",   "logic",       "float",        "half",
      "convert",    "compare",   "control",     "ld.param",     "ld.global",
      "st.global",  "ld.shared", "st.shared",   "local",        "cp.async",
      "async wait", "bulk copy", "atomic",      "barrier",      "mbarrier",
      "fence",      "warp-wide", "matrix load", "matrix store", "mma",
      "wgmma",      "other"};
  static_assert(std::size(names) == kindCount);
  return names[static_cast<unsigned>(kind)];
}

Decoding::Decoding(Program &program, const Statement &statement,
                   std::map<std::uint64_t, int> &constants)
    : program_(program), statement_(statement), constants_(constants),
      taken_(statement.name.size(), false) {
  taken_[0] = true;
  i.guard = statement.guard;
  i.guardNegated = statement.guardNegated;
}

void nothing(Warp &, const Instruction &, std::uint32_t) {}

bool Decoding::isOneOf(std::initializer_list<std::string_view> names) const {
  return std::find(names.begin(), names.end(), base()) != names.end();
}

bool Decoding::has(std::string_view modifier) const {
  for (std::size_t n = 1; n < taken_.size(); ++n)
    if (!taken_[n] && statement_.name[n] == modifier)
      return true;
  return false;
}

bool Decoding::take(std::string_view modifier) {
  for (std::size_t n = 1; n < taken_.size(); ++n)
    if (!taken_[n] && statement_.name[n] == modifier) {
      taken_[n] = true;
      return true;
    }
  return false;
}

std::optional<std::size_t>
Decoding::takeOneOf(std::initializer_list<std::string_view> names) {
  for (std::size_t n = 0; n < names.size(); ++n)
    if (take(names.begin()[n]))
      return n;
  return std::nullopt;
}

Type Decoding::takeType() {
  for (std::size_t n = 1; n < taken_.size(); ++n)
    if (Type type = typeNamed(statement_.name[n]);
        !taken_[n] && type != Type::none) {
      taken_[n] = true;
      return type;
    }
  return Type::none;
}

void Decoding::takeAll() { std::fill(taken_.begin(), taken_.end(), true); }

void Decoding::takeHints() {
  for (std::size_t n = 1; n < taken_.size(); ++n) {
    const std::string &part = statement_.name[n];
    if (part.starts_with("L1::") || part.starts_with("L2::") || part == "ca" ||
        part == "cg" || part == "cs" || part == "lu" || part == "cv" ||
        part == "wb" || part == "wt" || part == "nc" || part == "cta" ||
        part == "gpu" || part == "sys" || part == "unified")
      taken_[n] = true;
  }
}

Order Decoding::takeOrder() {
  if (take("acq_rel"))
    return Order::acqRel;
  if (take("acquire"))
    return Order::acquire;
  if (take("release"))
    return Order::release;
  if (take("relaxed") || take("volatile"))
    return Order::relaxed;
  take("weak");
  return Order::weak;
}

Space Decoding::takeSpace(Space without) {
  if (take("global"))
    return Space::global;
  if (take("shared::cluster"))
    return Space::cluster;
  if (take("shared") || take("shared::cta"))
    return Space::shared;
  if (take("local"))
    return Space::local;
  if (take("param") || take("param::entry"))
    return Space::param;
  return without;
}

const Operand &Decoding::operand(std::size_t n) const {
  if (n >= statement_.operands.size())
    malformed(fmt::format("expected more than {} operands", n));
  return statement_.operands[n];
}

int Decoding::constantSlot(std::uint64_t bits) {
  auto [found, added] =
      constants_.try_emplace(bits, static_cast<int>(program_.constants.size()));
  if (added) {
    Lanes lanes;
    std::fill(std::begin(lanes.v), std::end(lanes.v), bits);
    program_.constants.push_back(lanes);
  }
  return static_cast<int>(program_.module.registers.size()) + found->second;
}

std::uint64_t Decoding::symbolAddress(const Operand &operand) const {
  const Module &m = program_.module;
  auto offset = static_cast<std::uint64_t>(operand.offset);
  if (operand.name == m.dynamicShared)
    return program_.dynamicSharedOffset + offset;
  for (const Variable &v : m.shared)
    if (v.name == operand.name)
      return sharedBase + v.offset + offset;
  for (const Variable &v : m.local)
    if (v.name == operand.name)
      return v.offset + offset;
  for (const Variable &v : m.params)
    if (v.name == operand.name)
      return v.offset + offset;
  for (const Variable &v : m.globals)
    if (v.name == operand.name)
      return m.globalBase + v.offset + offset;
  malformed(fmt::format("'{}' is not declared", operand.name));
}

void Decoding::output(const Operand &operand) {
  if (operand.kind == Operand::Kind::vector ||
      operand.kind == Operand::Kind::pair) {
    for (const Operand &element : operand.elements)
      output(element);
  } else if (operand.kind == Operand::Kind::slot) {
    outs_.push_back(operand.slot);
  } else if (operand.kind == Operand::Kind::sink) {
    outs_.push_back(-1);
  } else {
    malformed("expected a register to write");
  }
}

void Decoding::input(const Operand &operand, Type type) {
  switch (operand.kind) {
  case Operand::Kind::vector:
    for (const Operand &element : operand.elements)
      input(element, type);
    return;
  case Operand::Kind::slot:
    if (operand.negated)
      malformed("'!' is not allowed here");
    ins_.push_back(operand.slot);
    return;
  case Operand::Kind::immediate: {
    std::uint64_t bits = operand.bits;
    if (operand.decimal && type == Type::f32)
      bits = std::bit_cast<std::uint32_t>(
          static_cast<float>(std::bit_cast<double>(bits)));
    else if (operand.single && type == Type::f64)
      bits = std::bit_cast<std::uint64_t>(static_cast<double>(
          std::bit_cast<float>(static_cast<std::uint32_t>(bits))));
    unsigned bytes = type == Type::none ? 8 : sizeOf(type);
    if (bytes < 8)
      bits &= (1ull << 8 * bytes) - 1;
    constant(bits);
    return;
  }
  case Operand::Kind::symbol:
    constant(symbolAddress(operand));
    return;
  default:
    malformed("expected a register or a constant to read");
  }
}

void Decoding::outputs(std::initializer_list<std::size_t> operands) {
  for (std::size_t n : operands)
    output(operand(n));
}

void Decoding::inputs(std::initializer_list<std::size_t> operands, Type type) {
  for (std::size_t n : operands)
    input(operand(n), type);
}

void Decoding::address(const Operand &operand) {
  if (operand.kind != Operand::Kind::address)
    malformed("expected an address in brackets");
  Operand base = operand.elements[0];
  i.offset = base.offset;
  base.offset = 0;
  if (base.kind == Operand::Kind::immediate) {
    i.offset = 0;
    base.bits += static_cast<std::uint64_t>(operand.offset);
  }
  input(base);
}

void Decoding::constant(std::uint64_t bits) {
  ins_.push_back(constantSlot(bits));
}

std::uint64_t Decoding::widthMask(const Operand &operand) const {
  const Operand &first =
      operand.kind == Operand::Kind::vector ? operand.elements.at(0) : operand;
  if (first.kind != Operand::Kind::slot)
    return ~0ull;
  unsigned bytes =
      sizeOf(program_.module.registers[static_cast<std::size_t>(first.slot)]);
  return bytes >= 8 ? ~0ull : (1ull << 8 * bytes) - 1;
}

std::uint64_t Decoding::immediate(const Operand &operand) const {
  if (operand.kind != Operand::Kind::immediate)
    malformed("expected an integer constant");
  return operand.bits;
}

Instruction Decoding::finish() {
  for (std::size_t n = 0; n < taken_.size(); ++n)
    if (!taken_[n])
      unsupported(fmt::format("'.{}'", statement_.name[n]));
  i.outs = static_cast<std::uint32_t>(outs_.size());
  i.ins = static_cast<std::uint32_t>(ins_.size());
  i.operands = static_cast<std::uint32_t>(program_.slots.size());
  program_.slots.insert(program_.slots.end(), outs_.begin(), outs_.end());
  program_.slots.insert(program_.slots.end(), ins_.begin(), ins_.end());
  return i;
}

void Decoding::unsupported(std::string_view why) const {
  throw Error(
      ErrorKind::unsupported,
      fmt::format("the emulator does not know this instruction{}{}: PTX "
                  "line {}: {};",
                  why.empty() ? "" : ", ", why, statement_.line,
                  statement_.text));
}

void Decoding::malformed(std::string_view why) const {
  throw Error(ErrorKind::compile,
              fmt::format("PTX line {}: {}: {};", statement_.line, why,
                          statement_.text));
}

namespace {

constexpr bool (*families[])(Decoding &) = {
    decodeControl,  decodeMove,         decodeInteger,   decodeBitField,
    decodeLogic,    decodeCompare,      decodeFloat,     decodeConvert,
    decodeCall,     decodeMemory,       decodeAtomic,    decodeMbarrier,
    decodeBulkCopy, decodeTensorCopy,   decodeAsyncCopy, decodeBarrier,
    decodeWarpWide, decodeMatrixMemory, decodeByteMma,   decodeMma,
    decodeWgmma,    decodeCluster,
};

} // namespace

namespace {

/// What .maxnreg says, or what the threads of .minnctapersm blocks leave each
/// of them of an SM's 65536 registers.
unsigned registersAtEntry(const Module &m) {
  if (m.maxRegisters || !m.minBlocksPerSm)
    return m.maxRegisters;
  const unsigned (&size)[3] =
      m.requiredThreads[0] ? m.requiredThreads : m.maxThreads;
  unsigned threads = size[0] * size[1] * size[2];
  return threads ? std::min(65536 / (threads * m.minBlocksPerSm) / 8 * 8, 255u)
                 : 0;
}

} // namespace

std::shared_ptr<const Program> decode(Module parsed) {
  auto program = std::make_shared<Program>();
  program->module = std::move(parsed);
  const Module &m = program->module;
  // The dynamic array follows the static ones; its alignment is at most what
  // swizzled tiles ask for.
  program->dynamicSharedOffset =
      (sharedBase + static_cast<std::uint32_t>(m.staticShared) + 1023) / 1024 *
      1024;
  if (m.staticShared == 0)
    program->dynamicSharedOffset = sharedBase;
  program->registersAtEntry = registersAtEntry(m);
  program->usesClusters =
      m.clusterSize[0] * m.clusterSize[1] * m.clusterSize[2] > 1;
  std::map<std::uint64_t, int> constants;
  for (std::size_t n = 0; n < m.statements.size(); ++n) {
    Decoding d(*program, m.statements[n], constants);
    bool known = false;
    for (auto family : families)
      if ((known = family(d)))
        break;
    if (!known)
      d.unsupported();
    d.i.statement = static_cast<std::uint32_t>(n);
    program->code.push_back(d.finish());
    const Instruction &i = program->code.back();
    if (d.isOneOf({"ld", "st"}) && i.kind != Kind::parameterLoad &&
        sizeOf(i.type) * i.width == 1)
      program->granuleBytes = 1;
    program->usesMatrixUnits |= d.is("wgmma");
    const auto &words = m.statements[n].name;
    program->waitsForGrids |=
        words.size() > 1 && words[0] == "griddepcontrol" && words[1] == "wait";
  }
  resolveBranches(*program);
  return program;
}

} // namespace lath::emulator
