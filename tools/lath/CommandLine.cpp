// What `lath` takes.
#include "tools/lath/CommandLine.h"

#include "LathVersion.h"
#include "kernels/gemm/WeightFormat.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

namespace lath::cli {

namespace {

constexpr std::string_view exitCodes =
    "Exit codes:\n"
    "  0  done\n"
    "  1  anything that has no code of its own\n"
    "  2  unknown command, option or word\n"
    "  3  invalid or unsupported spec, schedule, target or input file\n"
    "  4  no assembler or disassembler where one is needed\n"
    "  5  no driver or GPU, a call of it failed, or the measuring process "
    "ended\n"
    "  6  the result is wrong";

constexpr std::string_view specText =
    "SPEC, as text:  m16n4096k4096g128s8,x=bf16,w=u4z,reduce=atomic\n"
    "  out[m,n] = x[m,k] * dequant(W)^T; g: k values that share a scale "
    "(128);\n"
    "  s: blocks that share one k range (chosen)\n"
    "  w={}\n"
    "  x=f16|bf16   layout=gptq|packed (by fragments, faster)   "
    "reduce=ordered|atomic|atomic-out|none\n"
    "  launch=alone|chained (back to back, as in a graph)\n";

/// "u4, u4z, u4z1 or s8"
std::string formatList() {
  return fmt::format(
      "{} or {}",
      fmt::join(weightFormatNames.begin(), weightFormatNames.end() - 1, ", "),
      weightFormatNames.back());
}

std::string specHelp() {
  std::vector<std::string> formats;
  for (const WeightFormat &format : weightFormats)
    formats.push_back(fmt::format("{} ({})", format.name, format.meaning));
  std::string help =
      fmt::format(fmt::runtime(specText), fmt::join(formats, "|"));
  for (const EpilogueStep &step : epilogueSteps)
    help += fmt::format("  {}={} ({})\n", step.key, fmt::join(step.words, "|"),
                        step.help);
  return help;
}

/// An option or positional that takes one text.
void text(CLI::App *app, const std::string &name, Text &to,
          const std::string &value, const std::string &help) {
  app->add_option_function<std::string>(
         name, [&to](const std::string &given) { to = given; }, help)
      ->type_name(value);
}

void addSpec(CLI::App *app, SpecArguments &spec) {
  text(app, "SPEC", spec.text, "", "The problem as text, see below");
  text(app, "-m", spec.m, "N", "The problem by flags: rows of x");
  text(app, "-n", spec.n, "N", "output features");
  text(app, "-k", spec.k, "N", "input features");
  text(app, "--group", spec.group, "N", "k values that share a scale (128)");
  text(app, "--split", spec.split, "N", "blocks that share one k range");
  text(app, "--x", spec.x, "TYPE", "f16 or bf16 (f16)");
  text(app, "--w", spec.w, "TYPE", formatList() + " (u4)");
  text(app, "--layout", spec.layout, "ORDER",
       "of the weights: gptq or packed (gptq)");
  text(app, "--launch", spec.launch, "HOW",
       "what it is tuned for: alone or chained (alone)");
  text(app, "--reduce", spec.reduce, "HOW",
       "ordered, atomic, atomic-out or none (ordered)");
  for (std::size_t i = 0; i < epilogueSteps.size(); ++i) {
    const EpilogueStep &step = epilogueSteps[i];
    text(app, fmt::format("--{}", step.key), spec.epilogue[i],
         fmt::format("{}", fmt::join(step.words, "|")), std::string(step.help));
  }
}

void addProgram(CLI::App *app, ProgramArguments &program,
                const std::string &names = "NAME") {
  text(app, "--program", program.name, names,
       "An example instead of a SPEC: `lath programs` lists them");
  text(app, "--sizes", program.sizes, "TEXT",
       "Of --program, like rows=4096,columns=1000 (usual ones)");
  text(app, "--dtype", program.dtype, "TYPE",
       "Of --program: f16, bf16 or f32 (f16)");
}

constexpr const char *targetText =
    "sm_80, sm_86, sm_89, sm_90a, ... (that of GPU 0, else sm_90a)";
constexpr const char *scheduleText =
    "Like bm16bn128bk128w4st4s8,reduce=atomic (chosen)";

} // namespace

CommandLine::CommandLine() {
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version",
                       fmt::format("lath {} (commit {}, LLVM {})\n",
                                   build::version, build::commit, build::llvm),
                       "Print the version");
  app.require_subcommand(0, 1);
  auto add = [&](const std::string &name, const std::string &help,
                 const std::string &footer) {
    CLI::App *sub = app.add_subcommand(name, help);
    // Unknown words are reported here, with a suggestion.
    sub->allow_extras();
    sub->footer(footer);
    return sub;
  };
  app.allow_extras();
  app.footer(fmt::format("`lath help COMMAND` tells more. An example:\n"
                         "  lath run m16n4096k4096g128s8\n\n{}",
                         exitCodes));

