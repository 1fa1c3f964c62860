"""Lath's kernels for a program that has only the `lath` command: the command writes the machine
code and says how to launch it; the CUDA driver does the rest, through ctypes. Torch's primary
context must be current, so import torch and allocate something first."""

import ctypes
import json
import os
import subprocess
import tempfile
from pathlib import Path

CANNOT_ASSEMBLE = 4  # exit code of the command
SHARED_BYTES_ATTRIBUTE = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES


class LathError(RuntimeError):
    pass


class Driver:
    """libcuda, each call checked."""

    def __init__(self):
        self.library = ctypes.CDLL("libcuda.so.1")

    def __call__(self, name, *arguments):
        result = getattr(self.library, name)(*arguments)
        if result:
            text = ctypes.c_char_p()
            self.library.cuGetErrorName(result, ctypes.byref(text))
            raise LathError(f"{name}: {(text.value or b'error').decode()} ({result})")


def find_command(given=None):
    """The `lath` to run: the one given, $LATH, or the newest preset that was built."""
    root = Path(__file__).resolve().parents[2]
    places = [given] if given else [os.environ.get("LATH")] + [
        str(root / "build" / preset / "bin" / "lath") for preset in ("static", "release", "dev")]
    for place in places:
        if place and os.access(place, os.X_OK):
            return place
    raise LathError(f"no lath command at {', '.join(p for p in places if p)}; "
                    "build one (tools/build static lath) or give --lath FILE")


def environment():
    """Where no assembler is on the path, that of torch's own packages serves."""
    env = dict(os.environ)
    if "LATH_NVJITLINK" not in env:
        try:
            import nvidia
            for folder in nvidia.__path__:
                found = sorted(Path(folder).glob("**/libnvJitLink.so.13*"))
                if found:
                    env["LATH_NVJITLINK"] = str(found[0])
                    break
        except ImportError:
            pass
    return env


class LathKernel:
    """One spec: `compile` may run in any thread, `load` needs the CUDA context."""

    def __init__(self, command, spec, schedule=None):
        self.command, self.spec, self.schedule = command, spec, schedule
        self.function = None

    def _run(self, *words):
        words = [self.command, *words]
        if self.schedule:
            words += ["--schedule", self.schedule]
        return subprocess.run(words, capture_output=True, env=environment())

    def compile(self):
        result = self._run("explain", self.spec, "--format", "json")
        if result.returncode:
            raise LathError(result.stderr.decode().strip())
        self.facts = json.loads(result.stdout)
        self.schedule = self.used_schedule = self.facts["schedule"]
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "kernel")
            result = self._run("emit", self.spec, "--stage", "cubin", "-o", path)
            if result.returncode == CANNOT_ASSEMBLE:  # then the driver assembles
                result = self._run("emit", self.spec, "--stage", "ptx", "-o", path)
            if result.returncode:
                raise LathError(result.stderr.decode().strip())
            self.code = Path(path).read_bytes() + b"\0"
        return self

    def load(self, driver, torch):
        self.driver = driver
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        driver("cuModuleLoadData", ctypes.byref(module), self.code)
        driver("cuModuleGetFunction", ctypes.byref(function), module, b"dequant_gemm")
        static = ctypes.c_int()
        driver("cuFuncGetAttribute", ctypes.byref(static), 1, function)
        self.shared = self.facts["shared_bytes"] - static.value
        driver("cuFuncSetAttribute", function, SHARED_BYTES_ATTRIBUTE, self.shared)
        self.function, self.module = function, module
        tiles = self.facts["grid"][0] * self.facts["grid"][1]
        self.clears_output = "reduce=atomic-out" in self.used_schedule
        self.reduces = self.facts["grid"][2] > 1 and not self.clears_output
        if self.reduces:
            self.workspace = torch.zeros(self.facts["bytes"]["workspace"] // 4,
                                         dtype=torch.float32, device="cuda")
            self.tickets = torch.zeros(tiles, dtype=torch.int32, device="cuda")
        return self

    def launch(self, torch, x, qweight, scales, out):
        """On torch's current stream; can be captured."""
        if self.clears_output:
            out.zero_()
        values = [ctypes.c_int32(x.shape[0])]
        pointers = [x, qweight, scales, out]
        if self.reduces:
            pointers += [self.workspace, self.tickets]
        values += [ctypes.c_uint64(t.data_ptr()) for t in pointers]
        packed = (ctypes.c_void_p * len(values))(
            *(ctypes.cast(ctypes.byref(v), ctypes.c_void_p) for v in values))
        stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
        grid = self.facts["grid"]
        self.driver("cuLaunchKernel", self.function, *(ctypes.c_uint(g) for g in grid),
                    ctypes.c_uint(self.facts["threads"]), ctypes.c_uint(1), ctypes.c_uint(1),
                    ctypes.c_uint(self.shared), stream, packed, None)


