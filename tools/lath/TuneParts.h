// The parts of `lath tune`: what it is asked for, and what it prints.
#pragma once

#include "kernels/tune/ProgramTuner.h"
#include "kernels/tune/Tuner.h"
#include "tools/lath/Commands.h"

#include <string>
#include <vector>

namespace lath::cli {

/// The problems that the specs, --model and --shapes name, for each of the rows
/// of -m where they name none. Throws CliError{usage}, Error.
std::vector<GemmSpec> specsOf(const TuneArguments &arguments);

/// A table, a line each problem, and how much slower the choices that need no
/// tuning are.
std::string asText(const TuneReport &report, const std::string &unit,
                   const std::string &db);
std::string asJson(const TuneReport &report, const std::string &unit,
                   const std::string &db);

/// A table for each program: the best choices, the usual one, what failed.
std::string asText(const std::vector<ProgramTuneResult> &results,
                   const std::string &db);
std::string asJson(const std::vector<ProgramTuneResult> &results,
                   const std::string &db, bool stopped);

} // namespace lath::cli
