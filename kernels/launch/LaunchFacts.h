// A Ptx as bytes: what a launch has to know of a kernel that was compiled
// before, for packs and for the cache on disk.
#pragma once

#include "compiler/base/Ptx.h"

#include <string>
#include <string_view>

namespace lath {

/// All of `ptx`; without its text where `withText` is false.
std::string launchFacts(const Ptx &ptx, bool withText);

/// What launchFacts wrote. Throws Error{invalidInput} on any other bytes;
/// `what` they are is said in its message.
Ptx parseLaunchFacts(std::string_view bytes, std::string_view what);

} // namespace lath
