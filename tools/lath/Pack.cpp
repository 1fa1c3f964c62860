// `lath pack`: kernels of many specs and targets in one file.
#include "kernels/gemm/MBuckets.h"
#include "kernels/pack/Models.h"
#include "kernels/pack/PackWriter.h"
#include "kernels/tuned/TunedSchedules.h"
#include "tools/lath/Commands.h"
#include "tools/lath/Gpus.h"
#include "tools/lath/Output.h"
#include "tools/lath/Words.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <list>
#include <map>
#include <set>

#include <unistd.h>

namespace lath::cli {

namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr std::int64_t defaultRows = 512;

double millisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

/// "sm_80,sm_90a". Throws Error{unsupported}, CliError{usage}.
std::vector<const Target *> targetsOf(const Text &list) {
  std::vector<const Target *> found;
  std::string_view rest = list ? std::string_view(*list) : "sm_90a";
  for (;;) {
    std::size_t end = std::min(rest.find(','), rest.size());
    if (end == 0)
      throw CliError{usage,
                     fmt::format("--targets has an empty name in '{}'", *list),
                     {"an example: --targets sm_80,sm_90a"}};
    const Target *one = &target(rest.substr(0, end));
    if (std::find(found.begin(), found.end(), one) != found.end())
      throw CliError{
          usage, fmt::format("--targets names {} twice", one->name), {}};
    found.push_back(one);
    if (end == rest.size())
      return found;
    rest.remove_prefix(end + 1);
  }
}

/// What all layers of a model share.
GemmSpec modelBase(const PackArguments &arguments) {
  static constexpr std::string_view x[] = {"f16", "bf16"};
  GemmSpec base;
  if (arguments.group)
    base.group = wholeNumber<std::int64_t>("--group", *arguments.group);
  if (arguments.x && wordIndex("x", *arguments.x, x) == 1)
    base.x = Dtype::bf16;
  if (arguments.w) {
    const WeightFormat &format =
        weightFormats[wordIndex("w", *arguments.w, weightFormatNames)];
    base.w = format.codes;
    base.zeros = format.zeros;
  }
  return base;
}

std::vector<GemmSpec> specsOf(const PackArguments &arguments) {
  std::vector<GemmSpec> specs;
  for (const std::string &text : arguments.specs) {
    GemmSpec spec = parseGemmSpec(text);
    if (arguments.buckets)
      for (const GemmSpec &bucket : bucketSpecs(spec, spec.m))
        specs.push_back(bucket);
    else
      specs.push_back(spec);
  }
  if (arguments.model) {
    std::int64_t rows =
        arguments.rows ? wholeNumber<std::int64_t>("--rows", *arguments.rows)
                       : defaultRows;
    for (const GemmSpec &spec :
         modelSpecs(model(*arguments.model), modelBase(arguments), rows))
      specs.push_back(spec);
    return specs;
  }
  for (auto [name, value] :
       {std::pair("--rows", &arguments.rows),
        std::pair("--group", &arguments.group), std::pair("--x", &arguments.x),
        std::pair("--w", &arguments.w)})
    if (*value)
      throw CliError{usage,
                     fmt::format("{} says something of the layers of --model, "
                                 "which is not given",
                                 name),
                     {"of a SPEC its text says it"}};
  if (specs.empty())
    throw CliError{usage,
                   "nothing to pack: give a SPEC or --model",
                   {"an example: lath pack --model llama-3-8b --targets "
                    "sm_80,sm_90a -o model.lathpack"}};
  return specs;
}

/// Chooses as an engine would on a GPU of the target: this machine's first,
/// then those that Lath knows by name.
class MeasuredChoice {
public:
  PackSchedule operator()(const GemmSpec &spec, const Target &target) {
    for (const Measured &gpu : gpusOf(target))
      if (auto choice = gpu.known.find(spec, target))
        return {choice->schedule, gpu.name};
    return {chooseSchedule(spec, target).schedule, chosenByModel};
  }

private:
  struct Measured {
    std::string name;
    TunedSchedules known;

    explicit Measured(const DeviceInfo &gpu) : name(gpu.name), known(gpu) {}
  };

  const std::list<Measured> &gpusOf(const Target &target) {
    auto [at, isNew] = byTarget_.try_emplace(target.name);
    std::list<Measured> &gpus = at->second;
    if (!isNew)
      return gpus;
    for (const DeviceInfo &gpu : here_)
      if (gpu.target == target.name)
        gpus.emplace_back(gpu);
    for (const Gpu &gpu : target.gpus) {
      DeviceInfo info;
      info.name = gpu.name;
      info.smCount = gpu.sms;
      gpus.emplace_back(info);
    }
    return gpus;
  }

