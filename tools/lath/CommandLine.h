// The command line of Lath as CLI11 has it: every command, option and help
// text. CommandLine.cpp writes them down, Main.cpp reads what a user wrote.
#pragma once

#include "tools/lath/Commands.h"

#include <CLI/CLI.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace lath::cli {

/// Everything that a user can write, and which of it was written.
struct CommandLine {
  CLI::App app{"Lath writes, compiles and runs GPU kernels for matrix products "
               "with int4 weights.",
               "lath"};
  EmitArguments emit;
  RunArguments run;
  ExplainArguments explain;
  ProgramsArguments programs;
  PackArguments pack;
  InspectArguments inspect;
  DoctorArguments doctor;
  CacheArguments cache;
  TuneArguments tune;
  BenchArguments bench;
  ReportArguments report;
  Text helpTopic, workerDevice;
  CLI::App *emitCommand, *runCommand, *explainCommand, *doctorCommand;
  CLI::App *tuneCommand, *benchCommand, *reportCommand, *workerCommand;
  CLI::App *packCommand, *inspectCommand, *cacheCommand, *helpCommand;
  CLI::App *programsCommand;

  CommandLine();
  /// Those that users are told of.
  static std::vector<std::string_view> commandNames();
};

} // namespace lath::cli
