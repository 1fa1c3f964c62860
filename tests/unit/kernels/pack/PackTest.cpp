// Packs: what is written is found again, and nothing damaged is read.
#include "kernels/engine/Engine.h"
#include "kernels/launch/LaunchFacts.h"
#include "kernels/pack/Models.h"
#include "kernels/pack/PackFormat.h"
#include "kernels/pack/PackWriter.h"
#include "runtime/CudaDevice.h"
#include "runtime/EmulatedDevice.h"
#include "tests/emulator/Gemm.h"
#include "tests/unit/ErrorOf.h"
#include "tests/unit/TemporaryFolder.h"
#include "tests/unit/runtime/FakeDriver.h"

#include <catch2/catch.hpp>

#include <cstring>
#include <fstream>
#include <set>
#include <thread>

using namespace lath;

namespace {

std::vector<GemmSpec> someSpecs() {
  std::vector<GemmSpec> specs = bucketSpecs({.m = 0, .n = 64, .k = 256}, 32);
  GemmSpec split{.m = 8, .n = 32, .k = 256};
  split.split = 2;
  specs.push_back(split);
  return specs;
}

bool hasAssembler() {
  return toolchain().nvJitLink || toolchain().ptxas.found();
}

/// For sm_90a and sm_80, with text. Made once.
const std::string &somePack() {
  static const std::string bytes = [] {
    PackOptions options;
    options.targets = {&target("sm_90a"), &target("sm_80")};
    options.withText = true;
    return makePack(someSpecs(), options);
  }();
  return bytes;
}

std::string write(const test::TemporaryFolder &folder,
                  const std::string &bytes) {
  std::string path = (folder / "test.lathpack").string();
  std::ofstream(path, std::ios::binary) << bytes;
  return path;
}

/// `bytes` with the checksum that they should have: what only a writer that is
/// wrong makes.
std::string signedAnew(std::string bytes) {
  auto sum = pack::checksum(bytes);
  std::memcpy(bytes.data() + pack::checksumAt, sum.data(), sum.size());
  return bytes;
}

#define NEEDS_ASSEMBLER()                                                      \
  if (!hasAssembler()) {                                                       \
    WARN("skipped: no assembler");                                             \
    return;                                                                    \
  }

} // namespace

TEST_CASE("a pack has all specs for all targets, equal code once") {
  NEEDS_ASSEMBLER();
  test::TemporaryFolder folder;
  auto pack = Pack::open(write(folder, somePack()));
  CHECK(pack->targets() == std::vector<std::string>{"sm_90a", "sm_80"});
  CHECK(pack->entries().size() == 2 * someSpecs().size());
  CHECK(pack->bytes() == somePack().size());
  std::set<const char *> codes;
  for (const PackEntry &entry : pack->entries()) {
    codes.insert(entry.cubin.data());
    CHECK(entry.cubin.starts_with("\177ELF"));
    CHECK(reinterpret_cast<std::uintptr_t>(entry.cubin.data()) %
              pack::codeAlignment ==
          0);
    CHECK(parseLaunchFacts(entry.facts, "it").target == entry.target);
  }
  // 1, 2, 4, 8 and 16 rows; 24 and 32, which keep as many; and the split.
  CHECK(codes.size() == 2 * 7);

  CHECK(pack->find({.m = 3, .n = 64, .k = 256}, "sm_80")->spec.m == 4);
  CHECK(pack->find({.m = 9, .n = 64, .k = 256}, "sm_80")->spec.m == 16);
  CHECK(!pack->find({.m = 33, .n = 64, .k = 256}, "sm_80"));
  CHECK(!pack->find({.m = 1, .n = 64, .k = 256}, "sm_89"));
  CHECK(!pack->find({.m = 1, .n = 128, .k = 256}, "sm_80"));
}

TEST_CASE("packs of equal requests are equal") {
  NEEDS_ASSEMBLER();
  PackOptions options;
  options.targets = {&target("sm_90a")};
  auto specs = someSpecs();
  options.threads = 1;
  std::string one = makePack(specs, options);
  specs.push_back(specs.front()); // and a spec that is there already
  options.threads = 4;
  CHECK(makePack(specs, options) == one);
}