  emitCommand =
      add("emit", "Print the code of a kernel at one stage",
          fmt::format("{}\nAn example:\n"
                      "  lath emit m16n4096k4096 --stage cubin "
                      "--target sm_80 -o gemm.cubin\n"
                      "  lath emit --program softmax --sizes "
                      "rows=64,columns=1000 --launch-json softmax.json",
                      specHelp()));
  addSpec(emitCommand, emit.spec);
  addProgram(emitCommand, emit.program);
  text(emitCommand, "--stage", emit.stage, "STAGE",
       "tile, layout, nvvm, llvm, ptx, cubin or sass (ptx)");
  text(emitCommand, "--target", emit.target, "TARGET", targetText);
  text(emitCommand, "--schedule", emit.schedule, "TEXT", scheduleText);
  text(emitCommand, "-o,--output", emit.output, "FILE",
       "File to write (standard output)");
  text(emitCommand, "--launch-json", emit.launch, "FILE",
       "Of --program: also write how the kernel is launched, as JSON");
  emitCommand
      ->add_flag("--timing", emit.timing,
                 "Also print how long each phase takes, in a process that has "
                 "compiled before")
      ->disable_flag_override();

  runCommand =
      add("run", "Run a kernel, check it against fp64, time it on a GPU",
          fmt::format("{}  With --weights, n, k, g and w may be left out.\n"
                      "\nExamples:\n"
                      "  lath run m16n4096k4096g128s8 --format json\n"
                      "  lath run m16 --weights model.safetensors --layer "
                      "model.layers.0.mlp.up_proj",
                      specHelp()));
  addSpec(runCommand, run.spec);
  addProgram(runCommand, run.program);
  text(runCommand, "--weights", run.weights, "CHECKPOINT",
       "A safetensors file, or a folder of them (random weights)");
  text(runCommand, "--layer", run.layer, "NAME",
       "The layer of it, as `lath inspect CHECKPOINT` lists them");
  text(runCommand, "--seed", run.seed, "N", "Of the random inputs (1)");
  text(runCommand, "--schedule", run.schedule, "TEXT", scheduleText);
  text(runCommand, "--device", run.device, "DEVICE",
       "emulator, cuda:0, cuda:1, ... (cuda:0 if there is a GPU)");
  runCommand->add_flag("--counters", run.counters,
                       "With the emulator: what the launch did, counted");
  text(runCommand, "--format", run.format, "FORMAT", "text or json (text)");

  explainCommand =
      add("explain", "Say which kernel would run, why, and what it costs",
          fmt::format("{}\nAn example:\n"
                      "  lath explain m1n8192k8192 --target sm_80\n"
                      "  lath explain --program attention",
                      specHelp()));
  addSpec(explainCommand, explain.spec);
  addProgram(explainCommand, explain.program);
  text(explainCommand, "--target", explain.target, "TARGET", targetText);
  text(explainCommand, "--schedule", explain.schedule, "TEXT", scheduleText);
  text(explainCommand, "--gpu", explain.gpu, "NAME",
       "With what was measured on GPUs of that name (GPU 0's)");
  text(explainCommand, "--format", explain.format, "FORMAT",
       "text or json (text)");

  programsCommand =
      add("programs", "List the example programs, their sizes and choices",
          "An example:\n  lath programs softmax --format json");
  text(programsCommand, "NAME", programs.name, "", "Of one only");
  text(programsCommand, "--format", programs.format, "FORMAT",
       "text or json (text)");

