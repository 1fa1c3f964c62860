// What a GEMM does to each sum before it is rounded and stored.
//
// A step is one record here, its word in a spec; its tile program and its
// reference in EpilogueSteps.cpp; and its operands, if it has any, in
// Operands.h. Everybody else knows steps by these tables.
#pragma once

#include "compiler/base/Api.h"

#include <array>
#include <compare>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace lath {

/// The steps of a spec, done in fp32 in the order of the members. A value of
/// zero: not this step.
struct Epilogue {
  bool bias = false; ///< adds GemmArguments::bias

  auto operator<=>(const Epilogue &) const = default;
};

/// One step, as specs and commands say it.
struct EpilogueStep {
  std::string_view key; ///< of the spec's text; the command's flag is --key
  std::span<const std::string_view> words; ///< by value; the first: without
  std::string_view help; ///< "a vector [n], added to each row of out"
  int (*get)(const Epilogue &);
  void (*set)(Epilogue &, int value);
};

/// The step that a member of Epilogue, a bool or an enum, switches.
template <auto member>
constexpr EpilogueStep epilogueStep(std::string_view key,
                                    std::span<const std::string_view> words,
                                    std::string_view help) {
  return {key, words, help,
          [](const Epilogue &e) { return static_cast<int>(e.*member); },
          [](Epilogue &e, int value) {
            using Value = std::remove_cvref_t<decltype(e.*member)>;
            e.*member = static_cast<Value>(value);
          }};
}

inline constexpr std::array<std::string_view, 2> noYes = {"no", "yes"};

/// All of them, in the order in which they are done.
inline constexpr std::array epilogueSteps = {
    epilogueStep<&Epilogue::bias>("bias", noYes,
                                  "a vector [n], added to each row of out"),
};

/// The steps that there are, as a spec's text says them: "bias=yes". Empty:
/// none.
LATH_API std::string print(const Epilogue &epilogue);

/// What print() made. Throws Error{invalidSpec} on anything else.
LATH_API Epilogue parseEpilogue(std::string_view text);

} // namespace lath
