#include "tools/lath/SpecReader.h"

#include "compiler/base/KeyedText.h"
#include "kernels/checkpoint/Checkpoint.h"
#include "kernels/checkpoint/ReadLayer.h"
#include "tools/lath/Words.h"

#include <algorithm>
#include <array>

namespace lath::cli {

namespace {

constexpr std::string_view example = "m16n4096k4096g128s8";

/// The flags in the order of a spec, for messages and loops.
struct Flag {
  std::string_view name;
  Text SpecArguments::*value;
};
constexpr std::array<Flag, 10> flags = {{{"-m", &SpecArguments::m},
                                         {"-n", &SpecArguments::n},
                                         {"-k", &SpecArguments::k},
                                         {"--group", &SpecArguments::group},
                                         {"--split", &SpecArguments::split},
                                         {"--x", &SpecArguments::x},
                                         {"--w", &SpecArguments::w},
                                         {"--layout", &SpecArguments::layout},
                                         {"--launch", &SpecArguments::launch},
                                         {"--reduce", &SpecArguments::reduce}}};

/// What the layer supplies where the user leaves it out.
struct Extents {
  std::int64_t n, k, group;
};

/// A spec, and what of it the user said.
struct Parsed {
  GemmSpec spec;
  bool saidFormat = false, saidReduce = false;
};

void requireOneForm(const SpecArguments &arguments, bool hasLayer) {
  std::vector<std::string> all, given;
  auto add = [&](std::string name, const Text &value) {
    if (value)
      given.push_back(name);
    all.push_back(std::move(name));
  };
  for (const Flag &flag : flags)
    add(std::string(flag.name), arguments.*flag.value);
  for (std::size_t i = 0; i < epilogueSteps.size(); ++i)
    add(fmt::format("--{}", epilogueSteps[i].key), arguments.epilogue[i]);
  if (arguments.text && !given.empty())
    throw CliError{usage,
                   fmt::format("the spec is given twice: as '{}' and by {}",
                               arguments.text->substr(0, 200), given.front()),
                   {fmt::format("give the text or the flags {}, not both",
                                fmt::join(all, " "))}};
  if (!arguments.text && given.empty())
    throw CliError{usage,
                   "the spec is missing",
                   {hasLayer
                        ? std::string("give at least m, as text, like m16, or "
                                      "by -m")
                        : fmt::format("give it as text, like {}, or by -m, -n "
                                      "and -k",
                                      example)}};
}

/// Puts what only the layer knows behind the fields of a text.
std::string completed(const std::string &text, const KeyedText &keys,
                      const Extents &layer) {
  std::string missing;
  for (auto [key, value] :
       {std::pair{"n", layer.n}, {"k", layer.k}, {"g", layer.group}})
    if (!keys.has(key))
      missing += fmt::format("{}{}", key, value);
  std::string result = text;
  return result.insert(std::min(text.find(','), text.size()), missing);
}

Parsed parseText(const std::string &text, const Extents *layer) {
  Parsed parsed;
  if (!layer)
    parsed.spec = parseGemmSpec(text);
  KeyedText keys(text, gemmSpecFields, gemmSpecOptions, "m16,reduce=atomic");
  if (layer && !keys.has("m"))
    throw Error(ErrorKind::invalidSpec,
                fmt::format("'m' is missing in '{}'; the layer says n and k, "
                            "not how many rows x has",
                            text.substr(0, 200)),
                {"an example: m16"});
  if (layer)
    parsed.spec = parseGemmSpec(completed(text, keys, *layer));
  parsed.saidFormat = keys.has("w");
  parsed.saidReduce = keys.has("reduce");
  return parsed;
}

[[noreturn]] void failUnknown(std::string_view flag, const std::string &word,
                              std::span<const std::string_view> words) {
  throw Error(
      ErrorKind::invalidSpec,
      fmt::format("{} = '{}' is not known; the nearest is '{}', and all "
                  "are {}",
                  flag, word, nearest(word, words), fmt::join(words, ", ")));
}

/// Which of `words` a flag has: an invalid spec if none, as it is in a text.
template <std::size_t count>
std::size_t choice(std::string_view flag, const std::string &word,
                   const std::array<std::string_view, count> &words) {
  auto found = std::find(words.begin(), words.end(), word);
  if (found == words.end())
    failUnknown(flag, word, words);
  return static_cast<std::size_t>(found - words.begin());
}

template <class Value, std::size_t count>
Value choice(std::string_view flag, const std::string &word,
             const std::array<std::string_view, count> &words,
             const std::array<Value, count> &values) {
  return values[choice(flag, word, words)];
}

Reduce readReduce(const std::string &word) {
  static constexpr std::array values = {Reduce::none, Reduce::atomic,
                                        Reduce::ordered, Reduce::atomicOut};
  std::array<std::string_view, values.size()> words;
  std::transform(values.begin(), values.end(), words.begin(),
                 [](Reduce reduce) { return name(reduce); });
  return choice("--reduce", word, words, values);
}

Parsed parseFlags(const SpecArguments &arguments, const Extents *layer) {
  auto number = [&](const Flag &flag, std::int64_t missing) {
    const Text &text = arguments.*flag.value;
    return text ? wholeNumber<std::int64_t>(flag.name, *text) : missing;
  };
  if (layer && !arguments.m)
    throw CliError{usage,
                   "-m is missing; the layer says n and k, not how many rows x "
                   "has",
                   {}};
  std::vector<std::string_view> missing;
  for (const Flag &flag : std::span(flags).first(3)) // -m, -n, -k
    if (!layer && !(arguments.*flag.value))
      missing.push_back(flag.name);
  if (!missing.empty())
    throw CliError{
        usage,
        fmt::format("{} missing: a spec by flags needs -m, -n and -k",
                    fmt::join(missing, ", ")),
        {}};

  Parsed parsed;
  GemmSpec &spec = parsed.spec;
  spec.m = number(flags[0], 0);
  spec.n = number(flags[1], layer ? layer->n : 0);
  spec.k = number(flags[2], layer ? layer->k : 0);
  spec.group = number(flags[3], layer ? layer->group : spec.group);
  if (arguments.split)
    spec.split = wholeNumber<int>("--split", *arguments.split);
  if (arguments.x)
    spec.x = choice<Dtype, 2>("--x", *arguments.x, {"f16", "bf16"},
                              {Dtype::f16, Dtype::bf16});
  if (arguments.w) {
    const WeightFormat &format =
        weightFormats[choice("--w", *arguments.w, weightFormatNames)];
    spec.w = format.codes;
    spec.zeros = format.zeros;
  }
  if (arguments.layout)
    spec.layout = static_cast<WeightLayout>(
        choice("--layout", *arguments.layout, weightLayoutNames));
  if (arguments.launch)
    spec.launches =
        choice<Launches, 2>("--launch", *arguments.launch, {"alone", "chained"},
                            {Launches::alone, Launches::chained});
  spec.reduce = arguments.reduce  ? readReduce(*arguments.reduce)
                : spec.split == 1 ? Reduce::none
                                  : Reduce::ordered;
  if (spec.split == 1 && spec.reduce != Reduce::none)
    throw Error(ErrorKind::invalidSpec,
                fmt::format("--reduce {} with --split 1: there is nothing to "
                            "reduce; leave --reduce out, or split by 2 or more",
                            name(spec.reduce)));
  for (std::size_t i = 0; i < epilogueSteps.size(); ++i)
    if (const Text &word = arguments.epilogue[i]) {
      const EpilogueStep &step = epilogueSteps[i];
      auto found = std::find(step.words.begin(), step.words.end(), *word);
      if (found == step.words.end())
        failUnknown(fmt::format("--{}", step.key), *word, step.words);
      step.set(spec.epilogue, static_cast<int>(found - step.words.begin()));
    }
  validate(spec);
  parsed.saidFormat = arguments.w.has_value();
  parsed.saidReduce = arguments.reduce.has_value();
  return parsed;
}

/// Of one form or the other. `layer`: what may be left out, or null.
Parsed parse(const SpecArguments &arguments, const Extents *layer) {
  return arguments.text ? parseText(*arguments.text, layer)
                        : parseFlags(arguments, layer);
}

Request withSchedule(const Parsed &parsed, const Text &schedule) {
  Request request{parsed.spec, std::nullopt};
  if (!schedule)
    return request;
  request.schedule = parseSchedule(*schedule);
  // A reduction that nobody asked for must not contradict the schedule.
  if (!parsed.saidReduce && request.spec.split != 1 &&
      request.schedule->split != 1)
    request.spec.reduce = servedBy(request.schedule->reduce);
  return request;
}

void requireAgreement(std::string_view what, std::int64_t asked,
                      std::int64_t found, const std::string &file,
                      const std::string &layer) {
  if (asked != found)
    throw Error(ErrorKind::invalidInput,
                fmt::format("{}: layer '{}' has {} = {}, the spec asks for {}",
                            file, layer, what, found, asked),
                {fmt::format("leave {} out of the spec to take it from the "
                             "layer",
                             what)});
}

} // namespace

Request readRequest(const SpecArguments &arguments, const Text &schedule) {
  requireOneForm(arguments, /*hasLayer=*/false);
  return withSchedule(parse(arguments, nullptr), schedule);
}

LayerRequest readLayerRequest(const SpecArguments &arguments,
                              const Text &schedule, const std::string &file,
                              const std::string &layer) {
  requireOneForm(arguments, /*hasLayer=*/true);
  const Checkpoint checkpoint{std::filesystem::path(file)};
  // The extents first, with scales in a type that holds any finite one: which
  // type and which zero points are asked for is known once the spec is.
  GptqLayer extents =
      readLayer(checkpoint, layer, {.scaleType = Dtype::bf16, .codes = false})
          .layer;
  Extents found{extents.n, extents.k, extents.group};
  Parsed parsed = parse(arguments, &found);

  if (parsed.saidFormat && parsed.spec.w != extents.w)
    throw Error(ErrorKind::invalidInput,
                fmt::format("{}: layer '{}' has codes of {}, the spec asks for "
                            "w = {}",
                            file, layer, name(extents.w),
                            weightFormat(parsed.spec).name),
                {"leave w out of the spec to take it from the layer"});
  LayerReadOptions options;
  options.scaleType = parsed.spec.x;
  if (parsed.saidFormat)
    options.zeros = parsed.spec.zeros;
  LayerReadResult read = readLayer(checkpoint, layer, options);
  read.warnings.insert(read.warnings.begin(), checkpoint.warnings().begin(),
                       checkpoint.warnings().end());
  requireAgreement("n", parsed.spec.n, found.n, file, layer);
  requireAgreement("k", parsed.spec.k, found.k, file, layer);
  requireAgreement("group", parsed.spec.group, found.group, file, layer);
  parsed.spec.w = read.layer.w;
  parsed.spec.zeros = read.layer.zeros;
  validate(parsed.spec);
  return {withSchedule(parsed, schedule), std::move(read.layer),
          std::move(read.warnings)};
}

} // namespace lath::cli