class LathProgram:
    """One of the programs of `lath programs`, for sizes, a type and a choice (None: the command's
    own). `emit` may run in any thread and leaves NAME.cubin and NAME.json, which `read` takes;
    `load` needs the CUDA context."""

    def __init__(self, launch, code):
        self.facts, self.code = json.loads(launch), code + b"\0"
        self.choice = self.facts["choice"]

    @staticmethod
    def emit(command, path, name, sizes, dtype, choice, target=None):
        words = [command, "emit", "--program", name, "--sizes", sizes, "--dtype", dtype,
                 "--stage", "cubin", "-o", f"{path}.cubin", "--launch-json", f"{path}.json"]
        words += ["--schedule", choice] if choice else []
        words += ["--target", target] if target else []
        result = subprocess.run(words, capture_output=True, env=environment())
        if result.returncode:
            raise LathError(result.stderr.decode().strip())

    @staticmethod
    def read(path):
        return LathProgram(Path(f"{path}.json").read_text(), Path(f"{path}.cubin").read_bytes())

    def load(self, driver, torch):
        self.driver = driver
        self.module, self.function = ctypes.c_void_p(), ctypes.c_void_p()
        driver("cuModuleLoadData", ctypes.byref(self.module), self.code)
        driver("cuModuleGetFunction", ctypes.byref(self.function), self.module,
               self.facts["kernel"].encode())
        driver("cuFuncSetAttribute", self.function, SHARED_BYTES_ATTRIBUTE,
               self.facts["shared_bytes"])
        self.scratch = {
            kind: torch.zeros(max(self.facts[key], 4) // 4, dtype=torch.int32, device="cuda")
            for kind, key in (("workspace", "workspace_bytes"), ("tickets", "ticket_bytes"))}
        self.grid = list(self.facts["grid"])
        if self.facts["persistent"]:  # blocks walk over those of the grid
            blocks = ctypes.c_int()
            driver("cuOccupancyMaxActiveBlocksPerMultiprocessor", ctypes.byref(blocks),
                   self.function, self.facts["threads"],
                   ctypes.c_size_t(self.facts["shared_bytes"]))
            sms = torch.cuda.get_device_properties(0).multi_processor_count
            self.grid = [min(blocks.value * sms, self.grid[0] * self.grid[1]), 1, self.grid[2]]
        return self

    def bind(self, torch, tensors):
        """A launch with these arrays, on torch's current stream; can be captured."""
        values = []
        for param in self.facts["params"]:
            kind = param["kind"]
            if kind == "view":
                values.append(ctypes.c_uint64(tensors[param["name"]].data_ptr()))
            elif kind in self.scratch:
                values.append(ctypes.c_uint64(self.scratch[kind].data_ptr()))
            elif kind == "tensor_map":
                values.append(self._tensor_map(param, tensors[param["of"]].data_ptr()))
            elif param.get("dtype") == "f32":
                values.append(ctypes.c_float(param["value"]))
            else:
                values.append(ctypes.c_int32(param["value"]))
        packed = (ctypes.c_void_p * len(values))(
            *(ctypes.cast(ctypes.byref(v), ctypes.c_void_p) for v in values))
        grid = [ctypes.c_uint(g) for g in self.grid]

        def launch(values=values):  # which `packed` points to
            if self.facts["zero_outputs"]:
                for param in self.facts["params"]:
                    if param.get("use", "input") != "input":
                        tensors[param["name"]].zero_()
            stream = ctypes.c_void_p(torch.cuda.current_stream().cuda_stream)
            self.driver("cuLaunchKernel", self.function, *grid,
                        ctypes.c_uint(self.facts["threads"]), ctypes.c_uint(1), ctypes.c_uint(1),
                        ctypes.c_uint(self.facts["shared_bytes"]), stream, packed, None)
        return launch

    def _tensor_map(self, param, address):
        # cuda.h: a map is 128 bytes at a multiple of 64; the numbers of CUtensorMapDataType.
        memory = (ctypes.c_uint8 * 192)()
        at = -(-ctypes.addressof(memory) // 64) * 64
        held = (ctypes.c_uint8 * 128).from_buffer(memory, at - ctypes.addressof(memory))
        rank = param["rank"]
        types = {1: 0, 2: 1, 4: 2, 8: 4}
        swizzle = ["none", "32B", "64B", "128B"].index(param["swizzle"])
        self.driver("cuTensorMapEncodeTiled", ctypes.c_void_p(at), types[param["element_bytes"]],
                    ctypes.c_uint32(rank), ctypes.c_void_p(address),
                    (ctypes.c_uint64 * rank)(*param["extents"]),
                    (ctypes.c_uint64 * max(1, rank - 1))(*param["strides"]),
                    (ctypes.c_uint32 * rank)(*param["box"]),
                    (ctypes.c_uint32 * rank)(*([1] * rank)), 0, swizzle, 2, 0)
        return held
