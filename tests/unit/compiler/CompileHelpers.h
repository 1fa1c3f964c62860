// What tests of compiled programs share: small programs, options, and counting
// instructions in PTX text.
#pragma once

#include "compiler/Compile.h"
#include "compiler/base/Target.h"
#include "kernels/examples/Examples.h"
#include "kernels/gemm/Schedule.h"
#include "tests/unit/ErrorOf.h"

#include <iterator>
#include <memory>
#include <regex>
#include <string>

namespace lath::test {

/// Matches of a regular expression in a text.
inline int count(const std::string &text, const std::string &expression) {
  std::regex pattern(expression);
  return static_cast<int>(
      std::distance(std::sregex_iterator(text.begin(), text.end(), pattern),
                    std::sregex_iterator()));
}

inline bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

/// The message of the Error{invalidProgram} that a call throws.
template <typename Call> std::string refused(Call &&call) {
  Error error = errorOf(call);
  CHECK(error.kind() == ErrorKind::invalidProgram);
  return error.message();
}

inline CompileOptions options(const std::string &targetName = "sm_90a",
                              int warps = 4, int stages = 1) {
  CompileOptions result;
  result.target = &target(targetName);
  result.warps = warps;
  result.stages = stages;
  result.verifyEach = true;
  return result;
}

/// The matmul example under a schedule's text.
inline Ptx compileMatmul(std::int64_t n, std::int64_t k, MatrixB order,
                         Dtype dtype, std::string_view text,
                         std::string_view targetName = "sm_90a") {
  const Schedule schedule = parseSchedule(text);
  auto program = matmul(n, k, order, dtype,
                        {schedule.blockM, schedule.blockN, schedule.blockK});
  CompileOptions options;
  static_cast<KernelSchedule &>(options) = schedule;
  options.target = &target(targetName);
  return compile(*program, options).ptx;
}

/// y[i] = x[i] + x[i].
inline std::unique_ptr<Program> twice(Dtype dtype = Dtype::f32) {
  auto program = std::make_unique<Program>("twice");
  Program &p = *program;
  Index n = p.scalar("n");
  View x = p.view("x", dtype, {n});
  View y = p.view("y", dtype, {n});
  Range i = p.range(p.programId(0), 1024);
  y.store({i}, x.load({i}) + x.load({i}));
  return program;
}

/// out[m, n] = sum over k of x[m, k] * w[k, n], one block wide: 64 rows, 64
/// columns, a K step of 64.
inline std::unique_ptr<Program> product(std::int64_t k = 1024) {
  auto program = std::make_unique<Program>("product");
  Program &p = *program;
  View x = p.view("x", Dtype::f16, {64, k});
  View w = p.view("w", Dtype::f16, {k, 64});
  View out = p.view("out", Dtype::f32, {64, 64});
  Range side = p.range(p.constant(0), 64);
  Tile sum = p.loop(p.kRange(k, 64), p.splat(0, Dtype::f32, {64, 64}),
                    [&](Range kk, Tile acc) {
                      return dot(x.load({side, kk}), w.load({kk, side}), acc);
                    });
  out.store({side, side}, reduceSplits(sum));
  return program;
}

} // namespace lath::test
