// The program.
#include "tools/lath/Entry.h"

int main(int argc, char **argv) { return lath::cli::commandLine(argc, argv); }
