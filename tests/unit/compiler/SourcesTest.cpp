// Protects: every operator and function of indices, conditions and tiles that
// refuses an operand names the line of its caller, not a line of the library.
#include "compiler/dsl/Program.h"
#include "tests/unit/compiler/CompileHelpers.h"

#include <functional>

using namespace lath;
using namespace lath::test;

namespace {

struct Refusal {
  const char *call;
  std::function<void()> make;
};

void checkNamesThisFile(const std::vector<Refusal> &refusals) {
  for (const Refusal &refusal : refusals) {
    CAPTURE(refusal.call);
    const Error error = errorOf(refusal.make);
    CHECK(error.kind() == ErrorKind::invalidProgram);
    REQUIRE(!error.notes().empty());
    CHECK(contains(error.notes()[0], "SourcesTest.cpp:"));
  }
}

} // namespace

TEST_CASE("operators of indices and conditions name the caller's line") {
  // Of no program: nothing can be done with these.
  const Index a, b;
  const Bool c, d;
  checkNamesThisFile({
      {"-a", [&] { (void)-a; }},
      {"-(a of a call)", [&] { (void)-Index(); }},
      {"a + b", [&] { (void)(a + b); }},
      {"a - b", [&] { (void)(a - b); }},
      {"a * b", [&] { (void)(a * b); }},
      {"a / b", [&] { (void)(a / b); }},
      {"a % b", [&] { (void)(a % b); }},
      {"a + 1", [&] { (void)(a + 1); }},
      {"1 + a", [&] { (void)(1 + a); }},
      {"1 - a", [&] { (void)(1 - a); }},
      {"2 * a", [&] { (void)(2 * a); }},
      {"a < b", [&] { (void)(a < b); }},
      {"a <= b", [&] { (void)(a <= b); }},
      {"a > b", [&] { (void)(a > b); }},
      {"a >= b", [&] { (void)(a >= b); }},
      {"a == b", [&] { (void)(a == b); }},
      {"a != b", [&] { (void)(a != b); }},
      {"a == 3", [&] { (void)(a == 3); }},
      {"a != 3", [&] { (void)(a != 3); }},
      {"c & d", [&] { (void)(c & d); }},
      {"c | d", [&] { (void)(c | d); }},
      {"!c", [&] { (void)!c; }},
      {"minimum", [&] { (void)minimum(a, b); }},
      {"maximum", [&] { (void)maximum(a, b); }},
      {"ceilDiv", [&] { (void)ceilDiv(a, 4); }},
      {"where", [&] { (void)where(c, a, b); }},
      {"Range / 2", [&] { (void)(Range{a, 4} / 2); }},
  });
}

TEST_CASE("what a loop's body is given names the caller's line as well") {
  Program p("loop");
  Index other;
  checkNamesThisFile({
      {"-i == other",
       [&] { p.loop(p.each(0, 4), [&](Index i) { (void)(-i == other); }); }},
  });
  Program q("condition");
  Bool none;
  checkNamesThisFile({
      {"!(i < 1) & none",
       [&] {
         q.loop(q.each(0, 4), [&](Index i) { (void)(!(i < 1) & none); });
       }},
  });
}

