#include "kernels/programs/ProgramSpace.h"

#include "compiler/base/Ascii.h"
#include "compiler/base/Error.h"
#include "compiler/base/KeyedText.h"
#include "compiler/base/Nearest.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

namespace lath {

namespace {

constexpr std::int64_t mostExtent = 1 << 24;

const KernelWord *wordOf(std::string_view key) {
  for (const KernelWord &word : kernelWords())
    if (word.key == key)
      return &word;
  return nullptr;
}

/// The part of `text` up to `end`, which is taken off with it.
std::string_view takeTo(std::string_view &text, char end) {
  const std::string_view part = text.substr(0, text.find(end));
  text.remove_prefix(std::min(text.size(), part.size() + 1));
  return part;
}

[[noreturn]] void wrong(std::string message, std::string_view text) {
  throw Error(ErrorKind::invalidProgram, std::move(message),
              {fmt::format("in the space '{}'", text),
               "an example: bm=64|128 w=4|8 mma=warp|warpgroup"});
}

std::int64_t valueOf(const ProgramSpace::Dimension &dimension,
                     std::string_view said, std::string_view text) {
  const KernelWord *word = dimension.word;
  if (word && !word->isNumber()) {
    const auto found = std::find(word->texts.begin(), word->texts.end(), said);
    if (found == word->texts.end())
      wrong(fmt::format("{} = '{}' is not known; the nearest is '{}', and all "
                        "are {}",
                        dimension.key, said, nearest(said, word->texts),
                        fmt::join(word->texts, ", ")),
            text);
    return found - word->texts.begin();
  }
  std::int64_t value = 0;
  auto [end, error] =
      std::from_chars(said.data(), said.data() + said.size(), value);
  if (error != std::errc() || end != said.data() + said.size() || value < 1 ||
      value > mostExtent)
    wrong(fmt::format("{} = '{}' is no whole number of 1..{}", dimension.key,
                      said, mostExtent),
          text);
  if (word)
    if (std::string why = word->refusal(static_cast<int>(value)); !why.empty())
      wrong(why, text);
  return value;
}

/// Those that a choice of the space begins with: the first of each extent.
ProgramChoice firstOf(const std::vector<ProgramSpace::Dimension> &dimensions) {
  ProgramChoice choice;
  for (const ProgramSpace::Dimension &dimension : dimensions)
    if (!dimension.word)
      choice.extents.emplace_back(dimension.key, dimension.values.front());
  return choice;
}

} // namespace

std::int64_t ProgramChoice::operator[](std::string_view extent) const {
  std::vector<std::string_view> names;
  for (auto &[name, value] : extents) {
    if (name == extent)
      return value;
    names.push_back(name);
  }
  throw Error(ErrorKind::invalidProgram,
              fmt::format("expected one of the extents {}, got '{}'",
                          fmt::join(names, ", "), extent));
}

std::string print(const ProgramChoice &choice) {
  std::string text;
  for (auto &[name, value] : choice.extents)
    text += fmt::format("{}{}", name, value);
  return text + scheduleText(choice.schedule);
}

ProgramSpace::ProgramSpace() : ProgramSpace("w=1|2|4|8|16 st=1|2|3|4") {}

ProgramSpace::ProgramSpace(std::string_view text) {
  std::string_view rest = text;
  while (!rest.empty()) {
    std::string_view values = takeTo(rest, ' ');
    if (values.empty())
      continue;
    const bool hasValues = values.find('=') != values.npos;
    const std::string_view key = takeTo(values, '=');
    if (!hasValues || key.empty() || !std::ranges::all_of(key, isLetter))
      wrong(fmt::format("expected a key of letters and its values, like "
                        "bm=64|128, got '{}'",
                        key),
            text);
    for (const Dimension &other : dimensions_)
      if (other.key == key)
        wrong(fmt::format("{} is given twice", key), text);
    Dimension dimension{std::string(key), wordOf(key), {}};
    do
      dimension.values.push_back(valueOf(dimension, takeTo(values, '|'), text));
    while (!values.empty());
    dimensions_.push_back(std::move(dimension));
  }
}

std::string ProgramSpace::text() const {
  std::string text;
  for (const Dimension &dimension : dimensions_) {
    text += fmt::format("{}{}=", text.empty() ? "" : " ", dimension.key);
    std::vector<std::string> values;
    for (std::int64_t value : dimension.values)
      values.push_back(dimension.word
                           ? dimension.word->text(static_cast<int>(value))
                           : fmt::format("{}", value));
    text += fmt::format("{}", fmt::join(values, "|"));
  }
  return text;
}

std::size_t ProgramSpace::size() const {
  std::size_t size = 1;
  for (const Dimension &dimension : dimensions_)
    size *= dimension.values.size();
  return size;
}

ProgramChoice ProgramSpace::at(std::size_t number) const {
  ProgramChoice choice;
  bool said[64] = {};
  for (const Dimension &dimension : dimensions_) {
    const std::int64_t value =
        dimension.values[number % dimension.values.size()];
    number /= dimension.values.size();
    if (dimension.word) {
      dimension.word->set(choice.schedule, static_cast<int>(value));
      said[dimension.word - kernelWords().data()] = true;
    } else {
      choice.extents.emplace_back(dimension.key, value);
    }
  }
  for (const KernelWord &word : kernelWords())
    if (word.follows && !said[&word - kernelWords().data()])
      word.set(choice.schedule, word.follows(choice.schedule));
  return choice;
}

ProgramChoice ProgramSpace::parse(std::string_view text) const {
  const ProgramChoice first = firstOf(dimensions_);
  return text.empty() ? first : parse(text, first);
}

ProgramChoice ProgramSpace::parse(std::string_view text,
                                  const ProgramChoice &missing) const {
  std::vector<std::string_view> numberKeys, optionKeys;
  for (auto &[name, value] : missing.extents)
    numberKeys.push_back(name);
  for (const KernelWord &word : kernelWords())
    (word.isNumber() ? numberKeys : optionKeys).push_back(word.key);
  const std::string example = print(missing);
  KeyedText said(text, numberKeys, optionKeys, example);
  ProgramChoice choice{missing.extents, {}};
  for (auto &[name, value] : choice.extents)
    value = said.number(name, value);
  checkExtents(choice, text);
  KernelSchedule &schedule = choice.schedule;
  for (const KernelWord &word : kernelWords()) {
    const bool printed = word.omitted < 0 && !word.follows;
    word.set(schedule, word.valueIn(said, word.get(printed ? missing.schedule
                                                           : schedule)));
    if (std::string why = word.refusal(word.get(schedule)); !why.empty())
      throw Error(ErrorKind::invalidSpec, why,
                  {fmt::format("in choice '{}'", text)});
  }
  for (const KernelWord &word : kernelWords())
    if (word.follows && !said.has(word.key))
      word.set(schedule, word.follows(schedule));
  return choice;
}

void ProgramSpace::checkExtents(const ProgramChoice &choice,
                                std::string_view text) const {
  for (auto &[name, value] : choice.extents) {
    const auto dimension =
        std::ranges::find(dimensions_, name, &Dimension::key);
    if (dimension == dimensions_.end() || dimension->word)
      continue;
    const auto &values = dimension->values;
    if (std::ranges::find(values, value) != values.end())
      continue;
    const auto near = std::ranges::min(values, {}, [&](std::int64_t each) {
      return each > value ? each - value : value - each;
    });
    throw Error(ErrorKind::invalidSpec,
                fmt::format("{} = {} is none of {}; the nearest is {}", name,
                            value, fmt::join(values, ", "), near),
                {fmt::format("in choice '{}'", text)});
  }
}

std::string refusal(const ProgramChoice &choice, const Target &target) {
  if (std::string why = contradiction(choice.schedule); !why.empty())
    return why;
  if (std::string why = conflict(choice.schedule); !why.empty())
    return why;
  return lacking(choice.schedule, target);
}

} // namespace lath
