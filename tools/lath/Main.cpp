// From words to a command, and from errors to exit codes.
#include "tools/lath/CliError.h"
#include "tools/lath/CommandLine.h"
#include "tools/lath/Entry.h"
#include "tools/lath/Output.h"
#include "tools/lath/Words.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <new>

namespace lath::cli {

namespace {

CliError unknownCommand(std::string_view name,
                        const std::vector<std::string_view> &all) {
  return {usage,
          fmt::format("unknown command '{}'; the nearest is '{}'", name,
                      nearest(name, all)),
          {fmt::format("the commands are {}", fmt::join(all, ", "))}};
}

/// The help of a command; of lath where none is named.
std::string helpOf(const CommandLine &line, const Text &name) {
  if (!name) // line.app.help() would be that of the command chosen
    return line.app.get_formatter()->make_help(&line.app, "lath",
                                               CLI::AppFormatMode::Normal);
  auto all = CommandLine::commandNames();
  if (std::find(all.begin(), all.end(), *name) == all.end())
    throw unknownCommand(*name, all);
  return line.app.get_subcommand(*name)->help("lath");
}

/// "--stage" of "--stage=ptx".
std::string_view optionName(std::string_view word) {
  return word.substr(0, word.find('='));
}

bool isOption(std::string_view word) {
  return word.size() > 1 && word[0] == '-' &&
         !(word[1] >= '0' && word[1] <= '9');
}

std::vector<std::string> optionNames(const CLI::App &app) {
  std::vector<std::string> names;
  for (const CLI::Option *option : app.get_options()) {
    for (const std::string &name : option->get_lnames())
      names.push_back("--" + name);
    for (const std::string &name : option->get_snames())
      names.push_back("-" + name);
  }
  return names;
}

/// A word that a command did not take.
CliError unexpected(const CLI::App &command, std::string_view word) {
  std::string see =
      fmt::format("`lath help {}` lists what it takes", command.get_name());
  if (!isOption(word))
    return {
        usage,
        fmt::format("unexpected argument '{}' of {}", word, command.get_name()),
        {see}};
  std::vector<std::string> names = optionNames(command);
  return {usage,
          fmt::format("unknown option '{}' of {}; the nearest is '{}'",
                      optionName(word), command.get_name(),
                      nearest(optionName(word), names)),
          {see}};
}

/// A word in front of the command, or instead of it.
CliError unexpectedFirst(const CommandLine &line, std::string_view word) {
  if (!isOption(word))
    return unknownCommand(word, CommandLine::commandNames());
  for (const CLI::App *command : line.app.get_subcommands(nullptr))
    for (const std::string &name : optionNames(*command))
      if (name == optionName(word))
        return {usage,
                fmt::format("option '{}' stands in front of the command", name),
                {fmt::format("write it behind: lath {} ... {}",
                             command->get_name(), name)}};
  std::vector<std::string> names = optionNames(line.app);
  return {usage,
          fmt::format("unknown option '{}'; the nearest is '{}'",
                      optionName(word), nearest(optionName(word), names)),
          {"`lath --help` lists the commands"}};
}

/// CLI11's own complaints: a value that is missing, given twice, or given to a
/// flag.
CliError malformed(const CommandLine &line, const CLI::ParseError &error) {
  for (const CLI::App *command : line.app.get_subcommands(nullptr)) {
    if (!command->parsed())
      continue;
    for (const CLI::Option *option : command->get_options()) {
      std::string name = option->get_name();
      if (option->count() > 1)
        return {usage, fmt::format("{} is given twice", name), {}};
      if (option->count() == 0 &&
          std::string_view(error.what()).starts_with(name + ":"))
        return {usage, fmt::format("{} needs a value", name), {}};
      if (option->get_items_expected_max() == 0 &&
          std::string_view(error.what())
              .starts_with(option->get_single_name() + " "))
        return {usage, fmt::format("{} takes no value", name), {}};
    }
  }
  return {usage, error.what(), {}};
}

void dispatch(const CommandLine &line) {
  std::vector<std::string> rest = line.app.remaining();
  std::vector<CLI::App *> chosen = line.app.get_subcommands();
  if (!rest.empty())
    throw unexpectedFirst(line, rest.front());
  if (chosen.empty())
    throw CliError{usage,
                   "a command is missing",
                   {fmt::format("the commands are {}; `lath --help` tells more",
                                fmt::join(CommandLine::commandNames(), ", "))}};
  if (rest = chosen.front()->remaining(); !rest.empty())
    throw unexpected(*chosen.front(), rest.front());
  if (*line.emitCommand)
    cli::emit(line.emit);
  else if (*line.runCommand)
    cli::run(line.run);
  else if (*line.explainCommand)
    cli::explain(line.explain);
  else if (*line.programsCommand)
    cli::programs(line.programs);
  else if (*line.packCommand)
    cli::pack(line.pack);
  else if (*line.inspectCommand)
    cli::inspect(line.inspect);
  else if (*line.doctorCommand)
    cli::doctor(line.doctor);
  else if (*line.cacheCommand)
    cli::cache(line.cache);
  else if (*line.tuneCommand)
    cli::tune(line.tune);
  else if (*line.benchCommand)
    cli::bench(line.bench);
  else if (*line.reportCommand)
    cli::report(line.report);
  else if (*line.workerCommand)
    cli::tuneWorker(line.workerDevice);
  else
    writeResult(helpOf(line, line.helpTopic));
}

/// CLI11 takes the next word for the value of `--stage=`.
void refuseEmptyValues(int argc, char **argv) {
  for (int i = 1; i < argc; ++i) {
    std::string_view word = argv[i];
    if (word == "--")
      return;
    if (word.starts_with("--") && word.ends_with('='))
      throw CliError{
          usage, fmt::format("{} needs a value", optionName(word)), {}};
  }
}

void parseAndDispatch(int argc, char **argv) {
  refuseEmptyValues(argc, argv);
  CommandLine line;
  try {
    line.app.parse(argc, argv);
  } catch (const CLI::CallForHelp &) {
    return writeResult(line.app.help());
  } catch (const CLI::CallForVersion &version) {
    return writeResult(version.what());
  } catch (const CLI::ParseError &error) {
    throw malformed(line, error);
  }
  dispatch(line);
}

/// "lath: error: ..." and the notes, every line of them indented.
void printError(std::string_view message,
                const std::vector<std::string> &notes) {
  std::string text = fmt::format("lath: error: {}\n", message);
  for (std::string_view note : notes)
    while (!note.empty()) {
      std::size_t end = std::min(note.find('\n'), note.size());
      text += fmt::format("  {}\n", note.substr(0, end));
      note.remove_prefix(std::min(end + 1, note.size()));
    }
  std::fputs(text.c_str(), stderr);
}

int runCommandLine(int argc, char **argv) {
  try {
    parseAndDispatch(argc, argv);
    return success;
  } catch (const CliError &error) {
    printError(error.message, error.notes);
    return error.code;
  } catch (const Error &error) {
    printError(error.message(), error.notes());
    return exitCode(error.kind());
  } catch (const std::bad_alloc &) {
    printError("not enough memory", {});
    return failure;
  } catch (const std::exception &error) {
    printError(fmt::format("internal error: {}", error.what()), {});
    return failure;
  }
}

} // namespace

int commandLine(int argc, char **argv) {
  // A reader that stops reading, like head, is seen as EPIPE by writeResult.
  std::signal(SIGPIPE, SIG_IGN);
  return runCommandLine(argc, argv);
}

} // namespace lath::cli
