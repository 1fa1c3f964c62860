#include "kernels/checkpoint/Checkpoint.h"

#include "compiler/base/Error.h"
#include "kernels/checkpoint/ConfigJson.h"
#include "kernels/checkpoint/QuantConfig.h"
#include "kernels/weights/Safetensors.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <system_error>

namespace lath {

namespace fs = std::filesystem;

struct Checkpoint::State {
  std::string source;
  QuantConfig config;
  std::vector<std::unique_ptr<Safetensors>> files;
  Tensors tensors;
  std::vector<std::string> warnings;

  void open(const fs::path &file);
  void openIndexed(const fs::path &index);
  void openFolder(const fs::path &folder);
};

static constexpr std::string_view indexEnd = ".safetensors.index.json";

[[noreturn]] static void fail(const fs::path &path, std::string_view why,
                              ErrorKind kind = ErrorKind::invalidInput,
                              std::vector<std::string> notes = {}) {
  throw Error(kind, fmt::format("{}: {}", path.string(), why),
              std::move(notes));
}

/// What the first bytes of a file that is no safetensors file say it is; those
/// are the low bytes of a length there, which is at most 100,000,000.
static void refuseOtherKinds(const fs::path &file) {
  char start[8] = {};
  std::ifstream(file, std::ios::binary).read(start, sizeof start);
  const std::string_view bytes(start, sizeof start);
  if (bytes.starts_with("GGUF"))
    fail(file, "a GGUF file; GGUF is not read", ErrorKind::unsupported,
         {"quantise the model's safetensors instead, with gptqmodel or "
          "llm-compressor"});
  if (bytes.starts_with("PK\x03\x04") || bytes.starts_with("\x80\x02"))
    fail(file,
         "a PyTorch pickle, which runs code when it is read; only "
         "safetensors are",
         ErrorKind::unsupported, {"save it with safetensors.torch.save_file"});
}

static bool endsWith(const fs::path &path, std::string_view end) {
  return path.filename().string().ends_with(end);
}

static std::vector<fs::path> filesOf(const fs::path &folder) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator at(folder, error), end; !error && at != end;
       at.increment(error))
    files.push_back(at->path());
  if (error)
    fail(folder, error.message());
  std::sort(files.begin(), files.end());
  return files;
}

void Checkpoint::State::open(const fs::path &file) {
  std::error_code error;
  if (!fs::is_regular_file(file, error)) // a pipe would be waited for
    fail(file, error ? error.message() : "not a regular file");
  refuseOtherKinds(file);
  files.push_back(std::make_unique<Safetensors>(file));
  const Safetensors &opened = *files.back();
  for (const SafetensorsInfo &info : opened.tensors()) {
    auto [at, added] = tensors.try_emplace(info.name, Tensor{&opened, &info});
    if (!added)
      fail(file, fmt::format("tensor '{}' is in {} as well", info.name,
                             at->second.file->source()));
  }
}

void Checkpoint::State::openIndexed(const fs::path &index) {
  const ConfigJson json = readConfigJson(index);
  auto map = ConfigSection(json, index.string()).section("weight_map");
  if (!map)
    fail(index, "no 'weight_map'");
  std::map<std::string, std::string, std::less<>> fileOf;
  std::set<std::string> names;
  for (const auto &[tensor, value] : map->json().items()) {
    std::string name = map->text(tensor).value_or("");
    // A name beside the index: it must lead nowhere else.
    if (name.empty() || name == ".." || fs::path(name).filename() != name)
      fail(index, fmt::format("'{}' is in '{}', expected the name of a file "
                              "beside the index",
                              tensor, name));
    names.insert(name);
    fileOf.emplace(tensor, std::move(name));
  }
  std::vector<std::string> missing;
  for (const std::string &name : names) {
    std::error_code ignored;
    if (!fs::exists(index.parent_path() / name, ignored))
      missing.push_back(name);
  }
  if (!missing.empty())
    fail(index, fmt::format("{} of {} files are not there, the first is '{}'",
                            missing.size(), names.size(), missing.front()));
  for (const std::string &name : names)
    open(index.parent_path() / name);
  for (const auto &[tensor, name] : fileOf) {
    auto at = tensors.find(tensor);
    const Tensor *found = at == tensors.end() ? nullptr : &at->second;
    if (!found)
      fail(index, fmt::format("tensor '{}' is not in '{}', nor in any other "
                              "file",
                              tensor, name));
    if (fs::path(found->file->source()).filename() != name)
      fail(index,
           fmt::format("tensor '{}' is in '{}', expected it in '{}'", tensor,
                       fs::path(found->file->source()).filename().string(),
                       name));
  }
  const auto extra = tensors.size() - fileOf.size();
  if (extra != 0)
    warnings.push_back(
        fmt::format("{}: {} tensors are in the files but not in the index",
                    index.string(), extra));
}