TEST_CASE("kernels of a pack compute, and are found at their bucket") {
  NEEDS_ASSEMBLER();
  test::TemporaryFolder folder;
  auto device = openEmulator();
  PackKernels kernels(device, Pack::open(write(folder, somePack())));
  for (std::int64_t m : {1, 5, 16}) {
    GemmSpec spec{.m = m, .n = 64, .k = 256};
    test::EmulatedGemm gemm(device, spec);
    Kernel kernel = kernels.gemm(spec);
    CHECK(kernel.rows() == m);
    CHECK(gemm.run(kernel).relativeFrobenius < 1e-3);
  }
  GemmSpec split{.m = 8, .n = 32, .k = 256};
  test::EmulatedGemm gemm(device, split);
  CHECK(gemm.run(kernels.gemm(split)).relativeFrobenius < 1e-3);
  CHECK(&kernels.gemm({.m = 24, .n = 64, .k = 256}).loaded() ==
        &kernels.gemm({.m = 32, .n = 64, .k = 256}).loaded());

  Error error =
      test::errorOf([&] { kernels.gemm({.m = 48, .n = 64, .k = 256}); });
  CHECK(error.kind() == ErrorKind::notPrepared);
  CHECK(error.notes() == std::vector<std::string>{
                             "of this shape its largest is m32n64k256g128"});
  error = test::errorOf([&] { kernels.gemm({.m = 1, .n = 96, .k = 256}); });
  CHECK(error.notes() ==
        std::vector<std::string>{"its shapes are n64k256, n32k256"});
}

TEST_CASE("a pack's code is loaded once, and by many threads", "[threads]") {
  NEEDS_ASSEMBLER();
  test::TemporaryFolder folder;
  auto device = openEmulator();
  PackKernels kernels(device, Pack::open(write(folder, somePack())));
  std::vector<Kernel> got(8);
  {
    std::vector<std::jthread> threads;
    for (Kernel &kernel : got)
      threads.emplace_back(
          [&] { kernel = kernels.gemm({.m = 4, .n = 64, .k = 256}); });
  }
  for (const Kernel &kernel : got)
    CHECK(&kernel.loaded() == &got.front().loaded());
  CHECK(kernels.loadAll() == someSpecs().size());
}

TEST_CASE("a capture loads nothing of a pack") {
  NEEDS_ASSEMBLER();
  test::TemporaryFolder folder;
  auto pack = Pack::open(write(folder, somePack()));
  PackKernels kernels(openCuda(test::fakeDriver(), {}), pack);
  GemmSpec split{.m = 8, .n = 32, .k = 256}, plain{.m = 8, .n = 64, .k = 256};
  auto stream = reinterpret_cast<Stream>(0x70);
  test::record().capturing = true;
  for (auto ask :
       {std::function<void()>([&] { kernels.gemm(split); }),
        std::function<void()>([&] { kernels.gemmOn(stream, split); })})
    CHECK(test::errorOf(ask).kind() == ErrorKind::notPrepared);
  CHECK(test::count("libraryLoadData") == 0);
  test::record().capturing = false;
  kernels.loadAll();
  kernels.gemmOn(stream, split);
  test::record().capturing = true;
  test::record().calls.clear();
  Kernel first = kernels.gemmOn(stream, split);
  Kernel second = kernels.gemmOn(stream, plain);
  GemmArguments arguments{
      .x = 0x100, .qweight = 0x200, .scales = 0x300, .out = 0x500};
  first.launch(stream, arguments);
  second.launch(stream, arguments);
  CHECK(test::count("launchKernelEx") == 2);
  CHECK(test::count("libraryLoadData") == 0);
  CHECK(test::count("memAllocAsync") == 0);
  test::record().capturing = false;
}

TEST_CASE("an engine takes kernels and schedules of a pack") {
  NEEDS_ASSEMBLER();
  test::TemporaryFolder folder;
  auto device = openEmulator();
  PackOptions options;
  options.targets = {&target("sm_90a")};
  options.withText = true;
  GemmSpec spec{.m = 8, .n = 64, .k = 256};
  options.schedule = [](const GemmSpec &, const Target &) {
    return parseSchedule("bm8bn32bk64w1st3");
  };
  auto pack = Pack::open(write(folder, makePack({&spec, 1}, options)));
  EngineOptions only;
  only.policy = Policy::cachedOnly;
  Engine engine(device, only);
  engine.addPack(pack);
  Kernel kernel = engine.gemm(spec);
  CHECK(print(kernel.schedule()) == "bm8bn32bk64w1st3s1");
  CHECK(engine.stats().fromPacks == 1);
  test::EmulatedGemm gemm(device, spec);
  CHECK(gemm.run(kernel).relativeFrobenius < 1e-3);

  Engine other(openEmulator("sm_80"));
  CHECK(test::errorOf([&] { other.addPack(pack); }).kind() ==
        ErrorKind::unsupported);
  CHECK(test::errorOf([&] {
          PackKernels kernels(openEmulator("sm_80"), pack);
        }).kind() == ErrorKind::unsupported);
}

