#include "kernels/pack/PackWriter.h"

#include "LathVersion.h"
#include "compiler/base/Bytes.h"
#include "compiler/base/Parallel.h"
#include "kernels/choose/ScheduleChoice.h"
#include "kernels/gemm/CompileGemm.h"
#include "kernels/gemm/KernelKey.h"
#include "kernels/launch/LaunchFacts.h"
#include "kernels/pack/PackFormat.h"
#include "kernels/weights/PackedWeights.h"
#include "runtime/Assemble.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

namespace lath {

namespace {

/// One kernel for one target, several specs.
struct Code {
  GemmSpec spec;
  Schedule schedule;
  const Target *target;
  std::string facts;
  std::string cubin;
};

struct Wanted {
  GemmSpec spec;
  PackSchedule how;
  const Target *target;
  std::size_t code;
};

void compileOne(Code &code, bool withText) {
  CompiledGemm gemm = compileGemm(codeSpec(code.spec, code.schedule),
                                  code.schedule, *code.target);
  Cubin cubin = assemble(gemm.ptx);
  code.cubin.assign(cubin.bytes.begin(), cubin.bytes.end());
  code.facts = launchFacts(gemm.ptx, withText);
}

// Kernels in a pack multiply packed weights of one order.
static_assert(packedWeightsVersion == 2 && pack::version == 4,
              "another order of packed weights is another format of packs");

std::string assembleFile(const std::vector<Wanted> &wanted,
                         const std::vector<Code> &codes) {
  // Programs that differ may still become equal code.
  std::map<std::string_view, std::uint32_t> indexOf;
  std::vector<std::string_view> blobs;
  for (const Code &code : codes)
    for (std::string_view blob :
         {std::string_view(code.facts), std::string_view(code.cubin)})
      if (indexOf.try_emplace(blob, blobs.size()).second)
        blobs.push_back(blob);

  auto indexWith = [&](std::size_t codeStart) {
    ByteWriter index;
    index.text(build::version);
    index.number(static_cast<std::uint32_t>(blobs.size()));
    std::size_t at = codeStart;
    for (std::string_view blob : blobs) {
      index.number(std::uint64_t(at));
      index.number(std::uint64_t(blob.size()));
      at += (blob.size() + pack::codeAlignment - 1) / pack::codeAlignment *
            pack::codeAlignment;
    }
    index.number(static_cast<std::uint32_t>(wanted.size()));
    for (const Wanted &w : wanted) {
      index.text(print(w.spec));
      index.text(print(w.how.schedule));
      index.text(w.how.chosenBy);
      index.text(w.target->name);
      index.number(indexOf.at(codes[w.code].facts));
      index.number(indexOf.at(codes[w.code].cubin));
    }
    return index.take();
  };
  // Its size does not depend on where code starts.
  std::size_t codeStart =
      (pack::headBytes + indexWith(0).size() + pack::codeAlignment - 1) /
      pack::codeAlignment * pack::codeAlignment;
  std::string index = indexWith(codeStart);

  ByteWriter head;
  head.raw(pack::magic);
  head.number(pack::version);
  head.number(static_cast<std::uint32_t>(index.size()));
  std::string file = head.take();
  const std::size_t sizeAt = file.size();
  file.resize(pack::headBytes);
  file += index;
  file.resize(codeStart);
  for (std::string_view blob : blobs) {
    file += blob;
    file.resize((file.size() + pack::codeAlignment - 1) / pack::codeAlignment *
                pack::codeAlignment);
  }
  std::uint64_t bytes = file.size();
  std::memcpy(file.data() + sizeAt, &bytes, sizeof bytes);
  auto sum = pack::checksum(file);
  std::copy(sum.begin(), sum.end(), file.begin() + pack::checksumAt);
  return file;
}

} // namespace

std::string makePack(std::span<const GemmSpec> specs,
                     const PackOptions &options) {
  if (specs.empty() || options.targets.empty())
    throw Error(ErrorKind::invalidInput,
                std::string("a pack needs at least one ") +
                    (specs.empty() ? "spec" : "target"));
  std::vector<Wanted> wanted;
  std::vector<Code> codes;
  std::map<std::pair<const Target *, std::string>, std::size_t> codeOf;
  for (const Target *target : options.targets) {
    std::vector<KernelKey> seen;
    for (const GemmSpec &spec : specs) {
      validate(spec);
      KernelKey key(spec, std::nullopt);
      if (std::find(seen.begin(), seen.end(), key) != seen.end())
        continue;
      seen.push_back(key);
      PackSchedule how =
          options.schedule
              ? options.schedule(key.spec, *target)
              : PackSchedule(chooseSchedule(key.spec, *target).schedule,
                             chosenByModel);
      auto [at, isNew] = codeOf.try_emplace(
          {target, codeKey(key.spec, how.schedule)}, codes.size());
      if (isNew)
        codes.push_back({key.spec, how.schedule, target, {}, {}});
      wanted.push_back({key.spec, std::move(how), target, at->second});
    }
  }
  std::mutex mutex;
  std::size_t done = 0;
  auto compileAll = [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t at = begin; at < end; ++at) {
      Code &code = codes[static_cast<std::size_t>(at)];
      compileOne(code, options.withText);
      std::lock_guard lock(mutex);
      ++done;
      if (options.progress)
        options.progress(done, codes.size(), code.spec, *code.target);
    }
  };
  parallelFor(std::ssize(codes), /*grain=*/1, compileAll, options.threads);
  return assembleFile(wanted, codes);
}

} // namespace lath
