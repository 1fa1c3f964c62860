// Launching.
#include "kernels/launch/Kernel.h"

#include "kernels/gemm/GemmGrid.h"
#include "kernels/launch/KernelState.h"

#include <fmt/format.h>

#include <algorithm>

namespace lath {

/// A launch keeps its arguments on the stack. What the operands and scalars of
/// a GEMM and its scratch memory take at most.
static constexpr std::size_t maxParams =
    gemmOperands.size() + gemmScalars.size() + 2;

/// "m of i32"
static std::string scalarNames() {
  std::string names;
  for (const GemmScalar &scalar : gemmScalars)
    names += fmt::format("{}{} of {}", names.empty() ? "" : ", ", scalar.name,
                         name(scalar.type));
  return names;
}

/// What a launch of `spec` binds a parameter of the kernel `entry` to.
static KernelBinding bindingOf(const KernelParam &param, const GemmSpec &spec,
                               const std::string &entry) {
  auto fail = [&](const std::string &why) {
    throw Error(ErrorKind::unsupported,
                fmt::format("kernel {} of {}: {}", entry, print(spec), why));
  };
  switch (param.kind) {
  case KernelParam::Kind::view:
    if (const GemmOperand *operand = findOperand(param.name);
        operand && operand->has(spec)) {
      if (Dtype type = operand->shape(spec).type; type != param.type)
        fail(fmt::format("its array '{}' is of {}; expected {}", param.name,
                         name(param.type), name(type)));
      return {param.kind, operand->argument};
    }
    fail(fmt::format("no argument is its array '{}' of {}; there are {}",
                     param.name, name(param.type), operandNames(spec)));
    break;
  case KernelParam::Kind::scalar:
    for (const GemmScalar &scalar : gemmScalars)
      if (scalar.name == param.name && scalar.type == param.type)
        return {param.kind, nullptr, scalar.bits};
    fail(fmt::format("no argument is its scalar '{}' of {}; there is {}",
                     param.name, name(param.type), scalarNames()));
    break;
  default: // scratch
    break;
  }
  return {param.kind};
}

/// Throws Error{unsupported} where a kernel lacks an array of the spec, or a
/// scalar: it would compute something else.
static void checkComplete(const Ptx &ptx, const GemmSpec &spec) {
  auto need = [&](KernelParam::Kind kind, std::string_view what,
                  std::string_view name, const std::string &all) {
    auto isIt = [&](const KernelParam &param) {
      return param.kind == kind && param.name == name;
    };
    if (std::none_of(ptx.params.begin(), ptx.params.end(), isIt))
      throw Error(ErrorKind::unsupported,
                  fmt::format("kernel {} of {}: it has no {} '{}'; expected {}",
                              ptx.entry, print(spec), what, name, all));
  };
  for (const GemmOperand &operand : gemmOperands)
    if (operand.has(spec))
      need(KernelParam::Kind::view, "array", operand.name, operandNames(spec));
  for (const GemmScalar &scalar : gemmScalars)
    need(KernelParam::Kind::scalar, "scalar", scalar.name, scalarNames());
}

static WorkspaceSize workspaceOf(const KernelState &s, std::int64_t m) {
  const Ptx &ptx = s.loaded->ptx();
  auto grid = gemmGrid(s.spec, s.schedule, m);
  std::size_t tiles = std::size_t(grid[0]) * grid[1];
  WorkspaceSize size;
  size.tickets = ptx.usesTickets ? 4 * tiles : 0;
  size.workspace = tiles * ptx.workspaceBytesPerTile;
  size.zeroed = size.workspace && s.schedule.reduce == Reduce::atomic;
  return size;
}

KernelState::KernelState(std::shared_ptr<Device> on, const GemmSpec &what,
                         const Schedule &how,
                         std::shared_ptr<const LoadedKernel> kernel,
                         std::shared_ptr<WorkspacePool> scratch)
    : device(std::move(on)), spec(what), schedule(how),
      loaded(std::move(kernel)), pool(std::move(scratch)) {
  // Of a kernel that this version made it cannot be.
  const std::size_t count = loaded->ptx().arguments();
  if (count > maxParams)
    throw Error(ErrorKind::unsupported,
                fmt::format("{} has {} parameters; a GEMM has at most {}",
                            loaded->ptx().entry, count, maxParams));
  for (std::size_t i = 0; i < count; ++i)
    bindings.push_back(
        bindingOf(loaded->ptx().params[i], spec, loaded->ptx().entry));
  checkComplete(loaded->ptx(), spec);
  WorkspaceSize size = workspaceOf(*this, spec.m);
  needs.tickets = size.tickets;
  (size.zeroed ? needs.zeroed : needs.dirty) = size.workspace;
  pool->require(needs);
}

void Kernel::throwEmpty() {
  throw Error(ErrorKind::invalidInput,
              "this Kernel is empty: Engine::gemm returns kernels");
}

const GemmSpec &Kernel::spec() const { return state().spec; }
const Schedule &Kernel::schedule() const { return state().schedule; }
const Ptx &Kernel::ptx() const { return state().loaded->ptx(); }
const LoadedKernel &Kernel::loaded() const { return *state().loaded; }

std::array<unsigned, 3> Kernel::grid(std::int64_t m) const {
  return gemmGrid(spec(), schedule(), m);
}

std::int64_t Kernel::rowsOf(std::optional<std::int64_t> m) const {
  const GemmSpec &spec = state().spec;
  const std::int64_t rows = m.value_or(rows_);
  if (rows < 0 || rows > spec.m)
    throw Error(ErrorKind::invalidInput,
                fmt::format("launch of {}: m = {} is not in 0..{}", print(spec),
                            rows, spec.m));
  return rows;
}

WorkspaceSize Kernel::workspace(std::optional<std::int64_t> m) const {
  return workspaceOf(state(), rowsOf(m));
}

/// The caller's scratch memory, checked. What launch does when all is well must
/// not touch the heap; this does not either.
static void checkWorkspace(const KernelState &s, const GemmArguments &a,
                           std::int64_t m) {
  WorkspaceSize size = workspaceOf(s, m);
  auto check = [&](const char *name, DevicePtr memory, std::size_t given,
                   std::size_t needed) {
    if (!needed)
      return;
    if (!memory || memory % 16)
      throw Error(
          ErrorKind::invalidInput,
          fmt::format("launch of {}: {} is {:#x}; expected a device pointer "
                      "aligned to 16 bytes",
                      print(s.spec), name, memory),
          {"give both workspace and tickets, or neither"});
    if (given < needed)
      throw Error(ErrorKind::invalidInput,
                  fmt::format("launch of {}: {} has {} bytes; m = {} needs {}",
                              print(s.spec), name, given, m, needed));
  };
  check("workspace", a.workspace, a.workspaceBytes, size.workspace);
  check("tickets", a.tickets, a.ticketBytes, size.tickets);
}

void Kernel::launch(Stream stream, const GemmArguments &a) const {
  const KernelState &s = state();
  const Ptx &ptx = s.loaded->ptx();
  const std::int64_t m = rowsOf(a.m);
  if (m == 0)
    return;
  DevicePtr workspace = a.workspace, tickets = a.tickets;
  if (!s.needs.none()) {
    if (workspace || tickets) {
      checkWorkspace(s, a, m);
    } else {
      const WorkspaceArena &arena = s.pool->at(stream, s.needs);
      workspace = s.needs.zeroed ? arena.zeroed : arena.dirty;
      tickets = arena.tickets;
    }
  }
  std::array<std::uint64_t, maxParams> values;
  std::size_t count = 0;
  for (const KernelBinding &binding : s.bindings) {
    std::uint64_t value = 0;
    switch (binding.kind) {
    case KernelParam::Kind::scalar:
      values[count++] = binding.scalar(s.spec, m);
      continue;
    case KernelParam::Kind::workspace:
      values[count++] = workspace;
      continue;
    case KernelParam::Kind::tickets:
      values[count++] = tickets;
      continue;
    default: // views; what the launch makes itself has no binding
      value = a.*binding.argument;
      break;
    }
    if (!value || value % 16)
      throw Error(
          ErrorKind::invalidInput,
          fmt::format("launch of {}: {} is {:#x}; expected a device pointer "
                      "aligned to 16 bytes",
                      print(s.spec), ptx.params[count].name, value));
    values[count++] = value;
  }
  LaunchConfig config;
  config.grid = gemmGrid(s.spec, s.schedule, m);
  config.dependent = ptx.dependent;
  if (ptx.accumulatesIntoOutput)
    s.device->fill(a.out, 0, static_cast<std::size_t>(2 * m * s.spec.n),
                   stream);
  s.loaded->launch(stream, config, {values.data(), count});
}

} // namespace lath
