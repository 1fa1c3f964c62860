// The C++ interface: a GEMM, a program of one's own, a pack and an error, on
// the emulator.
#include <lath/lath.h>

#include <cstdio>
#include <vector>

static int check(bool holds, const char *what) {
  if (!holds)
    std::fprintf(stderr, "wrong: %s\n", what);
  return !holds;
}

int main(int argc, char **argv) {
  int wrong = 0;
  auto device = lath::openEmulator("sm_90a");
  lath::Engine engine(device);

  // All weights 9 - 8 = 1 times a scale of 1, all activations 1: sums of k.
  lath::GemmSpec spec{.m = 8, .n = 32, .k = 256};
  spec.split = 2;
  std::vector<std::uint16_t> ones(8 * 256, 0x3c00), out(8 * 32);
  std::vector<std::uint32_t> weights(256 / 8 * 32, 0x99999999);
  lath::DeviceBuffer x(device, 2 * ones.size()), w(device, 4 * weights.size()),
      s(device, 2 * 2 * 32), o(device, 2 * out.size());
  device->upload(x.get(), ones.data(), x.bytes());
  device->upload(w.get(), weights.data(), w.bytes());
  device->upload(s.get(), ones.data(), s.bytes());
  lath::GemmArguments arguments{
      .x = x.get(), .qweight = w.get(), .scales = s.get(), .out = o.get()};
  auto isRight = [&](const lath::Kernel &kernel) {
    device->fill(o.get(), 0, o.bytes());
    kernel.launch(nullptr, arguments);
    device->download(out.data(), o.get(), o.bytes());
    for (std::uint16_t value : out)
      if (value != 0x5c00) // 256 in f16
        return false;
    return true;
  };
  lath::Kernel kernel = engine.gemm(spec);
  wrong += check(isRight(kernel), "the product");
  wrong += check(kernel.ptx().text.find(".entry") != std::string::npos,
                 "the text of the kernel");
  wrong += check(!lath::print(device->counters()).empty(), "the counters");

  // In scratch memory of one's own.
  lath::WorkspaceSize size = kernel.workspace();
  lath::DeviceBuffer memory(device, size.workspace),
      tickets(device, size.tickets);
  for (const lath::DeviceBuffer *buffer : {&memory, &tickets})
    if (buffer->bytes())
      device->fill(buffer->get(), 0, buffer->bytes());
  arguments = {.x = x.get(),
               .qweight = w.get(),
               .scales = s.get(),
               .out = o.get(),
               .workspace = memory.get(),
               .tickets = tickets.get(),
               .workspaceBytes = size.workspace,
               .ticketBytes = size.tickets};
  wrong += check(isRight(kernel), "the product in given memory");
  arguments = {
      .x = x.get(), .qweight = w.get(), .scales = s.get(), .out = o.get()};

  // Packed: every nibble is 9, so the words are what they were.
  lath::GemmSpec packed = spec;
  packed.layout = lath::WeightLayout::packed;
  wrong += check(lath::packWeights(weights, spec.n, spec.k) == weights,
                 "the packer");
  wrong += check(isRight(engine.gemm(packed)), "the product of packed weights");

  // Exceptions cross the library's border as what they are.
  bool caught = false;
  try {
    engine.gemm({.m = 1, .n = 60, .k = 256});
  } catch (const lath::Error &error) {
    caught = error.kind() == lath::ErrorKind::invalidSpec;
  }
  wrong += check(caught, "an error");

  lath::Program program("twice");
  lath::Index n = program.scalar("n");
  lath::View a = program.view("a", lath::Dtype::f32, {n});
  lath::Range r = program.range(program.programId(0), 128);
  a.store({r}, a.load({r}) + a.load({r}));
  wrong += check(engine.load(program)->ptx().params.size() == 2, "a program");

  if (argc > 1) {
    lath::PackKernels pack(device, lath::Pack::open(argv[1]));
    spec.split = 0;
    wrong += check(isRight(pack.gemm(spec)), "the product by a pack");
  }
  return wrong;
}
