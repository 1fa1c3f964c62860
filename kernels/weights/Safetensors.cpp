// Maps a safetensors file into memory, and writes one.
#include "kernels/weights/Safetensors.h"

#include "compiler/base/Error.h"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace lath {

namespace {

[[noreturn]] void fail(std::string message) {
  throw Error(ErrorKind::invalidInput, std::move(message));
}

void unmap(std::span<const std::byte> file) {
  if (!file.empty())
    munmap(const_cast<std::byte *>(file.data()), file.size());
}

std::span<const std::byte> mapFile(const std::string &path) {
  int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0)
    fail(fmt::format("{}: cannot open: {}", path, std::strerror(errno)));
  struct stat status{};
  bool regular = fstat(descriptor, &status) == 0 && S_ISREG(status.st_mode);
  auto size = static_cast<std::size_t>(status.st_size);
  void *data = nullptr;
  if (regular && size != 0) // mmap refuses a length of 0
    data = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  int mapError = errno;
  close(descriptor);
  if (!regular)
    fail(fmt::format("{}: not a regular file", path));
  if (data == MAP_FAILED)
    fail(fmt::format("{}: cannot map: {}", path, std::strerror(mapError)));
  return {static_cast<const std::byte *>(data), size};
}

} // namespace

Safetensors::Safetensors(const std::filesystem::path &path)
    : source_(path.string()), file_(mapFile(source_)) {
  try {
    header_ = parseSafetensors(file_, source_);
  } catch (...) {
    unmap(file_);
    throw;
  }
}

Safetensors::Safetensors(Safetensors &&other) noexcept
    : source_(std::move(other.source_)), file_(std::exchange(other.file_, {})),
      header_(std::move(other.header_)) {}

Safetensors &Safetensors::operator=(Safetensors &&other) noexcept {
  std::swap(source_, other.source_);
  std::swap(file_, other.file_);
  std::swap(header_, other.header_);
  return *this;
}

Safetensors::~Safetensors() { unmap(file_); }

const SafetensorsInfo *Safetensors::find(std::string_view name) const {
  auto found = std::find_if(
      tensors().begin(), tensors().end(),
      [&](const SafetensorsInfo &tensor) { return tensor.name == name; });
  return found == tensors().end() ? nullptr : &*found;
}

std::span<const std::byte>
Safetensors::bytes(const SafetensorsInfo &tensor) const {
  return file_.subspan(header_.payloadOffset + tensor.begin,
                       tensor.end - tensor.begin);
}

void writeSafetensors(
    const std::filesystem::path &path,
    std::span<const SafetensorsTensor> tensors,
    const std::map<std::string, std::string, std::less<>> &metadata) {
  std::string header = "{";
  auto append = [&](const std::string &key, const nlohmann::json &value) {
    try { // dump() escapes, and throws on bad UTF-8
      header += fmt::format("{}{}:{}", header.size() > 1 ? "," : "",
                            nlohmann::json(key).dump(), value.dump());
    } catch (const nlohmann::json::exception &exception) {
      fail(fmt::format("{}: cannot write a name: {}", path.string(),
                       exception.what()));
    }
  };
  if (!metadata.empty())
    append("__metadata__", metadata);
  std::uint64_t offset = 0;
  for (const SafetensorsTensor &tensor : tensors) {
    append(tensor.name,
           {{"dtype", tensor.dtype},
            {"shape", tensor.shape},
            {"data_offsets", {offset, offset + tensor.bytes.size()}}});
    offset += tensor.bytes.size();
  }
  header += "}";
  header.resize((header.size() + 7) / 8 * 8, ' ');

  // Write beside the target, check with the reader, then rename over it.
  std::filesystem::path partial = path;
  partial += fmt::format(".{}.part", getpid());
  {
    std::ofstream out(partial, std::ios::binary);
    for (int i = 0; i < 8; ++i)
      out.put(static_cast<char>(header.size() >> 8 * i & 0xff));
    out.write(header.data(), static_cast<std::streamsize>(header.size()));
    for (const SafetensorsTensor &tensor : tensors)
      out.write(reinterpret_cast<const char *>(tensor.bytes.data()),
                static_cast<std::streamsize>(tensor.bytes.size()));
    out.close();
    if (!out) {
      std::error_code ignored;
      std::filesystem::remove(partial, ignored);
      fail(fmt::format("{}: cannot write", path.string()));
    }
  }
  std::error_code error;
  try {
    Safetensors check(partial);
  } catch (const Error &wrong) {
    std::filesystem::remove(partial, error);
    fail(path.string() + wrong.message().substr(partial.string().size()));
  }
  std::filesystem::rename(partial, path, error);
  if (error) {
    std::error_code ignored;
    std::filesystem::remove(partial, ignored);
    fail(fmt::format("{}: cannot write: {}", path.string(), error.message()));
  }
}

} // namespace lath
