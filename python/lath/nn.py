"""Modules of torch with 4-bit weights."""

from __future__ import annotations

import torch

from ._ops import _op
from ._weight import LAYOUTS, ZEROS, Weight, pack, packed_shape, quantize

__all__ = ["QuantLinear"]


class QuantLinear(torch.nn.Module):
    """A linear layer by `lath.linear`: y [..., N] of x [..., K].

    Its buffers, ``qweight``, ``scales``, ``qzeros`` and ``bias``, are saved and
    loaded by ``state_dict``; weights are packed.

    Args:
        in_features, out_features: K and N.
        bias: whether there is one.
        group: 32, 64, 128 or K (-1).
        zeros: ``"symmetric"``, ``"v1"`` or ``"v2"``, as of `lath.Weight`.
        dtype: of scales, bias and x: float16 (the default) or bfloat16.
        device: as of any module.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *,
                 group: int = 128, zeros: str = "symmetric", dtype: torch.dtype | None = None,
                 device: object = None):
        super().__init__()
        group = in_features if group == -1 else group
        dtype = dtype or torch.float16
        words = torch.zeros(packed_shape(out_features, in_features), dtype=torch.int32,
                            device=device)
        scales = torch.zeros((in_features // group, out_features), dtype=dtype, device=device)
        qzeros = None
        if zeros != "symmetric":
            qzeros = torch.zeros((in_features // group, out_features // 8), dtype=torch.int32,
                                 device=device)
        self._hold(Weight(words, scales, qzeros, group=group, zeros=zeros, layout="packed"),
                   torch.zeros(out_features, dtype=dtype, device=device) if bias else None)

    def _hold(self, weight: Weight, bias: torch.Tensor | None) -> None:
        self.in_features, self.out_features = weight.k, weight.n
        self.group, self.zeros, self.layout = weight.group, weight.zeros, weight.layout
        for name in ("qweight", "scales", "qzeros"):
            self.register_buffer(name, getattr(weight, name))
        self.register_buffer("bias", bias)

    @classmethod
    def from_weight(cls, weight: Weight, bias: torch.Tensor | None = None) -> QuantLinear:
        """With these weights, packed, and this bias [N]."""
        if not isinstance(weight, Weight):
            raise TypeError(f"weight is {type(weight).__name__}; expected a lath.Weight")
        if bias is not None and tuple(bias.shape) != (weight.n,):
            raise ValueError(f"bias has shape {list(bias.shape)}; expected [{weight.n}]")
        layer = cls.__new__(cls)
        torch.nn.Module.__init__(layer)
        layer._hold(pack(weight),
                    None if bias is None else bias.detach().to(weight.device, weight.dtype))
        return layer

    @classmethod
    def from_linear(cls, linear: torch.nn.Linear, group: int = 128, zeros: str = "symmetric",
                    dtype: torch.dtype | None = None) -> QuantLinear:
        """The layer, rounded to the nearest 4-bit weights: `lath.quantize`."""
        if not isinstance(linear, torch.nn.Linear):
            raise TypeError(f"linear is {type(linear).__name__}; expected torch.nn.Linear")
        return cls.from_weight(quantize(linear.weight, group, zeros, dtype), linear.bias)

    @property
    def weight(self) -> Weight:
        """Its buffers as a `lath.Weight`; no copy."""
        return Weight(self.qweight, self.scales, self.qzeros, group=self.group,
                      zeros=self.zeros, layout=self.layout)

    def spec(self, m: int | str) -> str:
        """The text of its problem with m rows."""
        return self.weight.spec(m, self.bias is not None)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return _op(x, self.qweight, self.scales, self.qzeros, self.bias, self.group,
                   ZEROS[self.zeros], LAYOUTS[self.layout])

    def extra_repr(self) -> str:
        return (f"in_features={self.in_features}, out_features={self.out_features}, "
                f"bias={self.bias is not None}, group={self.group}, zeros={self.zeros!r}")
