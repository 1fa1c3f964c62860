// Cubin → SASS, by the programs of the CUDA toolkit.

#include "runtime/Assemble.h"
#include "runtime/Process.h"

namespace lath {

std::string disassemble(const Cubin &cubin, const Toolchain &tools) {
  std::vector<std::string> command;
  if (tools.cuobjdump.found())
    command = {tools.cuobjdump.path, "--dump-sass"};
  else if (tools.nvdisasm.found())
    command = {tools.nvdisasm.path, "--print-code"};
  else {
    std::vector<std::string> notes;
    for (const ToolSearch *search : {&tools.cuobjdump, &tools.nvdisasm})
      for (const std::string &place : search->looked)
        notes.push_back("no program at " + place);
    throw Error(ErrorKind::toolchain,
                "no disassembler found: neither cuobjdump nor nvdisasm",
                std::move(notes));
  }
  TemporaryFolder folder(tools.temporaryFolder);
  command.push_back(folder.file("kernel.cubin"));
  writeFile(command.back(), {cubin.bytes.data(), cubin.bytes.size()});
  ProcessResult run = runProcess(command);
  if (!run.ok())
    throw Error(ErrorKind::toolchain,
                command.front() + " ended with " + run.status(), {run.output});
  return run.output;
}

std::string disassemble(const Cubin &cubin) {
  return disassemble(cubin, toolchain());
}

} // namespace lath