TEST_CASE("every byte of a pack counts") {
  NEEDS_ASSEMBLER();
  test::TemporaryFolder folder;
  PackOptions options;
  options.targets = {&target("sm_90a")};
  GemmSpec spec{.m = 8, .n = 32, .k = 64};
  spec.group = 64;
  const std::string good = makePack({&spec, 1}, options);
  std::string path = write(folder, good);
  REQUIRE(Pack::open(path)->entries().size() == 1);
  // Each byte by another value: of the head all, of the rest every seventh.
  std::size_t accepted = 0;
  for (std::size_t at = 0; at < good.size(); at += at < 512 ? 1 : 7) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << at % 8));
    write(folder, bad);
    try {
      Pack::open(path);
      ++accepted;
      UNSCOPED_INFO("byte " << at);
    } catch (const Error &error) {
      CHECK(error.kind() == ErrorKind::invalidInput);
    }
  }
  CHECK(accepted == 0);
  for (std::size_t bytes = 0; bytes < good.size();
       bytes += bytes < 512 ? 1 : 97) {
    write(folder, good.substr(0, bytes));
    CHECK_THROWS_AS(Pack::open(path), Error);
  }
  write(folder, good + "x");
  CHECK_THROWS_AS(Pack::open(path), Error);
}

TEST_CASE("an index that lies is refused, though its checksum is right") {
  NEEDS_ASSEMBLER();
  test::TemporaryFolder folder;
  PackOptions options;
  options.targets = {&target("sm_90a")};
  GemmSpec spec{.m = 8, .n = 32, .k = 64};
  spec.group = 64;
  const std::string good = makePack({&spec, 1}, options);
  std::uint32_t indexBytes;
  std::memcpy(&indexBytes, good.data() + 12, 4);
  // Whatever its bytes say, reading ends with a kernel list or an Error of a
  // file.
  int wrongKinds = 0;
  for (std::size_t at = 8; at < pack::headBytes + indexBytes; ++at)
    for (unsigned char value : {0x00, 0x7f, 0xff}) {
      if (at >= pack::checksumAt && at < pack::headBytes)
        continue;
      std::string bad = good;
      bad[at] = static_cast<char>(value);
      std::string path = write(folder, signedAnew(bad));
      try {
        auto opened = Pack::open(path);
        for (const PackEntry &entry : opened->entries())
          parseLaunchFacts(entry.facts, path);
      } catch (const Error &error) {
        if (error.kind() == ErrorKind::invalidInput)
          continue;
        UNSCOPED_INFO("byte " << at << ": " << error.message());
        ++wrongKinds;
      }
    }
  CHECK(wrongKinds == 0);
  std::string later = good;
  later[8] = 5;
  CHECK(test::errorOf([&] { Pack::open(write(folder, signedAnew(later))); })
            .message()
            .ends_with("has format 5; expected 4"));
}

TEST_CASE("what is no pack says why") {
  test::TemporaryFolder folder;
  auto messageOf = [](const std::string &path) {
    return test::messageOf([&] { Pack::open(path); });
  };
  CHECK(messageOf("/nonexistent/a") ==
        "cannot read pack '/nonexistent/a': No such file or directory");
  CHECK(messageOf("/tmp") == "cannot read pack '/tmp': it is no regular file");
  CHECK(messageOf("/dev/null") ==
        "cannot read pack '/dev/null': it is no regular file");
  std::string path = write(folder, "");
  CHECK(messageOf(path).ends_with("it is empty"));
  write(folder, "ELF and so on");
  CHECK(messageOf(path) ==
        "'" + path + "' is no pack: it does not start with LATHPACK");
  write(folder, "LATHPACK");
  CHECK(messageOf(path).find("is damaged: it has 8 bytes") !=
        std::string::npos);
  CHECK_THROWS_AS(makePack({}, {}), Error);
  GemmSpec spec{.m = 8, .n = 32, .k = 64};
  CHECK_THROWS_AS(makePack({&spec, 1}, {}), Error);
}