  tuneCommand =
      add("tune", "Measure schedules, and keep the fastest for later requests",
          fmt::format("{}  Without m a spec is tuned for all rows of -m.\n"
                      "\nExamples:\n"
                      "  lath tune n4096k4096g128\n"
                      "  lath tune --model llama-3-8b --tp 1,2 --shard 0/4\n"
                      "  lath tune --program softmax,rms_norm --sizes "
                      "rows=4096,columns=5120\n"
                      "  lath tune --merge other.sqlite --export all.json",
                      specHelp()));
  tuneCommand->add_option("SPEC", tune.specs, "The problems, see below");
  addProgram(tuneCommand, tune.program, "NAME,...");
  text(tuneCommand, "-m", tune.m, "N,N,...",
       "Rows for specs without m (1,8,16,32,64)");
  tuneCommand
      ->add_option("--model", tune.models,
                   "The linear layers of a model, like llama-3-8b; may be "
                   "given more than once")
      ->type_name("NAME");
  text(tuneCommand, "--tp", tune.parts, "N,N,...",
       "As this many tensor parallel processes have them (1)");
  text(tuneCommand, "--layout", tune.layout, "LAYOUT",
       "Of --model and of lines NxK: gptq, packed or both, by a comma (gptq)");
  text(tuneCommand, "--launch", tune.launch, "HOW",
       "Of --model and of lines NxK: alone, chained or both (alone)");
  text(tuneCommand, "--shapes", tune.shapes, "FILE",
       "Specs or NxK, one a line");
  text(tuneCommand, "--device", tune.device, "DEVICE",
       "emulator, cuda:0, cuda:1, ... (cuda:0 if there is a GPU)");
  text(tuneCommand, "--db", tune.db, "FILE",
       "The tuning database ($LATH_TUNING_DB, else in ~/.local/share/lath)");
  text(tuneCommand, "--budget", tune.budget, "SECONDS",
       "After which no further candidate is begun (none)");
  text(tuneCommand, "--candidates", tune.candidates, "N",
       "Of each problem, the best by the cost model; of a program, of its "
       "space (48)");
  text(tuneCommand, "--shard", tune.shard, "I/N",
       "Tune only every Nth problem, from the Ith on, 0 first");
  tuneCommand
      ->add_option("--merge", tune.merge,
                   "Databases or exports to add to the database first")
      ->expected(1, -1)
      ->type_name("FILE...");
  tuneCommand
      ->add_flag("--calibrate", tune.calibrate,
                 "At the end fit the cost model to all times of this GPU")
      ->disable_flag_override();
  text(tuneCommand, "--export", tune.exportTo, "FILE",
       "Write the database as JSON at the end");
  text(tuneCommand, "--best", tune.best, "N",
       "With --export: only the N fastest of each problem");
  text(tuneCommand, "--seed", tune.seed, "N", "Of the random weights (1)");
  text(tuneCommand, "--format", tune.format, "FORMAT", "text or json (text)");

  benchCommand =
      add("bench", "Time kernels, cold and warm, beside a plain read",
          fmt::format("{}\nAn example:\n"
                      "  lath bench m1n4096k4096 m16n4096k4096 --format json",
                      specHelp()));
  benchCommand->add_option("SPEC", bench.specs, "The problems, see below");
  text(benchCommand, "--schedule", bench.schedule, "TEXT", scheduleText);
  text(benchCommand, "--device", bench.device, "DEVICE",
       "emulator, cuda:0, cuda:1, ... (cuda:0 if there is a GPU)");
  text(benchCommand, "--seed", bench.seed, "N", "Of the random inputs (1)");
  text(benchCommand, "--format", bench.format, "FORMAT", "text or json (text)");

  reportCommand = add("report", "Write one page of all that was measured",
                      "The page needs no network. An example:\n"
                      "  lath report -o report.html --peers peers.json");
  text(reportCommand, "-o,--output", report.output, "FILE",
       "The page (standard output)");
  text(reportCommand, "--db", report.db, "FILE",
       "The tuning database ($LATH_TUNING_DB, else in ~/.local/share/lath)");
  text(reportCommand, "--peers", report.peers, "FILE",
       "Times of other kernels, as docs/results/peers.json");
  text(reportCommand, "--gpu", report.gpu, "NAME",
       "Of the GPUs measured, which (the one measured most)");
  text(reportCommand, "--trace", report.trace, "FILE",
       "Also write the phases of a compile as a Chrome trace");

