// PTX → cubin: choosing the assembler, running it, judging its log.

#include "runtime/Assemble.h"

#include "runtime/AssemblerLog.h"
#include "runtime/Process.h"

#include <algorithm>
#include <chrono>
#include <string_view>

namespace lath {

namespace {

/// What came out of one assembler, before anyone judged it.
struct Attempt {
  std::vector<char> cubin; ///< empty: rejected
  std::string log;
  std::string failure;   ///< "signal 11 (Segmentation fault)"; may be empty
  std::string assembler; ///< "ptxas"
  /// A ptxas command that does the same on a file called ptxName.
  std::vector<std::string> command;
};

} // namespace

/// The name of the text in logs and commands; the real file is long gone when
/// somebody reads them.
static constexpr const char *ptxName = "kernel.ptx";

static constexpr const char *cubinName = "kernel.cubin";

static Attempt runNvJitLink(const Ptx &ptx, const Toolchain &tools) {
  std::string arch = "-arch=" + ptx.target;
  // Where there is a GPU, nvJitLink answers a text it has seen from the
  // driver's cache, without the log that says what spilled. The early releases
  // of CUDA 12 have neither that cache nor the option.
  std::vector<std::string> options{arch, "-O3", "-Xptxas=-v", "-no-cache"};
  LinkResult linked = linkPtx(*tools.nvJitLink, ptx.text, options);
  if (linked.unknownOption) {
    options.pop_back();
    linked = linkPtx(*tools.nvJitLink, ptx.text, options);
  }
  Attempt attempt;
  attempt.assembler = "nvJitLink";
  attempt.cubin = std::move(linked.cubin);
  attempt.log = std::move(linked.log);
  attempt.command = {tools.ptxas.found() ? tools.ptxas.path : "ptxas",
                     arch,
                     "-O3",
                     "-v",
                     "-c",
                     ptxName,
                     "-o",
                     cubinName};
  return attempt;
}

static void replaceAll(std::string &text, const std::string &from,
                       const std::string &to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != text.npos;
       at += to.size())
    text.replace(at, from.size(), to);
}

static Attempt runPtxas(const Ptx &ptx, const Toolchain &tools) {
  TemporaryFolder folder(tools.temporaryFolder);
  std::string input = folder.file(ptxName);
  std::string output = folder.file(cubinName);
  writeFile(input, ptx.text);
  std::vector<std::string> command{tools.ptxas.path, "-arch=" + ptx.target,
                                   "-O3", "-v"};
  Attempt attempt;
  attempt.assembler = "ptxas";
  attempt.command = command;
  attempt.command.insert(attempt.command.end(), {ptxName, "-o", cubinName});
  command.insert(command.end(), {input, "-o", output});
  ProcessResult run = runProcess(command);
  attempt.log = run.output;
  replaceAll(attempt.log, input, ptxName);
  if (run.ok())
    attempt.cubin = readFile(output);
  else
    attempt.failure = run.status();
  return attempt;
}

/// Every assembler notes its release in the cubin: "…, release 13.0, V13.0.88".
static std::string releaseIn(const std::vector<char> &cubin) {
  std::string_view bytes(cubin.data(), cubin.size());
  static constexpr std::string_view mark = "Cuda compilation tools, release ";
  std::size_t at = bytes.find(mark);
  if (at == bytes.npos)
    return "";
  std::string_view rest = bytes.substr(at + mark.size(), 64);
  std::size_t begin = rest.find(", V");
  if (begin == rest.npos)
    return "";
  rest.remove_prefix(begin + 3);
  return std::string(rest.substr(0, rest.find_first_not_of("0123456789.")));
}

static std::vector<std::string> notesFor(const Ptx &ptx, unsigned line,
                                         const Attempt &attempt) {
  std::vector<std::string> notes;
  if (std::string text = lineOf(ptx.text, line); !text.empty())
    notes.push_back("line " + std::to_string(line) + ": " + text);
  if (!attempt.log.empty())
    notes.push_back("the assembler's log:\n" + attempt.log);
  notes.push_back(std::string("to reproduce, save the PTX as ") + ptxName +
                  " and run: " + shellCommand(attempt.command));
  return notes;
}

static Error rejected(const Ptx &ptx, const Attempt &attempt) {
  AssemblerComplaint complaint = firstComplaint(attempt.log);
  std::string message = attempt.assembler + " rejected kernel '" + ptx.entry +
                        "' for " + ptx.target;
  if (complaint.line)
    message += ", line " + std::to_string(complaint.line);
  if (!complaint.text.empty())
    message += ": " + complaint.text;
  else if (!attempt.failure.empty())
    message += ": " + attempt.failure;
  return Error(ErrorKind::compile, std::move(message),
               notesFor(ptx, complaint.line, attempt));
}