void Checkpoint::State::openFolder(const fs::path &folder) {
  const std::vector<fs::path> files = filesOf(folder);
  std::vector<fs::path> weights, indexes;
  for (const fs::path &file : files) {
    if (endsWith(file, indexEnd))
      indexes.push_back(file);
    if (endsWith(file, ".safetensors"))
      weights.push_back(file);
  }
  auto names = [](const std::vector<fs::path> &paths) {
    std::vector<std::string> texts;
    for (const fs::path &path : paths)
      texts.push_back(path.filename().string());
    return fmt::format("{}", fmt::join(texts, ", "));
  };
  if (indexes.size() > 1)
    fail(folder, fmt::format("{} indexes, expected one: {}", indexes.size(),
                             names(indexes)));
  if (indexes.size() == 1)
    return openIndexed(indexes.front());
  if (weights.empty()) {
    for (const fs::path &file : files)
      if (endsWith(file, ".gguf") || endsWith(file, ".bin") ||
          endsWith(file, ".pt") || endsWith(file, ".pth"))
        refuseOtherKinds(file);
    fail(folder, "no *.safetensors in it");
  }
  auto single = std::find_if(weights.begin(), weights.end(), [](auto &file) {
    return file.filename() == "model.safetensors";
  });
  if (single != weights.end() && weights.size() > 1) {
    warnings.push_back(fmt::format(
        "{}: model.safetensors is read; beside it there are {} more files",
        folder.string(), weights.size() - 1));
    return open(*single);
  }
  for (const fs::path &file : weights)
    open(file);
}

Checkpoint::Checkpoint(const fs::path &path)
    : state_(std::make_unique<State>()) {
  State &state = *state_;
  state.source = path.string();
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status))
    fail(path, "no such file or folder");
  const bool isFolder = fs::is_directory(status);
  const fs::path parent = path.has_parent_path() ? path.parent_path() : ".";
  state.config = QuantConfig::read(isFolder ? path : parent);
  state.warnings = state.config.warnings();
  if (isFolder)
    state.openFolder(path);
  else
    state.open(path);
}
Checkpoint::~Checkpoint() = default;
Checkpoint::Checkpoint(Checkpoint &&) noexcept = default;
Checkpoint &Checkpoint::operator=(Checkpoint &&) noexcept = default;

const std::string &Checkpoint::source() const { return state_->source; }
const QuantConfig &Checkpoint::config() const { return state_->config; }
const Checkpoint::Tensors &Checkpoint::tensors() const {
  return state_->tensors;
}
const std::vector<std::string> &Checkpoint::warnings() const {
  return state_->warnings;
}

const Checkpoint::Tensor *Checkpoint::find(std::string_view name) const {
  auto found = tensors().find(name);
  return found == tensors().end() ? nullptr : &found->second;
}

std::span<const std::byte> Checkpoint::bytes(const Tensor &tensor) const {
  return tensor.file->bytes(*tensor.info);
}

std::string Checkpoint::metadata(std::string_view key) const {
  const auto &metadata = state_->files.front()->metadata();
  auto found = metadata.find(key);
  return found == metadata.end() ? std::string() : found->second;
}

} // namespace lath
