// Reading what an assembler prints.

#include "runtime/AssemblerLog.h"

#include "compiler/base/Ascii.h"

#include <charconv>
#include <optional>

namespace lath {

static std::vector<std::string_view> splitLines(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    std::size_t end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  return lines;
}

static std::string_view trim(std::string_view text) {
  std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

/// The number that stands before `unit`: (" bytes smem") in "512 bytes smem".
static std::optional<unsigned> numberBefore(std::string_view line,
                                            std::string_view unit) {
  std::size_t end = line.find(unit);
  if (end == line.npos)
    return std::nullopt;
  std::size_t begin = end;
  while (begin > 0 && isDigit(line[begin - 1]))
    --begin;
  unsigned number = 0;
  auto [stop, error] =
      std::from_chars(line.data() + begin, line.data() + end, number);
  if (error != std::errc() || stop != line.data() + end)
    return std::nullopt;
  return number;
}

KernelResources parseResources(std::string_view log, std::string_view entry) {
  const std::string compiling =
      "Compiling entry function '" + std::string(entry) + "'";
  const std::string properties =
      "Function properties for " + std::string(entry);
  KernelResources found;
  // Functions that were not inlined have properties of their own in the
  // entry's part of the log; only the line after the entry's name is its own.
  bool inEntry = false, ownProperties = false;
  for (std::string_view line : splitLines(log)) {
    if (line.find("Compiling entry function '") != line.npos) {
      inEntry = line.find(compiling) != line.npos;
    } else if (inEntry && trim(line).ends_with(properties)) {
      ownProperties = true;
    } else if (inEntry && ownProperties) {
      found.localBytes = numberBefore(line, " bytes stack frame").value_or(0);
      found.spillStores = numberBefore(line, " bytes spill stores").value_or(0);
      found.spillLoads = numberBefore(line, " bytes spill loads").value_or(0);
      ownProperties = false;
    } else if (inEntry && line.find(": Used ") != line.npos) {
      found.registers = numberBefore(line, " registers").value_or(0);
      found.staticShared = numberBefore(line, " bytes smem").value_or(0);
    }
  }
  return found;
}

std::vector<std::string> fatalWarnings(std::string_view log) {
  std::vector<std::string> warnings;
  for (std::string_view line : splitLines(log))
    if (line.find("Potential Performance Loss") != line.npos)
      warnings.emplace_back(trim(line));
  return warnings;
}

AssemblerComplaint firstComplaint(std::string_view log) {
  AssemblerComplaint complaint;
  for (std::string_view line : splitLines(log)) {
    // "error   : text" and "fatal   : text"; the former comes first if there.
    for (std::string_view word : {"error", "fatal"}) {
      std::size_t at = line.find(word);
      std::size_t colon = line.find(": ", at == line.npos ? at : at + 5);
      if (at == line.npos || colon == line.npos ||
          !trim(line.substr(at + 5, colon - at - 5)).empty())
        continue;
      complaint.text = trim(line.substr(colon + 2));
      if (std::size_t mark = line.find(", line "); mark < at)
        complaint.line = numberBefore(line.substr(mark + 7), ";").value_or(0);
      return complaint;
    }
  }
  return complaint;
}

std::string lineOf(std::string_view text, unsigned number) {
  std::vector<std::string_view> lines = splitLines(text);
  if (number == 0 || number > lines.size())
    return "";
  return std::string(trim(lines[number - 1]));
}

} // namespace lath
