// lath-verify: accuracy and timing grids on a GPU, as JSON for docs/results.
#include "runtime/CudaDevice.h"
#include "tools/verify/EngineCost.h"
#include "tools/verify/Verify.h"

#include <CLI/CLI.hpp>
#include <fmt/format.h>

int main(int argc, char **argv) {
  CLI::App app{"Checks, times and profiles Lath's kernels on GPU 0"};
  app.require_subcommand(1);
  std::string path = "results.json", page;
  lath::verify::AccuracyOptions accuracy;
  auto *a = app.add_subcommand("accuracy", "every result against fp64");
  a->add_option("-o,--output", path, "JSON file to write");
  a->add_option("--seed", accuracy.seed, "of the random inputs");
  a->add_flag("--quick", accuracy.quick, "small shapes only");
  a->add_flag_callback(
      "--packed", [&] { accuracy.layout = lath::WeightLayout::packed; },
      "packed weights, not as GPTQ stores them");
  lath::verify::TimingOptions timing;
  auto *t = app.add_subcommand("time", "cold times of the default schedules");
  t->add_option("-o,--output", path, "JSON file to write");
  t->add_option("-m", timing.m, "rows")->delimiter(',');
  t->add_option("--shapes", timing.shapes, "NxK,NxK,...");
  t->add_flag_callback(
      "--packed", [&] { timing.layout = lath::WeightLayout::packed; },
      "packed weights, not as GPTQ stores them");
  bool chained = false;
  auto *c = t->add_flag("--chain", chained,
                        "back to back under dependent launch, with every value "
                        "of dep");
  t->add_option("--schedule", timing.schedules, "of the chain (repeatable)")
      ->needs(c);
  auto *e = app.add_subcommand("examples", "the example programs against fp64");
  e->add_option("--seed", accuracy.seed, "of the random inputs");
  lath::verify::CompileCostOptions compile;
  auto *k = app.add_subcommand(
      "compile", "milliseconds to a cold kernel of each example; needs no GPU");
  k->add_option("--target", compile.target, "sm_90a, ...");
  k->add_option("--example", compile.name, "of this one alone");
  k->add_option("--rounds", compile.rounds, "of each")
      ->check(CLI::PositiveNumber);
  bool emulated = false;
  auto *p = app.add_subcommand(
      "profile", "one launch of each kernel that profile.py compares");
  p->add_option("-o,--output", path, "JSON file to write");
  p->add_flag("--emulator", emulated, "on the emulator, with its counters");
  lath::verify::MatmulOptions matmul;
  auto *x = app.add_subcommand("matmul", "times of the matmul example");
  x->add_option("--size", matmul.size, "M,N,K")->delimiter(',');
  x->add_option("--schedule", matmul.schedules, "to time (repeatable)")
      ->required();
  x->add_flag("--kn", matmul.kn, "b as [K, N], not [N, K]");
  x->add_flag("--bf16", matmul.bf16, "bf16, not f16");
  x->add_option("--ptx", matmul.ptx, "file for the PTX of the last one");
  x->add_option("--seed", matmul.seed, "of the random inputs");
  x->add_flag("--emulator", emulated, "on the emulator, untimed");
  lath::verify::EngineCostOptions engine;
  auto *n = app.add_subcommand("engine", "host costs of the engine");
  n->add_option("-o,--output", page, "Markdown file to write");
  n->add_option("--rounds", engine.rounds, "of each figure");
  n->add_option("--lookups", engine.lookups, "warm look-ups");
  n->add_option("--pack", engine.pack, "a pack to open and load");
  CLI11_PARSE(app, argc, argv);
  try {
    if (*k)
      return lath::verify::compileCosts(compile) ? 6 : 0;
    if (emulated) {
      auto emulator = lath::openEmulator();
      if (*x)
        return lath::verify::matmul(emulator, matmul) ? 6 : 0;
      return lath::verify::profile(emulator, emulator.get(), path);
    }
    std::shared_ptr<lath::Device> device = lath::openCuda();
    fmt::print("{}, driver {}\n", device->info().name,
               device->info().driverText);
    int failures = *a        ? lath::verify::accuracy(device, accuracy, path)
                   : *n      ? lath::verify::engineCosts(device, engine, page)
                   : *e      ? lath::verify::examples(device, accuracy.seed)
                   : *x      ? lath::verify::matmul(device, matmul)
                   : *p      ? lath::verify::profile(device, nullptr, path)
                   : chained ? lath::verify::chain(device, timing, path)
                             : lath::verify::timing(device, timing, path);
    return failures ? 6 : 0;
  } catch (const lath::Error &error) {
    fmt::print(stderr, "lath-verify: error: {}\n", error.message());
    for (const std::string &note : error.notes())
      fmt::print(stderr, "  {}\n", note);
    return error.kind() == lath::ErrorKind::driver ? 5 : 1;
  }
}
