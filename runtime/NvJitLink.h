// NVIDIA's linker and assembler as a library, opened at run time.
//
// Its header maps each call to a symbol of one version (nvJitLinkCreate to
// __nvJitLinkCreate_13_0), and a newer library keeps the older ones. We take
// all calls from one version: the newest that the library has.
#pragma once

#include "compiler/base/Api.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

/// An open library. Copyable; never closed. The functions are thread safe for
/// different handles.
struct NvJitLink {
  using Handle = struct NvJitLinkState *;
  using Result = int; ///< 0 is success

  std::string path;    ///< the file it came from
  std::string version; ///< "13.0", empty where the library does not say
  std::uintmax_t fileBytes = 0; ///< tells patch releases apart; 0: unknown

  Result (*create)(Handle *, std::uint32_t count, const char **options);
  Result (*destroy)(Handle *);
  Result (*addData)(Handle, int inputType, const void *, std::size_t,
                    const char *name);
  Result (*complete)(Handle);
  Result (*cubinSize)(Handle, std::size_t *);
  Result (*cubin)(Handle, void *);
  Result (*errorLogSize)(Handle, std::size_t *);
  Result (*errorLog)(Handle, char *);
  Result (*infoLogSize)(Handle, std::size_t *);
  Result (*infoLog)(Handle, char *);
};

/// Opens `file`, a path or a soname. Returns nothing and appends the reason to
/// `problems` where that fails.
LATH_API std::optional<NvJitLink>
openNvJitLink(const std::string &file, std::vector<std::string> &problems);

struct LinkResult {
  std::vector<char> cubin;    ///< empty: it failed
  std::string log;            ///< errors first, then what -v prints
  bool unknownOption = false; ///< it failed at an option it does not know
};

/// Assembles one PTX text. Failure is in the result, not thrown. Thread safe.
LATH_API LinkResult linkPtx(const NvJitLink &library, const std::string &ptx,
                            const std::vector<std::string> &options);

} // namespace lath