TEST_CASE("launch facts survive their bytes") {
  Ptx ptx;
  ptx.text = "text";
  ptx.entry = "kernel";
  ptx.target = "sm_80";
  ptx.threads = 128;
  ptx.sharedBytes = 70000;
  ptx.params = {{KernelParam::Kind::scalar, "m", Dtype::i32, 16},
                {KernelParam::Kind::view, "x", Dtype::bf16},
                {KernelParam::Kind::workspace, "workspace", Dtype::f32},
                {KernelParam::Kind::tickets, "tickets"},
                {KernelParam::Kind::gridX, "grid_x"},
                {KernelParam::Kind::tensorMap, "x", Dtype::bf16}};
  ptx.tensorMaps = {{.param = 1,
                     .elementBytes = 2,
                     .extents = {{0, 0}, {4096, -1}},
                     .box = {128, 64},
                     .swizzleBits = 3}};
  ptx.persistent = true;
  ptx.workspaceBytesPerTile = std::uint64_t(1) << 33;
  ptx.usesTickets = true;
  ptx.accumulatesIntoOutput = true;
  std::string bytes = launchFacts(ptx, true);
  Ptx read = parseLaunchFacts(bytes, "it");
  CHECK(read.text == "text");
  CHECK(read.entry == "kernel");
  CHECK(read.target == "sm_80");
  CHECK(read.threads == 128);
  CHECK(read.sharedBytes == 70000);
  REQUIRE(read.params.size() == 6);
  CHECK(read.arguments() == 4);
  CHECK(read.persistent);
  REQUIRE(read.tensorMaps.size() == 1);
  CHECK(read.tensorMaps[0].param == 1);
  CHECK(read.tensorMaps[0].elementBytes == 2);
  CHECK(read.tensorMaps[0].extents == ptx.tensorMaps[0].extents);
  CHECK(read.tensorMaps[0].box == ptx.tensorMaps[0].box);
  CHECK(read.tensorMaps[0].swizzleBits == 3);
  CHECK(read.params[3].kind == KernelParam::Kind::tickets);
  CHECK(read.params[0].multipleOf == 16);
  CHECK(read.params[1].multipleOf == 1);
  CHECK(read.params[1].name == "x");
  CHECK(read.params[1].type == Dtype::bf16);
  CHECK(read.params[2].type == Dtype::f32);
  CHECK(read.params[3].type == Dtype::i32);
  CHECK(read.workspaceBytesPerTile == ptx.workspaceBytesPerTile);
  CHECK(read.usesTickets);
  CHECK(read.accumulatesIntoOutput);
  CHECK(parseLaunchFacts(launchFacts(ptx, false), "it").text.empty());
  // The launch would take a parameter of its own for one of the caller's.
  std::swap(ptx.params[3], ptx.params[4]);
  CHECK(test::errorOf([&] {
          parseLaunchFacts(launchFacts(ptx, true), "it");
        }).message() ==
        "it has a parameter of the caller behind those that a launch makes");
  std::swap(ptx.params[3], ptx.params[4]);
  for (std::size_t end = 0; end < bytes.size(); ++end)
    CHECK_THROWS_AS(parseLaunchFacts(bytes.substr(0, end), "it"), Error);
  CHECK_THROWS_AS(parseLaunchFacts(bytes + "x", "it"), Error);

  // What an older version wrote is refused by its version, whatever follows.
  std::string older = bytes;
  older[0] = 3;
  CHECK(test::errorOf([&] { parseLaunchFacts(older, "it"); }).message() ==
        "it has version 3; expected 4");
  std::string strange = bytes;
  strange.replace(strange.find("bf16"), 4, "bf61");
  CHECK(test::errorOf([&] { parseLaunchFacts(strange, "it"); }).message() ==
        "it has a parameter of type 'bf61'");
  // Maps refer to parameters that there are, of the right kind.
  ptx.tensorMaps[0].param = 6;
  CHECK(test::errorOf([&] {
          parseLaunchFacts(launchFacts(ptx, true), "it");
        }).message() == "it has a tensor map of parameter 6");
  ptx.tensorMaps[0].param = 1;
  ptx.tensorMaps[0].extents[0].scalar = 2;
  CHECK(test::errorOf([&] {
          parseLaunchFacts(launchFacts(ptx, true), "it");
        }).message() == "it has a tensor map of parameter 2");
  ptx.tensorMaps[0].extents[0].scalar = 0;
  ptx.tensorMaps[0].swizzleBits = 4;
  CHECK(test::errorOf([&] {
          parseLaunchFacts(launchFacts(ptx, true), "it");
        }).message() ==
        "it has a tensor map of rank 2, elements of 2 bytes and swizzle 4");
}

TEST_CASE("a model is its layers in all buckets") {
  const Model &llama = model("llama-3-8b");
  GemmSpec base;
  auto specs = modelSpecs(llama, base, 512);
  CHECK(specs.size() == 4 * 15);
  for (const GemmSpec &spec : specs)
    CHECK_NOTHROW(validate(spec));
  for (const Model &each : models())
    CHECK_NOTHROW(modelSpecs(each, base, 65536));
  CHECK(test::messageOf([] { model("llama-3-8B"); }) ==
        "unknown model 'llama-3-8B'; the nearest is 'llama-3-8b'");
}

TEST_CASE("a pack of Llama-3-8B in all buckets is at most 8 MB") {
  NEEDS_ASSEMBLER();
  PackOptions options;
  options.targets = {&target("sm_90a")};
  std::string bytes =
      makePack(modelSpecs(model("llama-3-8b"), GemmSpec(), 512), options);
  test::TemporaryFolder folder;
  auto pack = Pack::open(write(folder, bytes));
  CHECK(pack->entries().size() == 4 * 15);
  CHECK(pack->bytes() <= 8'000'000);
}
