// The problems that a command line of `lath tune` names.
#include "kernels/pack/Models.h"
#include "tools/lath/TuneParts.h"
#include "tools/lath/Words.h"

#include <algorithm>
#include <fstream>

namespace lath::cli {

namespace {

constexpr std::string_view defaultRows = "1,8,16,32,64";

/// The parts of "a,b".
std::vector<std::string_view> parts(std::string_view text) {
  std::vector<std::string_view> list;
  while (true) {
    std::size_t comma = std::min(text.find(','), text.size());
    list.push_back(text.substr(0, comma));
    if (comma == text.size())
      return list;
    text.remove_prefix(comma + 1);
  }
}

/// "1,8,16" as numbers.
std::vector<std::int64_t> numbers(std::string_view option,
                                  std::string_view text) {
  std::vector<std::int64_t> list;
  for (std::string_view part : parts(text))
    list.push_back(wholeNumber<std::int64_t>(option, part));
  return list;
}

/// The words of an option, each one of `known`.
std::vector<std::string_view>
words(std::string_view option, const Text &text,
      const std::array<std::string_view, 2> &known) {
  if (!text)
    return {known[0]};
  std::vector<std::string_view> list = parts(*text);
  for (std::string_view word : list)
    if (word != known[0] && word != known[1])
      throw CliError{usage,
                     fmt::format("{} is '{}'; expected {}, {} or both", option,
                                 *text, known[0], known[1]),
                     {}};
  return list;
}

/// A spec, for each of `rows` where it names no m.
void addSpecs(std::string_view text, const std::vector<std::int64_t> &rows,
              bool rowsGiven, std::vector<GemmSpec> &specs) {
  bool hasRows = false;
  for (std::size_t i = 0; i + 1 < text.size() && text[i] != ','; ++i)
    hasRows |= text[i] == 'm' && text[i + 1] >= '0' && text[i + 1] <= '9';
  if (hasRows && rowsGiven)
    throw CliError{
        usage,
        fmt::format("m is given twice: in '{}' and by -m", text.substr(0, 200)),
        {"leave m out of the spec, as in n4096k4096g128"}};
  if (hasRows) {
    specs.push_back(parseGemmSpec(text));
    return;
  }
  for (std::int64_t m : rows)
    specs.push_back(parseGemmSpec(fmt::format("m{}{}", m, text)));
}

/// Lines of specs, with or without m, or of N x K; # begins a remark.
/// `forms` are what the latter get: ",layout=packed".
void addFile(const std::string &path, const std::vector<std::int64_t> &rows,
             bool rowsGiven, const std::vector<std::string> &forms,
             std::vector<GemmSpec> &specs) {
  std::ifstream file(path);
  if (!file)
    throw Error(ErrorKind::invalidInput,
                fmt::format("the file of shapes {} cannot be read", path));
  std::size_t before = specs.size();
  int number = 0;
  for (std::string line; std::getline(file, line);) {
    ++number;
    line = line.substr(0, line.find('#'));
    std::erase_if(line,
                  [](char c) { return c == ' ' || c == '\t' || c == '\r'; });
    if (line.empty())
      continue;
    try {
      std::size_t by = line.find('x');
      if (by == std::string::npos || line[0] < '0' || line[0] > '9')
        addSpecs(line, rows, rowsGiven, specs);
      else
        for (const std::string &form : forms)
          addSpecs(fmt::format("n{}k{}{}", line.substr(0, by),
                               line.substr(by + 1), form),
                   rows, rowsGiven, specs);
    } catch (const Error &error) {
      throw Error(error.kind(),
                  fmt::format("{}, line {}: {}", path, number, error.message()),
                  error.notes());
    }
  }
  if (specs.size() == before)
    throw Error(ErrorKind::invalidInput,
                fmt::format("the file of shapes {} has no shape", path),
                {"a line is a spec like n4096k4096g128, or 4096x4096"});
}

} // namespace

std::vector<GemmSpec> specsOf(const TuneArguments &arguments) {
  std::vector<std::int64_t> rows =
      numbers("-m", arguments.m ? *arguments.m : std::string(defaultRows));
  for (auto [option, text, example] :
       {std::tuple{"--layout", &arguments.layout, "layout=packed"},
        std::tuple{"--launch", &arguments.launch, "launch=chained"}})
    if (*text && arguments.models.empty() && !arguments.shapes)
      throw CliError{
          usage,
          fmt::format("{} needs --model NAME or --shapes FILE", option),
          {fmt::format("a spec names its own: n4096k4096,{}", example)}};
  std::vector<std::string> forms;
  for (std::string_view layout :
       words("--layout", arguments.layout, weightLayoutNames))
    for (std::string_view launch :
         words("--launch", arguments.launch, {"alone", "chained"}))
      forms.push_back(fmt::format(",layout={},launch={}", layout, launch));
  std::vector<GemmSpec> specs;
  for (const std::string &text : arguments.specs)
    addSpecs(text, rows, arguments.m.has_value(), specs);
  if (arguments.shapes)
    addFile(*arguments.shapes, rows, arguments.m.has_value(), forms, specs);
  if (arguments.parts && arguments.models.empty())
    throw CliError{usage, "--tp needs --model NAME", {}};
  for (const std::string &name : arguments.models)
    for (std::int64_t count :
         numbers("--tp", arguments.parts ? *arguments.parts : "1")) {
      if (count < 1 || count > 64)
        throw CliError{usage,
                       fmt::format("--tp {} is not in 1..64", count),
                       {"tensor parallel processes, 1,2,4,8 as a rule"}};
      for (const ModelLayer &layer :
           layersOfPart(model(name), static_cast<int>(count)))
        for (std::int64_t m : rows)
          for (const std::string &form : forms)
            specs.push_back(parseGemmSpec(
                fmt::format("m{}n{}k{}{}", m, layer.n, layer.k, form)));
    }
  for (const GemmSpec &spec : specs)
    validate(spec);
  return specs;
}

} // namespace lath::cli
