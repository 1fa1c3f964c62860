// Where results go, whole or not at all; and remarks.
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>

namespace lath::cli {

/// Writes a result to standard output, or to the file `path`. A regular file
/// is written beside its place and renamed, so that it appears whole or keeps
/// what it had; devices and pipes are written in place. "-" is standard output.
/// A reader that went away is no error: it has seen what it wanted.
/// Throws CliError{failure}.
void writeResult(std::string_view bytes,
                 const std::optional<std::string> &path = std::nullopt);

/// Whether a result without a path of its own would land on a terminal.
bool goesToTerminal(const std::optional<std::string> &path);

/// "lath: warning: ..." on standard error.
void warn(std::string_view message);

/// "lath: ..." on standard error: progress.
void remark(std::string_view message);

/// One line of a text report: the label, blanks, the value.
std::string row(std::string_view label, std::string_view value);

/// As row, the value broken between words into lines of about 80 characters.
std::string wrappedRow(std::string_view label, std::string_view value);

/// 8388608 as "8.39 MB", 131072 as "131 kB", 96 as "96 B".
std::string bytesText(double bytes);

} // namespace lath::cli
