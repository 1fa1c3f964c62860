// A file of kernels that were compiled before: one for all layers of a model,
// all buckets of rows and several targets. Needs no compiler, no assembler and
// no CUDA tool kit to be used.
//
//   auto pack = lath::Pack::open("model.lathpack");
//   lath::PackKernels kernels(device, pack);
//   kernels.gemm({.m = 5, .n = 4096, .k = 4096}).launch(stream, {...});
//
// The file is mapped, not read; equal code is stored once. Numbers are
// little-endian. It starts with
//
//   8 bytes  "LATHPACK"
//   u32      version, 3
//   u32      bytes of the index, which follows this head
//   u64      bytes of the file
//   16 bytes XXH3-128 of the file but for these 16 bytes
//
// and the index says, for each kernel, its spec, schedule, what chose it,
// target, launch facts and where its code lies behind the index.
#pragma once

#include "compiler/base/Api.h"
#include "kernels/launch/Kernel.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lath {

/// What chose a schedule of a pack, where it was no GPU's measurements: the
/// cost model, or who made the pack.
inline constexpr std::string_view chosenByModel = "model",
                                  chosenByCaller = "caller";

/// One kernel of a pack. Plain data; views are of the mapped file.
struct PackEntry {
  GemmSpec spec; ///< m is a bucket's
  Schedule schedule;
  /// One of the above, or the name of the GPU on which it was measured:
  /// "NVIDIA H200".
  std::string chosenBy;
  std::string target;     ///< "sm_90a"
  std::string_view facts; ///< launchFacts
  std::string_view cubin; ///< of entries of equal code the same bytes
};

/// Immutable, thread safe.
class LATH_API Pack {
public:
  /// Maps the file and checks every byte of it. Throws Error{invalidInput}
  /// where it cannot be read, is no pack, is damaged, or is of another version.
  static std::shared_ptr<const Pack> open(const std::string &path);
  Pack(const Pack &) = delete;
  Pack &operator=(const Pack &) = delete;
  ~Pack();

  const std::string &path() const { return path_; }
  std::size_t bytes() const { return bytes_.size(); }
  const std::vector<PackEntry> &entries() const { return entries_; }
  /// Each once, in the order of the file.
  std::vector<std::string> targets() const;
  std::string_view lathVersion() const { return lathVersion_; }

  /// The entry for `spec` on a target: the bucket of the fewest rows that holds
  /// spec.m. Null where there is none.
  const PackEntry *find(const GemmSpec &spec, std::string_view target) const;

private:
  Pack() = default;
  void readIndex(std::string_view index, std::string_view code);

  std::string path_;
  std::string_view bytes_; ///< mapped
  std::string_view lathVersion_;
  std::vector<PackEntry> entries_;
};

/// The kernels of a pack on a device, loaded as they are asked for, or all at
/// once. Thread safe; copies share all.
class LATH_API PackKernels {
public:
  /// Throws Error{unsupported} where the pack has nothing for the device.
  PackKernels(std::shared_ptr<Device> device, std::shared_ptr<const Pack> pack);

  /// Throws Error{notPrepared} where the pack has no kernel for the spec, with
  /// the nearest as a note; Error{driver}.
  Kernel gemm(const GemmSpec &spec) const;
  /// As Engine::gemmOn.
  Kernel gemmOn(Stream stream, const GemmSpec &spec) const;
  /// Loads all kernels for the device, so that gemm loads none. Returns how
  /// many there are.
  std::size_t loadAll() const;
  /// As Engine::prepareStream, of the kernels loaded so far.
  void prepareStream(Stream stream) const;

  const std::shared_ptr<Device> &device() const;
  const Pack &pack() const;

private:
  struct LATH_HIDDEN State;
  std::shared_ptr<State> state_;
};

} // namespace lath
