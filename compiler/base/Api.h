// Marks what the shared library liblath.so exports; all else is hidden.
//
// The library holds or uses another LLVM than PyTorch and Triton may have in
// the same process, so only names that stand in a public header leave it.
#pragma once

#define LATH_API __attribute__((visibility("default")))
/// What is inside a marked class and is not for users.
#define LATH_HIDDEN __attribute__((visibility("hidden")))
