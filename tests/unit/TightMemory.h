// An address space with room for the stacks of a few threads, not of many.
#pragma once

#include <cstddef>
#include <fstream>

#include <sys/resource.h>
#include <unistd.h>

namespace lath::test {

/// Until the end of the scope. Not under the thread sanitizer, which needs
/// more.
class TightMemory {
public:
  TightMemory() {
    std::size_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    getrlimit(RLIMIT_AS, &kept_);
    rlimit tight = kept_;
    tight.rlim_cur =
        pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + (rlim_t(64) << 20);
    setrlimit(RLIMIT_AS, &tight);
  }
  TightMemory(const TightMemory &) = delete;
  ~TightMemory() { setrlimit(RLIMIT_AS, &kept_); }

private:
  rlimit kept_;
};

} // namespace lath::test
