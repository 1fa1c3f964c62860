"""torch.ops.lath.linear: its schema, its fake, and the call for users."""

from __future__ import annotations

import torch

from ._library import library
from ._weight import LAYOUTS, ZEROS, Weight

# Kept: what it registers goes with it.
_library = torch.library.Library("lath", "DEF")
_library.define(
    "linear(Tensor x, Tensor qweight, Tensor scales, Tensor? qzeros, Tensor? bias, int group, "
    "int format, int layout) -> Tensor",
    tags=(torch.Tag.pt2_compliant_tag,))
library().lath_torch_register()


@torch.library.register_fake("lath::linear", lib=_library)
def _fake(x, qweight, scales, qzeros, bias, group, format, layout):
    torch._check(x.shape[-1] == scales.shape[0] * group,
                 lambda: f"lath.linear: x has shape {list(x.shape)}; expected [..., "
                 f"{scales.shape[0] * group}]")
    for name, tensor in (("qweight", qweight), ("scales", scales), ("qzeros", qzeros),
                         ("bias", bias)):
        torch._check(tensor is None or tensor.device == x.device,
                     lambda: f"lath.linear: {name} is on {tensor.device}, x on {x.device}")
    return x.new_empty((*x.shape[:-1], scales.shape[1]))


_op = torch.ops.lath.linear.default


def linear(x: torch.Tensor, weight: Weight, bias: torch.Tensor | None = None) -> torch.Tensor:
    """``x @ dequant(weight).T + bias``, summed in fp32 and rounded once.

    Args:
        x: float16 or bfloat16 [..., K], any strides, the type of
            ``weight.scales``; on the weight's device. On the CPU an emulator
            of the GPU computes it: right, and slow.
        weight: packed or as GPTQ has it.
        bias: [N], of x's type.

    Returns:
        [..., N], contiguous, of x's type.

    The launch is on torch's current stream and compiles once for each bucket
    of rows; while a graph is captured nothing is made, see `lath.prepare`.
    There is no gradient: weights are constants.

    Raises:
        TypeError: weight is no `lath.Weight`.
        RuntimeError: tensors that do not fit, with what was expected; what a
            kernel cannot be made for; "not prepared".
    """
    if not isinstance(weight, Weight):
        raise TypeError(f"weight is {type(weight).__name__}; expected a lath.Weight "
                        "(lath.from_gptq, lath.quantize, ...)")
    return _op(x, weight.qweight, weight.scales, weight.qzeros, bias, weight.group,
               ZEROS[weight.zeros], LAYOUTS[weight.layout])