/// "sm_80", "sm_90a". Checked here because nvJitLink 13.0 ends the whole
/// process on a name with one digit.
static bool isTarget(std::string_view name) {
  if (!name.starts_with("sm_"))
    return false;
  name.remove_prefix(3);
  std::size_t digits =
      std::min(name.find_first_not_of("0123456789"), name.size());
  std::string_view rest = name.substr(digits);
  return (digits == 2 || digits == 3) &&
         (rest.empty() || rest == "a" || rest == "f");
}

/// nvJitLink compiles as `ptxas -c` does, for linking with other objects, and
/// then drops setmaxnreg (C7504). Only a whole-program assembler keeps it.
static bool needsWholeProgram(const Ptx &ptx) {
  return ptx.text.find("setmaxnreg") != ptx.text.npos;
}

/// The assembler to use; nothing where there is none.
static std::optional<AssemblerChoice>
pick(const Ptx &ptx, const Toolchain &tools, AssemblerChoice choice) {
  using enum AssemblerChoice;
  if (!isTarget(ptx.target))
    throw Error(ErrorKind::unsupported,
                "kernel '" + ptx.entry + "' is for '" + ptx.target +
                    "', which names no GPU; expected one like sm_90a");
  if (choice != ptxas && !tools.nvJitLinkSearch.problem.empty())
    throw Error(ErrorKind::toolchain, tools.nvJitLinkSearch.problem);
  if (choice != nvJitLink && !tools.ptxas.problem.empty())
    throw Error(ErrorKind::toolchain, tools.ptxas.problem);
  if (tools.nvJitLink &&
      (choice == nvJitLink || (choice == automatic && !needsWholeProgram(ptx))))
    return nvJitLink;
  if (tools.ptxas.found() && choice != nvJitLink)
    return ptxas;
  return std::nullopt;
}

static Error noAssembler(const Ptx &ptx, const Toolchain &tools,
                         AssemblerChoice choice) {
  using enum AssemblerChoice;
  std::string message = choice == ptxas       ? "no ptxas found"
                        : choice == nvJitLink ? "no nvJitLink found"
                                              : "no assembler found: neither "
                                                "nvJitLink nor ptxas";
  if (choice == automatic && tools.nvJitLink)
    message = "no ptxas found, and nvJitLink drops the setmaxnreg of kernel '" +
              ptx.entry + "'";
  std::vector<std::string> notes;
  if (choice != ptxas && !tools.nvJitLink)
    for (const std::string &place : tools.nvJitLinkSearch.looked)
      notes.push_back("nvJitLink: " + place);
  if (choice != nvJitLink)
    for (const std::string &place : tools.ptxas.looked)
      notes.push_back("ptxas: no program at " + place);
  notes.push_back("install the CUDA toolkit, or set LATH_NVJITLINK or "
                  "LATH_PTXAS to where they are");
  return Error(ErrorKind::toolchain, std::move(message), std::move(notes));
}

static Cubin assembleWith(const Ptx &ptx, const Toolchain &tools,
                          AssemblerChoice picked) {
  using Clock = std::chrono::steady_clock;
  auto start = Clock::now();
  Attempt attempt = picked == AssemblerChoice::nvJitLink
                        ? runNvJitLink(ptx, tools)
                        : runPtxas(ptx, tools);
  std::chrono::duration<double, std::milli> took = Clock::now() - start;
  if (attempt.cubin.empty())
    throw rejected(ptx, attempt);
  if (auto warnings = fatalWarnings(attempt.log); !warnings.empty())
    throw Error(ErrorKind::compile,
                attempt.assembler + " gave kernel '" + ptx.entry + "' for " +
                    ptx.target +
                    " code that Lath does not accept: " + warnings.front(),
                notesFor(ptx, 0, attempt));

  Cubin cubin;
  cubin.resources = parseResources(attempt.log, ptx.entry);
  cubin.assembler = std::move(attempt.assembler);
  if (std::string release = releaseIn(attempt.cubin); !release.empty())
    cubin.assembler += " " + release;
  cubin.bytes = std::move(attempt.cubin);
  cubin.milliseconds = took.count();
  cubin.log = std::move(attempt.log);
  return cubin;
}

Cubin assemble(const Ptx &ptx, const Toolchain &tools, AssemblerChoice choice) {
  std::optional<AssemblerChoice> picked = pick(ptx, tools, choice);
  if (!picked)
    throw noAssembler(ptx, tools, choice);
  return assembleWith(ptx, tools, *picked);
}

Cubin assemble(const Ptx &ptx, AssemblerChoice choice) {
  return assemble(ptx, toolchain(), choice);
}

std::optional<Cubin> assembleIfPossible(const Ptx &ptx,
                                        const Toolchain &tools) {
  std::optional<AssemblerChoice> picked =
      pick(ptx, tools, AssemblerChoice::automatic);
  if (!picked)
    return std::nullopt;
  return assembleWith(ptx, tools, *picked);
}

} // namespace lath
