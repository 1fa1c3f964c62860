// What `lath doctor` says of the tools: their versions, asked of each of them.

#include "runtime/Driver.h"
#include "runtime/Process.h"
#include "runtime/Toolchain.h"

namespace lath {

/// "13.0.88" out of "Cuda compilation tools, release 13.0, V13.0.88".
static std::string versionIn(const std::string &text) {
  std::size_t at = text.find(", V");
  if (at == text.npos)
    return "";
  std::size_t begin = at + 3;
  return text.substr(begin,
                     text.find_first_not_of("0123456789.", begin) - begin);
}

static std::string listed(const std::vector<std::string> &places) {
  std::string text = "not found; looked at";
  for (const std::string &place : places)
    text += " " + place;
  return text;
}

static ToolReport reportProgram(const std::string &name,
                                const ToolSearch &search) {
  ToolReport report{name, search.path, "", search.problem};
  if (!search.found()) {
    if (report.problem.empty())
      report.problem = listed(search.looked);
    return report;
  }
  try {
    ProcessResult run = runProcess({search.path, "--version"});
    report.version = versionIn(run.output);
    if (!run.ok() || report.version.empty())
      report.problem =
          "--version ended with " + run.status() + " and printed no version";
  } catch (const Error &error) {
    report.problem = error.message();
  }
  return report;
}

static ToolReport reportNvJitLink(const Toolchain &tools) {
  const ToolSearch &search = tools.nvJitLinkSearch;
  ToolReport report{"nvJitLink", search.path, "", search.problem};
  if (tools.nvJitLink)
    report.version = tools.nvJitLink->version;
  else if (report.problem.empty())
    report.problem = listed(search.looked);
  return report;
}

static ToolReport reportDriver(const Environment &environment) {
  ToolReport report{"driver", "", "", ""};
  try {
    cuda::Driver driver = cuda::openDriver(environment);
    report.path = driver.path;
    int version = 0, devices = 0;
    check(driver, driver.driverGetVersion(&version), "cuDriverGetVersion");
    report.version = std::to_string(version / 1000) + "." +
                     std::to_string(version % 1000 / 10);
    check(driver, driver.init(0), "cuInit");
    check(driver, driver.deviceGetCount(&devices), "cuDeviceGetCount");
    report.version += ", " + std::to_string(devices) +
                      (devices == 1 ? " device" : " devices");
  } catch (const Error &error) {
    report.problem = error.message();
  }
  return report;
}

ToolchainReport inspectToolchain(const Environment &environment) {
  Toolchain tools = findToolchain(environment);
  return {{reportNvJitLink(tools), reportProgram("ptxas", tools.ptxas),
           reportProgram("cuobjdump", tools.cuobjdump),
           reportProgram("nvdisasm", tools.nvdisasm),
           reportDriver(environment)}};
}

} // namespace lath
