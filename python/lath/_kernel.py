"""Kernels by text: made, looked at, launched. Needs no torch."""

from __future__ import annotations

import ctypes as c
import re
import sys
import typing

from . import _dlpack
from ._library import GemmArguments, GemmSpec, Handle, library

_X = {0: "float16", 1: "bfloat16"}


def parse(spec: str) -> GemmSpec:
    """The struct of a spec's text. Raises `Error` of kind "invalid spec"."""
    if not isinstance(spec, str):
        raise TypeError(f"spec is {type(spec).__name__}; expected text such as 'm16n4096k4096'")
    parsed = GemmSpec()
    library().lath_gemm_spec_parse(spec.encode(), c.byref(parsed))
    return parsed


def default_device() -> str:
    """``"cuda:0"`` where there is a GPU, else ``"emulator"``."""
    return library().lath_default_device().decode()


def device_name(device: object) -> str:
    """The engine's name of a device: text, ``torch.device``, or None for the
    default one."""
    if device is None:
        return default_device()
    if not isinstance(device, str):
        kind, index = getattr(device, "type", None), getattr(device, "index", None)
        if kind is None:
            raise TypeError(f"device is {type(device).__name__}; expected text or a torch.device")
        if kind == "cuda" and index is None:
            index = sys.modules["torch"].cuda.current_device()
        device = kind if index is None or kind == "cpu" else f"{kind}:{index}"
    return "emulator" if device == "cpu" else device


def engine(device: object = None) -> Handle:
    """The engine that this process shares for a device."""
    found = Handle()
    library().lath_shared_engine(device_name(device).encode(), c.byref(found))
    return found


