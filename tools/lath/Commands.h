// The commands of `lath`, as functions of what the user wrote.
//
// Options are kept as text: the commands read them, so that their errors name
// the option, the offending value and the nearest valid one. Each command
// writes its result to standard output and all else to standard error, and
// throws lath::Error or CliError.
#pragma once

#include "kernels/gemm/Epilogue.h"

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace lath::cli {

using Text = std::optional<std::string>; ///< nothing: the option was not given

/// A spec: as text, or by its parts.
struct SpecArguments {
  Text text;
  Text m, n, k, group, split, x, w, layout, launch, reduce;
  std::array<Text, epilogueSteps.size()> epilogue;
};

/// An example program instead of a spec.
struct ProgramArguments {
  Text name, sizes, dtype;
};

struct EmitArguments {
  SpecArguments spec;
  ProgramArguments program;
  Text stage, target, schedule, output, launch;
  bool timing = false;
};
/// `lath emit`: the code of a kernel at one stage of its compilation.
void emit(const EmitArguments &arguments);

struct RunArguments {
  SpecArguments spec;
  ProgramArguments program;
  Text weights, layer, seed, schedule, device, format;
  bool counters = false;
};
/// `lath run`: compiles, runs, compares with fp64, times.
void run(const RunArguments &arguments);

struct ExplainArguments {
  SpecArguments spec;
  ProgramArguments program;
  Text target, schedule, gpu, format;
};
/// `lath explain`: the choices for a spec and what they cost.
void explain(const ExplainArguments &arguments);

struct ProgramsArguments {
  Text name, format;
};
/// `lath programs`: the example programs, their sizes and choices.
void programs(const ProgramsArguments &arguments);

struct PackArguments {
  std::vector<std::string> specs;
  Text model, rows, group, x, w, targets, output, list, format;
  bool buckets = false, withText = false;
};
/// `lath pack`: the kernels of many specs, or of a model, in one file.
void pack(const PackArguments &arguments);

struct InspectArguments {
  Text checkpoint, format;
};
/// `lath inspect`: the layers of a checkpoint, and which of them run.
void inspect(const InspectArguments &arguments);

struct DoctorArguments {
  Text format;
};
/// `lath doctor`: what this machine has.
void doctor(const DoctorArguments &arguments);

struct CacheArguments {
  Text action, file, folder, maxSize, olderThan, format;
  bool dryRun = false;
};
/// `lath cache`: what is kept on disk.
void cache(const CacheArguments &arguments);
struct TuneArguments {
  ProgramArguments program; ///< its name may be several
  std::vector<std::string> specs, merge, models;
  Text m, parts, layout, launch, shapes, device, db, shard, exportTo, best,
      budget, candidates, seed, format;
  bool calibrate = false;
};
/// `lath tune`: measures schedules and stores what it measured.
void tune(const TuneArguments &arguments);

/// `lath tune-worker`, which `lath tune` starts: checks and times candidates.
void tuneWorker(const Text &device);

struct BenchArguments {
  std::vector<std::string> specs;
  Text schedule, device, seed, format;
};
/// `lath bench`: cold and warm times beside a plain read.
void bench(const BenchArguments &arguments);

struct ReportArguments {
  Text db, output, peers, gpu, trace;
};
/// `lath report`: one page of all that was measured.
void report(const ReportArguments &arguments);

} // namespace lath::cli
