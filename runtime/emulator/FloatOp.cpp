#include "runtime/emulator/FloatOp.h"
#include "runtime/emulator/Arithmetic.h"

#include <cmath>
#include <limits>

namespace lath::emulator::floats {

namespace {

template <bool isMax> double pick(double a, double b, bool nan) {
  if (a != a || b != b) {
    if (nan || (a != a && b != b))
      return std::numeric_limits<double>::quiet_NaN();
    return a != a ? b : a;
  }
  if (a == b) // -0 is below +0
    return isMax == std::signbit(a) ? b : a;
  return (a < b) == isMax ? b : a;
}

} // namespace

double widely(Op op, double a, double b, double c, bool nan) {
  switch (op) {
  case Op::add:
    return addToOdd(a, b);
  case Op::sub:
    return addToOdd(a, -b);
  case Op::mul:
    return a * b;
  case Op::fma:
    return fmaToOdd(a, b, c);
  case Op::div: {
    // The remainder tells on which side of the quotient the truth lies.
    double q = a / b;
    if (!std::isfinite(q) || q == 0 || !std::isfinite(b))
      return q;
    double rest = std::fma(-q, b, a);
    auto bits = std::bit_cast<std::uint64_t>(q);
    if (rest == 0 || (bits & 1))
      return q;
    bool larger = (rest > 0) == (b > 0);
    return std::bit_cast<double>(larger == (q > 0) ? bits + 1 : bits - 1);
  }
  case Op::min:
    return pick<false>(a, b, nan);
  case Op::max:
    return pick<true>(a, b, nan);
  case Op::abs:
    return std::fabs(a);
  case Op::neg:
    return -a;
  case Op::sqrt: {
    double root = std::sqrt(a);
    if (!std::isfinite(root) || root == 0)
      return root;
    double rest = std::fma(-root, root, a);
    auto bits = std::bit_cast<std::uint64_t>(root);
    if (rest == 0 || (bits & 1))
      return root;
    return std::bit_cast<double>(rest > 0 ? bits + 1 : bits - 1);
  }
  case Op::rsqrt:
    return 1 / std::sqrt(a);
  case Op::rcp:
    return widely(Op::div, 1, a, 0, nan);
  case Op::ex2:
    return std::exp2(a);
  case Op::lg2:
    return std::log2(a);
  case Op::sin:
    return std::sin(a);
  case Op::cos:
    return std::cos(a);
  case Op::tanh:
    return std::tanh(a);
  case Op::copysign: // b with a's sign
    return std::copysign(b, a);
  }
  return 0;
}

} // namespace lath::emulator::floats
