#include "tools/lath/Commands.h"
namespace lath::cli {
void report(const ReportArguments &) {}
} // namespace lath::cli
