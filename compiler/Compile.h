// A tile program and a schedule in, PTX out.
#pragma once

#include "compiler/base/Api.h"
#include "compiler/base/Ptx.h"
#include "compiler/base/Schedule.h"
#include "compiler/base/Target.h"
#include "compiler/dsl/Program.h"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

/// Choices the passes apply to a program, on a target; plain data.
struct CompileOptions : TargetSchedule {
  bool verifyEach = false; ///< run the IR verifier after each pass
};

/// All choices as text: equal texts and targets, equal code. (verifyEach is
/// none.)
LATH_API std::string print(const CompileOptions &options);

/// A named point of the pipeline whose text can be dumped.
enum class Stage { tile, layout, nvvm, llvm, ptx };
LATH_API std::string_view name(Stage stage);
LATH_API std::optional<Stage> parseStage(std::string_view text);

struct PhaseTime {
  std::string name;
  double milliseconds;
};

struct CompileResult {
  Ptx ptx;
  std::vector<PhaseTime> phases; ///< build is the caller's; then passes,
                                 ///< translate, optimise, codegen
};

/// Compiles. The program is consumed: its IR is lowered in place. Thread safe
/// for different programs. Throws Error{invalidSpec} where options are out of
/// range, Error{unsupported} where the schedule or the target cannot do what
/// the program asks, Error{compile} with the diagnostics where a pass fails.
/// `dump` is called at each stage with its text.
LATH_API CompileResult
compile(Program &program, const CompileOptions &options,
        const std::function<void(Stage, const std::string &)> &dump = {});

/// How `compile`'s kernel is launched, which the passes on tiles decide: all of
/// its Ptx but the text, in a tenth of the time. Consumes the program and
/// throws likewise.
LATH_API Ptx planLaunch(Program &program, const CompileOptions &options);

} // namespace lath
