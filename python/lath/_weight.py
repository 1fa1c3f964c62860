"""Weights of one linear layer, as tensors of torch."""

from __future__ import annotations

import copy

import torch

from ._library import library

# WeightFormat.h: by what lath_gemm_spec.zeros calls them.
ZEROS = {"symmetric": 0, "v1": 1, "v2": 2}
_NAMES = {"symmetric": "u4", "v1": "u4z1", "v2": "u4z"}
LAYOUTS = {"gptq": 0, "packed": 1}


def packed_shape(n: int, k: int) -> tuple[int, int, int]:
    """The shape of packed words: atoms of 64 k × 16 n, 128 words each."""
    return ((k + 63) // 64, (n + 15) // 16, 128)


class Weight:
    """4-bit weights of a linear layer with N outputs and K inputs,
    ``w[n, k] = (q - z) * scale``. Tensors and plain facts only: it can be
    pickled, copied, sent to another process and moved to any device, meta too.

    `from_gptq` and its like make one; the constructor takes tensors that are
    right already.

    Attributes:
        qweight: int32 [K/8, N] in layout ``"gptq"``, eight k to a word, the
            lowest bits first; [K/64, N/16, 128], rounded up, in ``"packed"``.
        scales: float16 or bfloat16 [K/group, N]: of the type that x will have.
        qzeros: int32 [K/group, N/8], eight n to a word; None if symmetric.
        zeros: ``"symmetric"``: z is 8; ``"v1"``: z - 1 is stored; ``"v2"``: z.
        layout: ``"gptq"`` or ``"packed"``.
        group: values of k that share a scale: 32, 64, 128 or K.
    """

    __slots__ = ("qweight", "scales", "qzeros", "group", "zeros", "layout")

    def __init__(self, qweight: torch.Tensor, scales: torch.Tensor,
                 qzeros: torch.Tensor | None = None, *, group: int, zeros: str = "symmetric",
                 layout: str = "gptq"):
        self.qweight, self.scales, self.qzeros = qweight, scales, qzeros
        self.group, self.zeros, self.layout = group, zeros, layout
        self._check()

    def _check(self) -> None:
        if self.zeros not in ZEROS:
            raise ValueError(f"zeros is {self.zeros!r}; expected 'symmetric', 'v1' or 'v2'")
        if self.layout not in LAYOUTS:
            raise ValueError(f"layout is {self.layout!r}; expected 'gptq' or 'packed'")
        for name in ("qweight", "scales", "qzeros"):
            tensor = getattr(self, name)
            if tensor is None and name == "qzeros":
                continue
            if not isinstance(tensor, torch.Tensor):
                raise TypeError(f"{name} is {type(tensor).__name__}; expected a torch.Tensor")
            types = (torch.float16, torch.bfloat16) if name == "scales" else (torch.int32,)
            if tensor.dtype not in types:
                raise TypeError(f"{name} is {tensor.dtype}; expected "
                                + " or ".join(map(str, types)))
            if tensor.device != self.qweight.device:
                raise ValueError(f"{name} is on {tensor.device}, qweight on "
                                 f"{self.qweight.device}")
        if self.scales.dim() != 2:
            raise ValueError(f"scales has shape {list(self.scales.shape)}; expected "
                             "[K / group, N]")
        n, k = self.n, self.k
        if not isinstance(self.group, int) or self.group not in (32, 64, 128, k):
            raise ValueError(f"group is {self.group}; expected 32, 64, 128 or K = {k}")
        if n % 8 or n == 0 or k % 32 or k == 0:
            raise ValueError(f"weights of {n} x {k}; expected N a multiple of 8, K of 32")
        _expect("qweight", self.qweight,
                packed_shape(n, k) if self.layout == "packed" else (k // 8, n))
        if (self.zeros == "symmetric") != (self.qzeros is None):
            raise ValueError(f"zeros is {self.zeros!r}, and qzeros is "
                             + ("missing" if self.qzeros is None else "given"))
        if self.qzeros is not None:
            _expect("qzeros", self.qzeros, (k // self.group, n // 8))

    @property
    def n(self) -> int:
        """Outputs."""
        return self.scales.shape[1]

    @property
    def k(self) -> int:
        """Inputs."""
        return self.scales.shape[0] * self.group

    @property
    def device(self) -> torch.device:
        return self.qweight.device

    @property
    def dtype(self) -> torch.dtype:
        """Of the scales, and of the x that goes with them."""
        return self.scales.dtype

    @property
    def nbytes(self) -> int:
        return sum(t.numel() * t.element_size() for t in self.tensors().values())

    def __repr__(self):
        return (f"lath.Weight({self.n} x {self.k}, group={self.group}, zeros={self.zeros!r}, "
                f"layout={self.layout!r}, {self.dtype}, {self.device})")

    def spec(self, m: int | str, bias: bool = False) -> str:
        """The text of the problem with m rows of x, for `lath.kernel`."""
        text = f"m{m}n{self.n}k{self.k}g{self.group}"
        if self.dtype == torch.bfloat16:
            text += ",x=bf16"
        if self.zeros != "symmetric":
            text += f",w={_NAMES[self.zeros]}"
        if self.layout == "packed":
            text += ",layout=packed"
        return text + (",bias=yes" if bias else "")

    def tensors(self) -> dict[str, torch.Tensor]:
        """Its tensors by name, qzeros where it has them."""
        names = ("qweight", "scales") + (() if self.qzeros is None else ("qzeros",))
        return {name: getattr(self, name) for name in names}

    def _with(self, **members) -> Weight:
        made = copy.copy(self)
        for name, value in members.items():
            setattr(made, name, value)
        return made

    def to(self, *args, **kwargs) -> Weight:
        """As ``torch.Tensor.to``; a type is that of the scales."""
        device, dtype, non_blocking, _ = torch._C._nn._parse_to(*args, **kwargs)
        if dtype not in (None, torch.float16, torch.bfloat16):
            raise TypeError(f"weights cannot have scales of {dtype}; expected torch.float16 or "
                            "torch.bfloat16")
        moved = {name: tensor.to(device, non_blocking=non_blocking)
                 for name, tensor in self.tensors().items()}
        if dtype is not None:
            moved["scales"] = moved["scales"].to(dtype)
        return self._with(**moved)

    def cpu(self) -> Weight:
        return self.to("cpu")

    def cuda(self, device: object = "cuda") -> Weight:
        return self.to(device)

    def dequantize(self) -> torch.Tensor:
        """w [N, K], of the scales' type: each product rounded once."""
        plain = unpack(self)
        q = _nibbles(plain.qweight, 0).view(self.k // self.group, self.group, self.n)
        z = 8 if self.qzeros is None else _zero_points(self)[:, None, :]
        w = (q - z).float() * self.scales.float()[:, None, :]
        return w.view(self.k, self.n).t().contiguous().to(self.dtype)


def _expect(name: str, tensor: torch.Tensor, shape: tuple[int, ...]) -> None:
    if tuple(tensor.shape) != shape:
        raise ValueError(f"{name} has shape {list(tensor.shape)}; expected {list(shape)}")


def _nibbles(words: torch.Tensor, dim: int) -> torch.Tensor:
    """int32 words → values 0..15 along `dim`, the lowest bits first."""
    shifts = torch.arange(0, 32, 4, dtype=torch.int32, device=words.device)
    shape = [1] * (words.dim() + 1)
    shape[dim + 1] = 8
    values = (words.unsqueeze(dim + 1) >> shifts.view(shape)) & 15
    return values.flatten(dim, dim + 1)


def _words(values: torch.Tensor, dim: int) -> torch.Tensor:
    """The inverse: eight values 0..15 along `dim` to an int32."""
    parts = values.to(torch.int32).unflatten(dim, (values.shape[dim] // 8, 8)).unbind(dim + 1)
    words = torch.zeros_like(parts[0])
    for i, part in enumerate(parts):
        words |= part << 4 * i
    return words.contiguous()


def _zero_points(weight: Weight) -> torch.Tensor:
    """z [K/group, N] as int32."""
    stored = _nibbles(weight.qzeros, 1)
    return (stored + 1) & 15 if weight.zeros == "v1" else stored


def _moved(weight: Weight, layout: str, shape: tuple[int, ...], move: str) -> Weight:
    if weight.layout == layout:
        return weight
    if weight.qweight.is_meta:
        return weight._with(qweight=torch.empty(shape, dtype=torch.int32, device="meta"),
                            layout=layout)
    words = weight.qweight.cpu().contiguous()
    out = torch.empty(shape, dtype=torch.int32)
    getattr(library(), move)(words.data_ptr(), words.numel(), weight.n, weight.k,
                             out.data_ptr(), out.numel())
    return weight._with(qweight=out.to(weight.device), layout=layout)


def pack(weight: Weight) -> Weight:
    """The same weights in the order in which a GPU multiplies them, which is
    faster, most at 16 rows and more; scales and zero points stay. On the host,
    all cores; other devices go through it. Nothing to do for packed ones."""
    _is_weight(weight)
    return _moved(weight, "packed", packed_shape(weight.n, weight.k), "lath_pack_weights")


def unpack(weight: Weight) -> Weight:
    """The inverse of `pack`: the words of GPTQ, bit for bit."""
    _is_weight(weight)
    return _moved(weight, "gptq", (weight.k // 8, weight.n), "lath_unpack_weights")


def _is_weight(weight: object) -> None:
    if not isinstance(weight, Weight):
        raise TypeError(f"weight is {type(weight).__name__}; expected a lath.Weight")


def quantize(w: torch.Tensor, group: int = 128, zeros: str = "symmetric",
             dtype: torch.dtype | None = None) -> Weight:
    """Round-to-nearest 4-bit weights of w [N, K], packed.

    Args:
        w: any floating type, finite.
        group: 32, 64, 128 or K.
        zeros: ``"symmetric"``, or ``"v1"`` or ``"v2"`` for zero points.
        dtype: of the scales; left out, w's, or float16.

    Scales are rounded to their type first and the weights quantised with the
    rounded ones, so that each is off by half a step at most.
    """
    if not isinstance(w, torch.Tensor) or not w.is_floating_point():
        raise TypeError("w is no tensor of floats")
    if w.dim() != 2:
        raise ValueError(f"w has shape {list(w.shape)}; expected [N, K]")
    n, k = w.shape
    if group <= 0 or k % group:
        raise ValueError(f"group is {group}; expected a divisor of K = {k}")
    if dtype is None:
        dtype = torch.bfloat16 if w.dtype == torch.bfloat16 else torch.float16
    g = w.detach().float().view(n, k // group, group)
    low, high = g.amin(2).clamp(max=0), g.amax(2).clamp(min=0)
    steps = (high - low if zeros != "symmetric" else 2 * torch.maximum(-low, high)) / 15
    scales = steps.to(dtype)
    if not w.is_meta and not bool(scales.isfinite().all()):
        raise ValueError(f"w is not finite, or a step is beyond {dtype}")
    scales = torch.where(scales == 0, torch.ones_like(scales), scales)
    step = scales.float()
    z = torch.full_like(step, 8) if zeros == "symmetric" else (-low / step).round().clamp(0, 15)
    q = ((g / step[..., None]).round() + z[..., None]).clamp(0, 15).to(torch.int32)
    stored = (z.to(torch.int32) - (1 if zeros == "v1" else 0)) & 15
    return pack(Weight(_words(q.view(n, k).t(), 0), scales.t().contiguous(),
                       None if zeros == "symmetric" else _words(stored.t(), 1),
                       group=group, zeros=zeros))
