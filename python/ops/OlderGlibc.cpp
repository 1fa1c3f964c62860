// Two functions of glibc as an older one has them, so that a wheel linked on
// Debian 12 (glibc 2.36) loads where manylinux_2_34 wheels do: RHEL 9, Ubuntu
// 22.04. LLVM's archives ask for arc4random, which is of 2.36, and for hypot,
// whose newest version is of 2.35. Hidden: they serve this library alone.
#include <sys/random.h>

#include <cstdint>
#include <cstdlib>

extern "C" {

/// 32 random bits of the kernel, which has some from early after boot on.
__attribute__((visibility("hidden"))) std::uint32_t arc4random() noexcept {
  std::uint32_t bits;
  if (getrandom(&bits, sizeof bits, 0) != sizeof bits)
    std::abort();
  return bits;
}

double lath_older_hypot(double x, double y);
__asm__(".symver lath_older_hypot,hypot@GLIBC_2.2.5");

__attribute__((visibility("hidden"))) double hypot(double x,
                                                   double y) noexcept {
  return lath_older_hypot(x, y);
}
}
