// A device that runs Lath's kernels: one interface, so that callers do not
// care whether a GPU or an emulator is behind it.
#pragma once

#include "compiler/base/Error.h"
#include "compiler/base/Ptx.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace lath {

/// Device memory. A plain number, as the driver has it.
using DevicePtr = std::uint64_t;

/// A stream of the caller's (a CUstream); null is the device's default stream.
using Stream = void *;

struct LaunchConfig {
  std::array<unsigned, 3> grid{1, 1, 1};
  bool dependent = false; ///< programmatic dependent launch
};

/// What an assembler says of a kernel.
struct KernelResources {
  unsigned registers = 0;    ///< per thread
  unsigned localBytes = 0;   ///< per thread: spills and stack
  unsigned staticShared = 0; ///< bytes per block
  unsigned maxThreads = 0;   ///< per block; 0: not known
  unsigned spillStores = 0;  ///< bytes per thread; only an assembler knows
  unsigned spillLoads = 0;   ///< bytes per thread; only an assembler knows
};

/// The blocks to start for a launch of these: of a persistent kernel as many as
/// run at once, `resident`, at most, each for several of those asked for.
/// Throws Error{invalidInput} where it cannot count them.
LATH_API std::array<unsigned, 3>
launchedGrid(const Ptx &ptx, const LaunchConfig &config, unsigned resident);
/// Throws Error{invalidInput} unless there are as many arguments as the kernel
/// has parameters, and scalars are multiples of what was promised.
LATH_API void checkArguments(const Ptx &ptx,
                             std::span<const std::uint64_t> args);

/// A kernel that is loaded and can be launched. Owned by shared pointer;
/// it keeps its device alive. Thread safe.
class LATH_API LoadedKernel {
public:
  virtual ~LoadedKernel() = default;
  virtual const Ptx &ptx() const = 0;
  virtual KernelResources resources() const = 0;
  /// Blocks of this kernel that one SM holds at once.
  virtual unsigned blocksPerSm() const = 0;
  /// `args` in the order of ptx().params, as many as ptx().arguments(): a
  /// pointer each for views, workspaces and tickets, the low 32 bits for
  /// scalars. Asynchronous on `stream`; allocates and synchronises nothing.
  /// Throws Error{driver}, and Error{invalidInput} as checkArguments does, or
  /// where an array is one that tensor copies cannot read.
  virtual void launch(Stream stream, const LaunchConfig &config,
                      std::span<const std::uint64_t> args) const = 0;
};

struct DeviceInfo {
  std::string name;   ///< "NVIDIA H200"
  std::string target; ///< "sm_90a"
  int major = 0, minor = 0;
  unsigned smCount = 0;
  std::size_t l2Bytes = 0;
  std::size_t memoryBytes = 0;
  int driverVersion = 0;  ///< as cuDriverGetVersion: 13000
  std::string driverText; ///< "580.159.04" where it can be read
};

class LATH_API Device : public std::enable_shared_from_this<Device> {
public:
  virtual ~Device() = default;
  virtual const DeviceInfo &info() const = 0;

  /// Uninitialised memory; 0 for 0 bytes.
  virtual DevicePtr allocate(std::size_t bytes) = 0;
  /// The same without waiting for anything, for use on `stream` only until
  /// something waits for that. Not while `stream` is captured.
  virtual DevicePtr allocateOn(Stream stream, std::size_t bytes);
  /// Whether launches on `stream` are recorded into a graph, or one on the
  /// default stream would disturb such a recording.
  virtual bool capturing(Stream stream);
  virtual void free(DevicePtr memory) noexcept = 0;
  /// Returns when the bytes are in device memory, for work on any stream.
  virtual void upload(DevicePtr to, const void *from, std::size_t bytes) = 0;
  /// Returns when the bytes are here. Waits for the default stream only:
  /// synchronize first where another stream writes `from`.
  virtual void download(void *to, DevicePtr from, std::size_t bytes) = 0;
  /// Fills with one byte value, asynchronously on `stream`.
  virtual void fill(DevicePtr to, unsigned char value, std::size_t bytes,
                    Stream stream = nullptr) = 0;
  /// Waits for all work on the device.
  virtual void synchronize() = 0;

  /// Whether the device runs machine code. Others run the text of the PTX.
  virtual bool takesMachineCode() const { return false; }
  /// Machine code for loadAssembled; none where the device takes no machine
  /// code, or where its driver has to assemble.
  virtual std::vector<char> assemble(const Ptx &ptx);
  /// What `assemble` assembles with, as a key of a cache has to carry it:
  /// "ptxas 41180200"; "none". Nothing: not known, so its code must not be
  /// kept.
  virtual std::optional<std::string> assembler() const;

  /// Assembles (if the device needs machine code) and loads.
  virtual std::shared_ptr<const LoadedKernel> load(const Ptx &ptx) = 0;

  /// Loads machine code that was assembled from `ptx` before, from a cache
  /// say; `ptx.text` may then be empty. A device that needs no machine code
  /// loads the text instead.
  virtual std::shared_ptr<const LoadedKernel>
  loadAssembled(const Ptx &ptx, std::span<const char> cubin);

  /// Captures what `work` does on the stream it is given into a graph, replays
  /// it `replays` times after `warmups` untimed ones, and returns the
  /// microseconds of each timed replay.
  virtual std::vector<double> timeGraph(const std::function<void(Stream)> &work,
                                        int warmups, int replays) = 0;

  /// Times several graphs against each other: replays alternate between them,
  /// so that a clock that drifts slows all alike, and every second round runs
  /// backwards, so that each has either neighbour ahead of it. Returns the
  /// microseconds by graph, then by round.
  virtual std::vector<std::vector<double>>
  timeGraphs(std::span<const std::function<void(Stream)>> works, int warmups,
             int replays);
};

/// Device memory that frees itself. Movable.
class DeviceBuffer {
public:
  DeviceBuffer() = default;
  DeviceBuffer(std::shared_ptr<Device> device, std::size_t bytes)
      : device_(std::move(device)), bytes_(bytes),
        memory_(device_->allocate(bytes)) {}
  DeviceBuffer(DeviceBuffer &&other) noexcept { swap(other); }
  DeviceBuffer &operator=(DeviceBuffer &&other) noexcept {
    swap(other);
    return *this;
  }
  ~DeviceBuffer() {
    if (memory_)
      device_->free(memory_);
  }
  DevicePtr get() const { return memory_; }
  std::size_t bytes() const { return bytes_; }

private:
  void swap(DeviceBuffer &other) noexcept {
    std::swap(device_, other.device_);
    std::swap(bytes_, other.bytes_);
    std::swap(memory_, other.memory_);
  }
  std::shared_ptr<Device> device_;
  std::size_t bytes_ = 0;
  DevicePtr memory_ = 0;
};

/// Device memory that holds these elements.
template <class Element>
DeviceBuffer uploaded(const std::shared_ptr<Device> &device,
                      const std::vector<Element> &elements) {
  DeviceBuffer buffer(device, elements.size() * sizeof(Element));
  device->upload(buffer.get(), elements.data(), buffer.bytes());
  return buffer;
}

} // namespace lath