TEST_CASE("operators and functions of tiles name the caller's line") {
  const Tile t, u;
  Tile v;
  const std::array<Operand, 4> counter{t, t, t, t};
  const std::array<Operand, 2> key{t, t};
  checkNamesThisFile({
      {"t + u", [&] { (void)(t + u); }},
      {"t - u", [&] { (void)(t - u); }},
      {"t * u", [&] { (void)(t * u); }},
      {"t / u", [&] { (void)(t / u); }},
      {"t % u", [&] { (void)(t % u); }},
      {"1 - t", [&] { (void)(1 - t); }},
      {"-t", [&] { (void)-t; }},
      {"t & u", [&] { (void)(t & u); }},
      {"t | u", [&] { (void)(t | u); }},
      {"t ^ u", [&] { (void)(t ^ u); }},
      {"~t", [&] { (void)~t; }},
      {"!t", [&] { (void)!t; }},
      {"t << u", [&] { (void)(t << u); }},
      {"t >> u", [&] { (void)(t >> u); }},
      {"t < u", [&] { (void)(t < u); }},
      {"t <= u", [&] { (void)(t <= u); }},
      {"t > u", [&] { (void)(t > u); }},
      {"t >= u", [&] { (void)(t >= u); }},
      {"t == u", [&] { (void)(t == u); }},
      {"t != u", [&] { (void)(t != u); }},
      {"v += u", [&] { v += u; }},
      {"v -= 1", [&] { v -= 1; }},
      {"v *= u", [&] { v *= u; }},
      {"v /= 2", [&] { v /= 2; }},
      {"divRn", [&] { (void)divRn(t, u); }},
      {"maximum", [&] { (void)maximum(t, u); }},
      {"minimum", [&] { (void)minimum(t, u); }},
      {"fma", [&] { (void)fma(t, u, v); }},
      {"abs", [&] { (void)abs(t); }},
      {"multiplyHigh", [&] { (void)multiplyHigh(t, u); }},
      {"where", [&] { (void)where(t, u, v); }},
      {"exp", [&] { (void)exp(t); }},
      {"exp2", [&] { (void)exp2(t); }},
      {"log", [&] { (void)log(t); }},
      {"log2", [&] { (void)log2(t); }},
      {"sqrt", [&] { (void)sqrt(t); }},
      {"rsqrt", [&] { (void)rsqrt(t); }},
      {"tanh", [&] { (void)tanh(t); }},
      {"erf", [&] { (void)erf(t); }},
      {"sin", [&] { (void)sin(t); }},
      {"cos", [&] { (void)cos(t); }},
      {"floor", [&] { (void)floor(t); }},
      {"ceil", [&] { (void)ceil(t); }},
      {"round", [&] { (void)round(t); }},
      {"sigmoid", [&] { (void)sigmoid(t); }},
      {"cast", [&] { (void)cast(t, Dtype::f16); }},
      {"bitcast", [&] { (void)bitcast(t, Dtype::i32); }},
      {"iota", [&] { (void)iota(Range{}); }},
      {"broadcast", [&] { (void)broadcast(t, {4, 4}); }},
      {"reshape", [&] { (void)reshape(t, {4, 4}); }},
      {"expand", [&] { (void)expand(t, 0); }},
      {"transpose", [&] { (void)transpose(t); }},
      {"permute", [&] { (void)permute(t, {1, 0}); }},
      {"join", [&] { (void)join(t, u); }},
      {"split", [&] { (void)split(t); }},
      {"slice", [&] { (void)slice(t, 0, 0, 1); }},
      {"sum", [&] { (void)sum(t, 0); }},
      {"max", [&] { (void)max(t, 0); }},
      {"min", [&] { (void)min(t, 0); }},
      {"any", [&] { (void)any(t, 0); }},
      {"all", [&] { (void)all(t, 0); }},
      {"argmax", [&] { (void)argmax(t, 0); }},
      {"argmin", [&] { (void)argmin(t, 0); }},
      {"cumsum", [&] { (void)cumsum(t, 0); }},
      {"cummax", [&] { (void)cummax(t, 0); }},
      {"sort", [&] { (void)sort(t, 0); }},
      {"toIndex", [&] { (void)toIndex(t); }},
      {"toBool", [&] { (void)toBool(t); }},
      {"philox", [&] { (void)philox(t, u); }},
      {"philox of words", [&] { (void)philox(counter, key); }},
      {"random", [&] { (void)random(t, u); }},
      {"randomNormal", [&] { (void)randomNormal(t, u); }},
      {"dequant", [&] { (void)dequant(t, u); }},
      {"dot", [&] { (void)dot(t, u, v); }},
      {"reduceSplits", [&] { (void)reduceSplits(t); }},
  });
}
