// The command as a function, for the program and for libraries that hold it.
#pragma once

namespace lath::cli {

/// Runs `lath` with these words, the first its name, and returns its exit code.
/// SIGPIPE is ignored from then on. Throws nothing.
int commandLine(int argc, char **argv);

} // namespace lath::cli
