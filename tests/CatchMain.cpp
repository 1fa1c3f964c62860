// The main function of the Catch2 test programs.
#define CATCH_CONFIG_RUNNER
#include <catch2/catch.hpp>

#include <cstdlib>

int main(int argc, char **argv) {
  // What this user tuned must not change what tests see; tests that want a
  // database name one. Nobody can make a file at this path.
  setenv("LATH_TUNING_DB", "/dev/null/no-tuning.sqlite", 1);
  return Catch::Session().run(argc, argv);
}
