#include "kernels/engine/Engine.h"

#include "LathVersion.h"
#include "kernels/engine/EngineImpl.h"
#include "kernels/gemm/DequantGemm.h"
#include "kernels/launch/LaunchFacts.h"
#include "runtime/CudaDevice.h"
#include "runtime/EmulatedDevice.h"
#include "runtime/cache/Checksum.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>
#include <utility>

namespace lath {

std::string_view name(KernelSource source) {
  switch (source) {
  case KernelSource::memory:
    return "memory";
  case KernelSource::pack:
    return "pack";
  case KernelSource::disk:
    return "disk";
  case KernelSource::compiled:
    return "compiled";
  }
  return "?";
}

static std::shared_ptr<Device> notNull(std::shared_ptr<Device> device) {
  if (!device)
    throw Error(ErrorKind::invalidInput, "an Engine needs a device, got null",
                {"openCuda and openEmulator return one"});
  return device;
}

Engine::Impl::Impl(std::shared_ptr<Device> on, const EngineOptions &options)
    : device(notNull(std::move(on))),
      target(targetForDevice(device->info().major, device->info().minor)),
      policy(options.policy), threads(options.threads),
      pool(std::make_shared<WorkspacePool>(device)),
      kernels(options.memoryBytes), programs(options.memoryBytes),
      tuned(std::make_shared<const TunedSchedules>(device->info())) {
  if (!options.disk)
    return;
  if (options.cache)
    cache.emplace(*options.cache);
  else if (device->takesMachineCode() && device->assembler())
    cache.emplace(cubinCacheOptions(environment()));
}

Engine::Engine(std::shared_ptr<Device> device, const EngineOptions &options)
    : impl_(std::make_shared<Impl>(std::move(device), options)) {}

static std::shared_ptr<Device> anyDevice() {
  // A driver that is named but broken is an error, not a reason to emulate.
  if (cudaDeviceCount() > 0 || !environment().cudaDriver.empty())
    return openCuda();
  return openEmulator();
}

Engine::Engine(const EngineOptions &options) : Engine(anyDevice(), options) {}
Engine::~Engine() = default;
Engine::Engine(Engine &&) noexcept = default;
Engine &Engine::operator=(Engine &&) noexcept = default;

const std::shared_ptr<Device> &Engine::device() const { return impl_->device; }
const Target &Engine::target() const { return impl_->target; }
Policy Engine::policy() const { return impl_->policy; }
void Engine::setPolicy(Policy policy) {
  impl_->policy = policy;
  if (policy != Policy::cachedOnly)
    impl_->dropStandIns();
}
Schedule Engine::scheduleFor(const GemmSpec &spec) const {
  return impl_->unpacked(spec);
}

EngineStats Engine::stats() const {
  EngineStats stats;
  stats.entries = impl_->kernels.size() + impl_->programs.size();
  stats.bytes = impl_->kernels.bytes() + impl_->programs.bytes();
  stats.dropped = impl_->kernels.dropped() + impl_->programs.dropped();
  stats.compiled = impl_->compiled;
  stats.fromDisk = impl_->fromDisk;
  stats.fromPacks = impl_->fromPacks;
  return stats;
}

std::shared_ptr<const TunedSchedules> Engine::Impl::tunedNow() {
  std::lock_guard lock(mutex);
  return tuned;
}

void Engine::Impl::warnOnce(const TunedSchedules &known) {
  const std::string why = known.problem();
  if (why.empty())
    return;
  std::lock_guard lock(mutex);
  if (!std::exchange(warned, true))
    std::fputs(
        fmt::format("lath: warning: tuned schedules are left out: {}\n", why)
            .c_str(),
        stderr);
}

Schedule Engine::Impl::unpacked(const GemmSpec &spec) {
  const auto known = tunedNow();
  ScheduleChoice choice = chooseTuned(spec, target, *known);
  warnOnce(*known);
  return choice.schedule;
}

/// A miss in a capture, or under `cachedOnly`.
static Error notPrepared(std::string_view what, std::string why,
                         const Kernel &nearest) {
  std::vector<std::string> notes;
  if (nearest)
    notes.push_back(fmt::format("Engine::nearest finds {}, {}",
                                print(nearest.spec()),
                                print(nearest.schedule())));
  else
    notes.push_back("Engine::prepare makes kernels ahead");
  return Error(ErrorKind::notPrepared, fmt::format("{}: {}", what, why),
               std::move(notes));
}

LoadedCode Engine::Impl::once(const std::string &key,
                              const std::function<LoadedCode()> &build) {
  auto [code, made] = flights.run(
      key,
      [&]() -> std::optional<LoadedCode> {
        auto found = codes.find(key);
        if (found == codes.end())
          return std::nullopt;
        auto loaded = found->second.loaded.lock();
        if (!loaded)
          return std::nullopt;
        return LoadedCode{std::move(loaded), found->second.bytes};
      },
      build,
      [&](const LoadedCode &code) {
        std::erase_if(codes, [](const auto &entry) {
          return entry.second.loaded.expired();
        });
        codes[key] = {code.loaded, code.bytes};
      });
  if (!made)
    code.source = KernelSource::memory;
  return code;
}

LoadedCode Engine::Impl::loadCode(const Ptx &ptx, std::string_view cubin,
                                  KernelSource source) {
  LoadedCode code;
  code.loaded = device->loadAssembled(ptx, {cubin.data(), cubin.size()});
  code.bytes = cubin.size() + ptx.text.size() + sizeof(KernelState);
  code.source = source;
  ++(source == KernelSource::pack   ? fromPacks
     : source == KernelSource::disk ? fromDisk
                                    : compiled);
  return code;
}

LoadedCode
Engine::Impl::fromDiskOrCompiled(CubinKey key, std::string_view what,
                                 const std::function<Kernel()> &nearest,
                                 const std::function<Ptx()> &compileIt) {
  auto load = [&](const CubinEntry &entry, KernelSource source) {
    return loadCode(
        parseLaunchFacts(entry.facts, fmt::format("cached kernel {}", what)),
        {entry.cubin.data(), entry.cubin.size()}, source);
  };
  auto mayCompile = [&](const std::string &notOnDisk) {
    if (policy == Policy::cachedOnly)
      throw notPrepared(
          what,
          "no kernel is prepared, and the engine may not compile" + notOnDisk,
          nearest());
  };
  const std::optional<std::string> assembler = device->assembler();
  if (!cache || !assembler) {
    mayCompile("");
    Ptx ptx = compileIt();
    std::vector<char> cubin = device->assemble(ptx);
    return loadCode(ptx, {cubin.data(), cubin.size()}, KernelSource::compiled);
  }
  key.target = device->info().target;
  key.ptx =
      fmt::format("{}.{}", target.ptxVersion / 10, target.ptxVersion % 10);
  key.llvm = build::llvm;
  key.assembler = *assembler;
  key.build = build::id;
  if (policy == Policy::cachedOnly) {
    CubinLookup found = cache->find(key);
    if (!found)
      mayCompile(fmt::format("; on disk: {}", found.why));
    return load(*found.entry, KernelSource::disk);
  }
  CubinResult result = cache->findOrBuild(key, [&] {
    Ptx ptx = compileIt();
    CubinEntry entry;
    entry.key = key;
    entry.entry = ptx.entry;
    entry.cubin = device->assemble(ptx);
    entry.facts = launchFacts(ptx, true);
    // The text is for people where there is machine code.
    constexpr std::size_t mostFacts = 1 << 20;
    if (entry.facts.size() > mostFacts && !entry.cubin.empty())
      entry.facts = launchFacts(ptx, false);
    return entry;
  });
  return load(*result.entry, result.origin == CubinOrigin::built
                                 ? KernelSource::compiled
                                 : KernelSource::disk);
}

LoadedCode Engine::Impl::buildGemm(const GemmSpec &spec,
                                   const Schedule &schedule) {
  const GemmSpec code = codeSpec(spec, schedule);
  const std::string key = codeKey(spec, schedule);
  for (const auto &pack : packsNow())
    for (const PackEntry &entry : pack->entries())
      if (entry.target == device->info().target &&
          codeKey(entry.spec, entry.schedule) == key)
        return loadCode(parseLaunchFacts(entry.facts, pack->path()),
                        entry.cubin, KernelSource::pack);
  CubinKey disk;
  disk.spec = print(code);
  disk.schedule = print(schedule);
  return fromDiskOrCompiled(
      std::move(disk), print(spec), [&] { return nearest(spec); },
      [&] { return compileGemm(code, schedule, target).ptx; });
}

std::vector<std::shared_ptr<const Pack>> Engine::Impl::packsNow() {
  std::lock_guard lock(mutex);
  return packs;
}

Schedule Engine::Impl::chosen(const KernelKey &key) {
  if (key.schedule)
    return *key.schedule;
  const DeviceInfo &here = device->info();
  std::optional<Schedule> founded, any; // the first of the packs' that is
  for (const auto &pack : packsNow())
    for (const PackEntry &entry : pack->entries()) {
      if (founded || entry.target != here.target ||
          KernelKey(entry.spec, std::nullopt) != key ||
          !serves(entry.spec, entry.schedule, entry.spec))
        continue;
      if (entry.chosenBy == here.name || entry.chosenBy == chosenByCaller)
        founded = entry.schedule;
      else if (!any)
        any = entry.schedule;
    }
  if (!founded && !any)
    return unpacked(key.spec);
  // The model, which searches, is not asked where a pack has the kernel.
  const auto known = tunedNow();
  std::optional<ScheduleChoice> measured = known->find(key.spec, target);
  warnOnce(*known);
  if (measured && (!founded || measured->basis == ScheduleBasis::measured))
    return measured->schedule;
  return founded ? *founded : *any;
}

std::optional<PackEntry> Engine::Impl::servedByPack(const GemmSpec &spec) {
  std::optional<PackEntry> best;
  for (const auto &pack : packsNow())
    if (const PackEntry *entry = pack->find(spec, device->info().target);
        entry && (!best || entry->spec.m < best->spec.m))
      best = *entry;
  return best;
}

void Engine::Impl::dropStandIns() {
  std::unordered_set<KernelKey, KernelKeyHash> keys;
  {
    std::lock_guard lock(mutex);
    keys.swap(standIns);
  }
  if (!keys.empty())
    kernels.eraseIf([&](const KernelKey &key) { return keys.contains(key); });
}

std::shared_ptr<const KernelState> Engine::Impl::make(const KernelKey &key,
                                                      KernelSource &source) {
  validate(key.spec);
  const std::uint64_t tuned = tunings;
  GemmSpec spec = key.spec;
  Schedule schedule = chosen(key);
  validate(schedule);
  validate(schedule, spec, target);
  auto build = [&] {
    return once(codeKey(spec, schedule),
                [&] { return buildGemm(spec, schedule); });
  };
  LoadedCode code;
  try {
    code = build();
  } catch (const Error &error) {
    if (error.kind() != ErrorKind::notPrepared || key.schedule)
      throw;
    std::optional<PackEntry> entry = servedByPack(key.spec);
    if (!entry)
      throw;
    spec = entry->spec;
    schedule = entry->schedule;
    code = build();
    std::lock_guard lock(mutex);
    standIns.insert(key);
  }
  source = code.source;
  auto state = kernels.insert(key,
                              std::make_shared<const KernelState>(
                                  device, spec, schedule, code.loaded, pool),
                              code.bytes);
  // Chosen before a tuning that ended meanwhile: the next request asks again.
  if (!key.schedule && tuned != tunings)
    kernels.eraseIf([&](const KernelKey &other) { return other == key; });
  if (policy != Policy::cachedOnly)
    dropStandIns();
  return state;
}

Kernel Engine::gemm(const GemmSpec &spec,
                    const std::optional<Schedule> &schedule) {
  const KernelKey key(spec, schedule);
  auto state = impl_->kernels.find(key);
  if (!state) {
    // A load would be an illegal call in a capture on this or another thread.
    if (impl_->device->capturing(nullptr))
      throw notPrepared(print(spec),
                        "a stream is being captured, and the kernel is not in "
                        "memory",
                        nearest(spec));
    KernelSource source;
    state = impl_->make(key, source);
  }
  return {std::move(state), spec.m};
}

Kernel Engine::gemmOn(Stream stream, const GemmSpec &spec,
                      const std::optional<Schedule> &schedule) {
  const KernelKey key(spec, schedule);
  auto state = impl_->kernels.find(key);
  if (!state) {
    if (impl_->device->capturing(stream))
      throw notPrepared(
          print(spec),
          "the stream is being captured, and the kernel is not in memory",
          nearest(spec));
    KernelSource source;
    state = impl_->make(key, source);
  }
  if (!state->needs.none())
    impl_->pool->at(stream, state->needs);
  return {std::move(state), spec.m};
}

Kernel Engine::Impl::nearest(const GemmSpec &spec) const {
  // Of equal rows that of the wanted split, then that by a schedule which was
  // chosen, not named.
  using Rank = std::tuple<std::int64_t, bool, bool>;
  std::shared_ptr<const KernelState> best;
  Rank bestRank;
  kernels.forEach([&](const KernelKey &key,
                      const std::shared_ptr<const KernelState> &state) {
    if (!serves(state->spec, state->schedule, spec))
      return;
    Rank rank(state->spec.m, spec.split && state->schedule.split != spec.split,
              key.schedule.has_value());
    if (!best || rank < bestRank) {
      best = state;
      bestRank = rank;
    }
  });
  return best ? Kernel(best, spec.m) : Kernel();
}

Kernel Engine::nearest(const GemmSpec &spec) const {
  validate(spec);
  return impl_->nearest(spec);
}

void Engine::prepareStream(Stream stream) { impl_->pool->prepare(stream); }

void Engine::addPack(std::shared_ptr<const Pack> pack) {
  if (!pack)
    throw Error(ErrorKind::invalidInput, "addPack needs a pack, got null");
  const std::string &target = impl_->device->info().target;
  auto targets = pack->targets();
  if (std::find(targets.begin(), targets.end(), target) == targets.end())
    throw Error(ErrorKind::unsupported,
                fmt::format("{} has no kernels for {}, {}", pack->path(),
                            impl_->device->info().name, target),
                {fmt::format("it has some for {}", fmt::join(targets, ", "))});
  std::lock_guard lock(impl_->mutex);
  impl_->packs.push_back(std::move(pack));
}

std::shared_ptr<const LoadedKernel> Engine::load(Program &program,
                                                 CompileOptions options) {
  options.target = &impl_->target;
  std::string key = print(options) + "|" + program.print();
  if (auto found = impl_->programs.find(key))
    return found->loaded;
  if (impl_->device->capturing(nullptr))
    throw notPrepared("program " + program.name(),
                      "a stream is being captured, and the kernel is not in "
                      "memory",
                      Kernel());
  LoadedCode code = impl_->once(key, [&] {
    CubinKey disk;
    disk.spec = "program " + program.name();
    disk.program = checksum({key});
    return impl_->fromDiskOrCompiled(
        std::move(disk), "program " + program.name(), [] { return Kernel(); },
        [&] { return compile(program, options).ptx; });
  });
  return impl_->programs
      .insert(key, std::make_shared<const LoadedCode>(code), code.bytes)
      ->loaded;
}

} // namespace lath