  const std::vector<DeviceInfo> here_ = listGpus().gpus;
  std::map<std::string, std::list<Measured>> byTarget_;
};

/// Codes that differ, and their bytes.
std::pair<std::size_t, std::size_t> codesOf(const Pack &pack) {
  std::set<const char *> codes;
  std::size_t bytes = 0;
  for (const PackEntry &entry : pack.entries())
    if (codes.insert(entry.cubin.data()).second)
      bytes += entry.cubin.size();
  return {codes.size(), bytes};
}

std::string summary(const Pack &pack, double milliseconds, bool json) {
  auto [codes, codeBytes] = codesOf(pack);
  if (json)
    return Json{{"schema", 1},
                {"file", pack.path()},
                {"bytes", pack.bytes()},
                {"lath", pack.lathVersion()},
                {"targets", pack.targets()},
                {"kernels", pack.entries().size()},
                {"codes", codes},
                {"code_bytes", codeBytes},
                {"milliseconds", milliseconds}}
               .dump(2) +
           "\n";
  return row("pack", pack.path()) +
         row("size", bytesText(double(pack.bytes()))) +
         row("targets", fmt::format("{}", fmt::join(pack.targets(), ", "))) +
         row("kernels", fmt::format("{}, of {} different codes with {}",
                                    pack.entries().size(), codes,
                                    bytesText(double(codeBytes)))) +
         row("made in", fmt::format("{:.1f} s", milliseconds / 1e3));
}

std::string listing(const Pack &pack, double milliseconds, bool json) {
  if (json) {
    Json kernels = Json::array();
    for (const PackEntry &entry : pack.entries())
      kernels.push_back({{"spec", print(entry.spec)},
                         {"schedule", print(entry.schedule)},
                         {"target", entry.target},
                         {"chosen_by", entry.chosenBy},
                         {"bytes", entry.cubin.size()}});
    return Json{{"schema", 1},
                {"file", pack.path()},
                {"bytes", pack.bytes()},
                {"lath", pack.lathVersion()},
                {"open_milliseconds", milliseconds},
                {"kernels", kernels}}
               .dump(2) +
           "\n";
  }
  std::string text;
  for (const PackEntry &entry : pack.entries())
    text += fmt::format("{:<9}{:<26}{:<58}{:<10}by {}\n", entry.target,
                        print(entry.spec), print(entry.schedule),
                        bytesText(double(entry.cubin.size())), entry.chosenBy);
  return text + fmt::format("{} kernels, {}, opened and checked in {:.2f} ms\n",
                            pack.entries().size(),
                            bytesText(double(pack.bytes())), milliseconds);
}

/// A line that replaces itself, for people who wait.
void showProgress(std::size_t done, std::size_t total, const GemmSpec &spec,
                  const Target &target) {
  std::fputs(fmt::format("\rlath: {} of {}: {} for {}\033[K", done, total,
                         print(spec), target.name)
                 .c_str(),
             stderr);
  if (done == total)
    std::fputs("\r\033[K", stderr);
}

} // namespace

void pack(const PackArguments &arguments) {
  const bool json = wantsJson(arguments.format);
  auto start = Clock::now();
  if (arguments.list) {
    if (!arguments.specs.empty() || arguments.model || arguments.output)
      throw CliError{usage, "--list takes no SPEC, no --model and no -o", {}};
    auto opened = Pack::open(*arguments.list);
    double milliseconds = millisecondsSince(start);
    return writeResult(listing(*opened, milliseconds, json));
  }
  PackOptions options;
  options.targets = targetsOf(arguments.targets);
  options.withText = arguments.withText;
  std::vector<GemmSpec> specs = specsOf(arguments);
  if (!arguments.output || *arguments.output == "-")
    throw CliError{usage,
                   "a pack needs a file: -o FILE",
                   {"an example: -o model.lathpack"}};
  MeasuredChoice choose; // asks the driver
  options.schedule = [&](const GemmSpec &spec, const Target &target) {
    return choose(spec, target);
  };
  if (isatty(STDERR_FILENO))
    options.progress = showProgress;
  writeResult(makePack(specs, options), arguments.output);
  double milliseconds = millisecondsSince(start);
  // Read back: what was written is what will be mapped.
  writeResult(summary(*Pack::open(*arguments.output), milliseconds, json));
}

} // namespace lath::cli