class Kernel:
    """A kernel of one problem, loaded on one device. `lath.kernel` makes it.

    Attributes:
        spec: the problem as text, with the rows of the kernel's bucket.
        schedule: how it is computed, as text.
        max_rows: the most rows of a launch.
        ptx: its PTX, as text; empty where a pack left it out.
        device: where it is loaded, ``"cuda:0"`` or ``"emulator"``.
    """

    def __init__(self, handle: Handle, device: str, problem: GemmSpec):
        self._handle = handle
        self._problem = problem
        self.device = device

    def __del__(self):
        # At the end of the interpreter globals may be gone.
        if getattr(self, "_handle", None) and library is not None:
            library().lath_kernel_free(self._handle)
            self._handle = None

    def __reduce__(self):
        return (kernel, (self.spec, self.schedule, self.device))

    def __repr__(self):
        return f"lath.kernel({self.spec!r}, schedule={self.schedule!r}, device={self.device!r})"

    @property
    def spec(self) -> str:
        return library().lath_kernel_spec(self._handle).decode()

    @property
    def schedule(self) -> str:
        return library().lath_kernel_schedule(self._handle).decode()

    @property
    def max_rows(self) -> int:
        return library().lath_kernel_max_rows(self._handle)

    @property
    def ptx(self) -> str:
        return library().lath_kernel_ptx(self._handle).decode()

    def shapes(self, rows: int | None = None) -> dict[str, tuple[str, tuple[int, ...]]]:
        """Type and shape of each tensor of a launch, by name.

        >>> lath.kernel("m2n64k128", device="emulator").shapes()["qweight"]
        ('int32', (16, 64))
        """
        p = self._problem
        x = _X[p.x]
        per_word = 4 if p.zeros == 3 else 8
        words = library().lath_packed_words(p.n, p.k)
        rows = p.m if rows is None else rows
        shapes = {
            "x": (x, (rows, p.k)),
            "qweight": ("int32", (words,) if p.layout else (p.k // per_word, p.n)),
            "scales": (x, (p.k // p.group, p.n)),
        }
        if p.zeros in (1, 2):
            shapes["qzeros"] = ("int32", (p.k // p.group, p.n // per_word))
        if p.bias:
            shapes["bias"] = (x, (p.n,))
        shapes["out"] = (x, (rows, p.n))
        return shapes

    def launch(self, x, qweight, scales, out, qzeros=None, bias=None, *,
               stream: int | None = None):
        """``out = x @ dequant(W).T (+ bias)``, by tensors with ``__dlpack__``.

        Args:
            x: [m, K] float16 or bfloat16 as the spec says, m at most
                ``max_rows``; with m = 0 nothing happens.
            qweight: int32 (or uint32) [K/8, N]; of ``layout=packed`` its words
                in any shape.
            scales: [K/group, N], of x's type.
            out: [m, N], of x's type, written.
            qzeros: int32 [K/group, N/8]; of ``w=u4z`` and ``w=u4z1`` only.
            bias: [N], of x's type; of ``bias=yes`` only.
            stream: a CUDA stream as a number. Left out: torch's current one
                for tensors of torch, else the default one. The launch is
                asynchronous on it.

        All are contiguous, on 16 bytes, on the kernel's device; on the CPU for
        the emulator, which is done when the call returns.

        Returns:
            out.

        Raises:
            TypeError, ValueError: a tensor that does not fit, by name, with
                what was expected.
            Error: as the library reports.
        """
        given = {"x": x, "qweight": qweight, "scales": scales, "qzeros": qzeros,
                 "bias": bias, "out": out}
        on_gpu = self.device.startswith("cuda")
        if on_gpu and stream is None:
            stream = _current_stream(x)
        needed = self.shapes()
        views = {}
        for name, tensor in given.items():
            if tensor is None and name not in needed:
                continue
            if tensor is None:
                raise ValueError(f"{name} is missing; {self.spec} needs it")
            if name not in needed:
                raise ValueError(f"{name} is given, but {self.spec} has none")
            views[name] = _dlpack.view(tensor, name, stream)
        rows = self._check(views)
        if rows == 0:
            return out
        (self._launch_on_gpu if on_gpu else self._launch_on_emulator)(views, rows, stream)
        return out

    def _check(self, views) -> int:
        """Throws unless all fit; the rows."""
        x = views["x"]
        if len(x.shape) != 2:
            raise ValueError(f"x has shape {list(x.shape)}; expected [m, {self._problem.k}]")
        rows = x.shape[0]
        if rows > self.max_rows:
            raise ValueError(f"x has {rows} rows; {self.spec} takes at most {self.max_rows}")
        device = (_dlpack.CUDA, int(self.device[5:])) if self.device.startswith("cuda") else (
            _dlpack.CPU, 0)
        for name, (dtype, shape) in self.shapes(rows).items():
            v = views[name]
            if v.dtype.replace("uint32", "int32") != dtype:
                raise TypeError(f"{name} is {v.dtype}; expected {dtype}")
            packed = name == "qweight" and self._problem.layout
            count = 1
            for extent in v.shape:
                count *= extent
            if count != shape[0] if packed else v.shape != shape:
                raise ValueError(f"{name} has shape {list(v.shape)}; expected {list(shape)}"
                                 + (" packed words (lath.pack)" if packed else ""))
            if v.device != device:
                raise ValueError(f"{name} is on device {v.device} of DLPack; expected "
                                 f"{device}, {self.device}")
            if not v.contiguous:
                raise ValueError(f"{name} is not contiguous")
            if device[0] == _dlpack.CUDA and v.address % 16:
                raise ValueError(f"{name} does not begin at a multiple of 16 bytes")
        return rows

    def _launch_on_gpu(self, views, rows, stream):
        arguments = GemmArguments(m=rows, **{n: v.address for n, v in views.items()})
        library().lath_kernel_launch(self._handle, stream, c.byref(arguments))

    def _launch_on_emulator(self, views, rows, stream):
        """The emulator has a memory of its own."""
        lath = library()
        device = lath.lath_engine_device(engine(self.device))
        memory = {}
        try:
            for name, v in views.items():
                at = c.c_uint64()
                lath.lath_device_allocate(device, v.nbytes, c.byref(at))
                memory[name] = at.value
                if name != "out":
                    lath.lath_device_upload(device, at, v.address, v.nbytes)
            lath.lath_kernel_launch(self._handle, None,
                                    c.byref(GemmArguments(m=rows, **memory)))
            out = views["out"]
            lath.lath_device_download(device, out.address, memory["out"], out.nbytes)
        finally:
            for at in memory.values():
                lath.lath_device_release(device, at)


def _current_stream(x) -> int:
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(x, torch.Tensor) and x.is_cuda:
        return torch.cuda.current_stream(x.device).cuda_stream
    return 0


def kernel(spec: str, schedule: str | None = None, device: object = None) -> Kernel:
    """The kernel of a problem: from memory, a pack or the disk, else compiled.

    Args:
        spec: the problem as text, ``"m16n4096k4096g128,x=bf16,layout=packed"``.
        schedule: how it is computed, as text; left out, the best that is
            known.
        device: ``"cuda:1"``, ``"emulator"``, ``"emulator:sm_80"`` or a
            ``torch.device``; left out, GPU 0, or the emulator where there is
            none.

    Raises:
        Error: "invalid spec", "unsupported", "not prepared" where the policy
            forbids to compile, …
    """
    problem = parse(spec)
    if schedule is not None and not isinstance(schedule, str):
        raise TypeError(f"schedule is {type(schedule).__name__}; expected text")
    where = device_name(device)
    made = Handle()
    library().lath_engine_gemm(engine(where), c.byref(problem),
                               schedule.encode() if schedule is not None else None,
                               c.byref(made))
    if where == "cuda":
        where = "cuda:0"
    return Kernel(made, where, problem)


class Specs(typing.NamedTuple):
    """Problems of equal weights, as text with ``{m}`` in place of the rows."""

    texts: list[str]
    device: str


_ROWS = re.compile(r"^m\d+")


def templates(what: object, device: object) -> Specs:
    """What a model, a weight, a spec or a list of them computes."""
    if isinstance(what, str):
        parse(what)
        return Specs([_ROWS.sub("m{m}", what)], device_name(device))
    torch = sys.modules.get("torch")
    if torch is not None:
        from ._weight import Weight

        if isinstance(what, torch.nn.Module):
            from .nn import QuantLinear

            found = [layer for layer in what.modules() if isinstance(layer, QuantLinear)]
            if not found:
                raise ValueError("the model has no lath.nn.QuantLinear")
            where = device_name(found[0].qweight.device if device is None else device)
            return Specs(list(dict.fromkeys(layer.spec("{m}") for layer in found)), where)
        if isinstance(what, Weight):
            return Specs([what.spec("{m}")],
                         device_name(what.device if device is None else device))
    if isinstance(what, (list, tuple)) and what:
        each = [templates(one, device) for one in what]
        return Specs(list(dict.fromkeys(t for s in each for t in s.texts)), each[0].device)
    raise TypeError(f"expected a spec, a lath.Weight, a model or a list of them, got "
                    f"{type(what).__name__}")


def buckets(most: int) -> list[int]:
    """The rows that kernels are made for, up to the bucket that holds `most`."""
    if not isinstance(most, int) or not 1 <= most <= 65536:
        raise ValueError(f"max_m is {most}; expected 1..65536")
    rows, found = 1, []
    while not found or found[-1] < most:
        found.append(library().lath_bucket_rows(rows))
        rows = found[-1] + 1
    return found