  packCommand =
      add("pack", "Compile the kernels of a model into one file",
          fmt::format("{}\nExamples:\n"
                      "  lath pack --model llama-3-8b --targets sm_80,sm_90a "
                      "-o llama.lathpack\n"
                      "  lath pack m64n4096k4096 --buckets -o layer.lathpack\n"
                      "  lath pack --list llama.lathpack",
                      specHelp()));
  packCommand->add_option("SPEC", pack.specs, "Problems as text, see below")
      ->type_name("");
  text(packCommand, "--model", pack.model, "NAME",
       "All linear layers of a model: llama-3-8b, qwen3-8b, ...");
  text(packCommand, "--rows", pack.rows, "N",
       "Of --model: every bucket of up to so many rows (512)");
  text(packCommand, "--group", pack.group, "N", "Of --model (128)");
  text(packCommand, "--x", pack.x, "TYPE", "Of --model: f16 or bf16 (f16)");
  text(packCommand, "--w", pack.w, "TYPE",
       fmt::format("Of --model: {} (u4)", formatList()));
  packCommand
      ->add_flag("--buckets", pack.buckets,
                 "Also fewer rows: every bucket of up to m of each SPEC")
      ->disable_flag_override();
  text(packCommand, "--targets", pack.targets, "LIST",
       "Like sm_80,sm_90a (sm_90a)");
  packCommand
      ->add_flag("--ptx", pack.withText,
                 "Keep the PTX too: for the emulator, and to read")
      ->disable_flag_override();
  text(packCommand, "-o,--output", pack.output, "FILE", "File to write");
  text(packCommand, "--list", pack.list, "FILE",
       "Check a pack and list what is in it, instead");
  text(packCommand, "--format", pack.format, "FORMAT", "text or json (text)");

  inspectCommand = add(
      "inspect", "List the quantised layers of a checkpoint",
      "CHECKPOINT is a safetensors file, or a folder with one or many and a "
      "config.json.\nOf each layer: its format, and the spec that it runs "
      "as, or why it does not.\n\nAn example:\n"
      "  lath inspect models/llama-3-8b-gptq --format json");
  text(inspectCommand, "CHECKPOINT", inspect.checkpoint, "", "See below");
  text(inspectCommand, "--format", inspect.format, "FORMAT",
       "text or json (text)");

  doctorCommand = add("doctor", "List the tools and GPUs that were found",
                      "Ends with 0 whatever is missing, but with 4 where "
                      "nothing can assemble a kernel.\n\nAn example:\n"
                      "  lath doctor --format json");
  text(doctorCommand, "--format", doctor.format, "FORMAT",
       "text or json (text)");

  cacheCommand =
      add("cache", "Look at the compiled kernels on disk, and tidy them",
          "Actions:\n"
          "  ls           every entry, the latest used first\n"
          "  stats        how many, how large\n"
          "  verify       read every byte; ends with 1 if an entry is not "
          "sound\n"
          "  prune        remove what is damaged, left over, old or too much\n"
          "  clear        remove every entry\n"
          "  export FILE  write all sound entries to one file\n"
          "  import FILE  add the entries of such a file\n"
          "\nExamples:\n"
          "  lath cache ls\n"
          "  lath cache prune --max-size 256M --older-than 30 --dry-run");
  text(cacheCommand, "ACTION", cache.action, "", "See below");
  text(cacheCommand, "FILE", cache.file, "", "Of export and import");
  text(cacheCommand, "--folder", cache.folder, "FOLDER",
       "Of the cache ($LATH_CACHE_DIR, $XDG_CACHE_HOME/lath or "
       "~/.cache/lath)");
  text(cacheCommand, "--max-size", cache.maxSize, "SIZE",
       "prune: down to, as 512M ($LATH_CACHE_SIZE or 1G)");
  text(cacheCommand, "--older-than", cache.olderThan, "DAYS",
       "prune: entries that were not used for so long");
  cacheCommand
      ->add_flag("--dry-run", cache.dryRun, "prune: only say what would go")
      ->disable_flag_override();
  text(cacheCommand, "--format", cache.format, "FORMAT", "text or json (text)");

  // `lath tune` starts it; of no use by itself.
  workerCommand = add("tune-worker", "", "");
  workerCommand->group("");
  text(workerCommand, "--device", workerDevice, "DEVICE", "");

  helpCommand = add("help", "Print the help of a command", "");
  text(helpCommand, "COMMAND", helpTopic, "",
       "emit, run, explain, programs, tune, bench, report, pack, inspect, "
       "doctor or "
       "cache");
}

std::vector<std::string_view> CommandLine::commandNames() {
  return {"emit",   "run",  "explain", "programs", "tune",  "bench",
          "report", "pack", "inspect", "doctor",   "cache", "help"};
}

} // namespace lath::cli
