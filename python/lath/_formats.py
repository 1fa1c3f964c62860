"""Weights as checkpoints store them, to `lath.Weight` and back.

Every function re-lays the same 4-bit codes; none rounds.
"""

from __future__ import annotations

import torch

from ._weight import Weight, _nibbles, _words, _zero_points, pack, unpack


def _int32(name: str, tensor: torch.Tensor) -> torch.Tensor:
    if not isinstance(tensor, torch.Tensor):
        raise TypeError(f"{name} is {type(tensor).__name__}; expected a torch.Tensor")
    if tensor.dtype == torch.uint32:
        tensor = tensor.view(torch.int32)
    if tensor.dtype != torch.int32:
        raise TypeError(f"{name} is {tensor.dtype}; expected torch.int32")
    if tensor.dim() != 2:
        raise ValueError(f"{name} has shape {list(tensor.shape)}; expected two dimensions")
    return tensor.contiguous()


def _group(k: int, scales: torch.Tensor) -> int:
    if not isinstance(scales, torch.Tensor) or scales.dim() != 2:
        raise ValueError("scales is no matrix [K / group, N]")
    groups = scales.shape[0]
    if groups == 0 or k % groups:
        raise ValueError(f"K = {k} is no multiple of the {groups} groups of scales; a last "
                         "group that is shorter is not supported")
    return k // groups


def _scales(scales: torch.Tensor, dtype: torch.dtype | None) -> torch.Tensor:
    if dtype is None and scales.dtype not in (torch.float16, torch.bfloat16):
        raise TypeError(f"scales is {scales.dtype}; give dtype=torch.float16 or torch.bfloat16, "
                        "the type of x")
    return scales.to(dtype or scales.dtype).contiguous()


def _refuse_act_order(g_idx: torch.Tensor | None, k: int, group: int) -> None:
    """Groups in another order than the columns' are not supported. g_idx that
    says nothing is left out, empty, or k // group."""
    if g_idx is None or g_idx.numel() == 0 or g_idx.is_meta:
        return
    if tuple(g_idx.shape) != (k,):
        raise ValueError(f"g_idx has shape {list(g_idx.shape)}; expected [{k}]")
    plain = torch.arange(k, device=g_idx.device) // group
    if not torch.equal(g_idx.long(), plain):
        raise ValueError("g_idx is not k // group: act-order (desc_act) is not supported")


def _symmetric_when(qzeros: torch.Tensor, stored: int) -> bool:
    word = int.from_bytes(bytes([stored * 17] * 4), "little", signed=True)
    return not qzeros.is_meta and bool((qzeros == word).all())


def from_gptq(qweight: torch.Tensor, scales: torch.Tensor, qzeros: torch.Tensor | None = None,
              g_idx: torch.Tensor | None = None, *, zeros: str, dtype: torch.dtype | None = None,
              packed: bool = True) -> Weight:
    """A layer of a GPTQ checkpoint.

    Args:
        qweight: int32 [K/8, N].
        scales: [K/group, N].
        qzeros: int32 [K/group, N/8], or None if symmetric.
        g_idx: int32 [K]; must be k // group, or missing.
        zeros: how zero points are stored, which the tensors do not tell:
            ``"v1"``: z - 1 (checkpoint_format "gptq"), ``"v2"``: z
            ("gptq_v2"), ``"symmetric"``: not at all. Where all of them say 8,
            by this reading, the weights become symmetric ones.
        dtype: of the scales, and of x; left out, as they are.
        packed: whether to `pack`.

    Raises:
        TypeError, ValueError: tensors that do not fit each other, act-order,
            8-bit weights, a last group that is shorter.
    """
    qweight = _int32("qweight", qweight)
    if zeros not in ("symmetric", "v1", "v2"):
        raise ValueError(f"zeros is {zeros!r}; expected 'v1' (checkpoint_format gptq), 'v2' "
                         "(gptq_v2) or 'symmetric'")
    k = qweight.shape[0] * 8
    group = _group(k, scales)
    _refuse_act_order(g_idx, k, group)
    if zeros != "symmetric":
        if qzeros is None:
            raise ValueError(f"zeros is {zeros!r}, and qzeros is missing")
        qzeros = _int32("qzeros", qzeros)
        if _symmetric_when(qzeros, 7 if zeros == "v1" else 8):
            qzeros, zeros = None, "symmetric"
    elif qzeros is not None:
        if not (_symmetric_when(_int32("qzeros", qzeros), 7) or _symmetric_when(qzeros, 8)):
            raise ValueError("zeros is 'symmetric', and qzeros are neither all 7 nor all 8; give "
                             "'v1' or 'v2'")
        qzeros = None
    weight = Weight(qweight, _scales(scales, dtype), qzeros, group=group, zeros=zeros)
    return pack(weight) if packed else weight


def to_gptq(weight: Weight, zeros: str = "v1") -> dict[str, torch.Tensor]:
    """The tensors of a GPTQ checkpoint: qweight, qzeros, scales and g_idx.

    Args:
        zeros: ``"v1"`` or ``"v2"``: how to store zero points.
    """
    if zeros not in ("v1", "v2"):
        raise ValueError(f"zeros is {zeros!r}; expected 'v1' or 'v2'")
    plain = unpack(weight)
    if plain.qzeros is None:
        stored = 7 if zeros == "v1" else 8
        word = int.from_bytes(bytes([stored * 17] * 4), "little", signed=True)
        qzeros = torch.full((plain.k // plain.group, plain.n // 8), word, dtype=torch.int32,
                            device=plain.device)
    elif plain.zeros == zeros:
        qzeros = plain.qzeros
    else:
        qzeros = _words((_zero_points(plain) - (1 if zeros == "v1" else 0)) & 15, 1)
    g_idx = torch.arange(plain.k, dtype=torch.int32, device=plain.device) // plain.group
    return {"qweight": plain.qweight, "qzeros": qzeros, "scales": plain.scales, "g_idx": g_idx}


# AWQ's nibble i of a word is column 8c + _AWQ[i].
_AWQ = (0, 2, 4, 6, 1, 3, 5, 7)


def _awq_columns(words: torch.Tensor) -> torch.Tensor:
    """AWQ words [rows, N/8] → values [rows, N] in the columns' order."""
    inverse = torch.tensor([_AWQ.index(column) for column in range(8)], device=words.device)
    values = _nibbles(words, 1)
    return values.unflatten(1, (-1, 8)).index_select(2, inverse).flatten(1)


def from_awq(qweight: torch.Tensor, scales: torch.Tensor, qzeros: torch.Tensor, *,
             dtype: torch.dtype | None = None, packed: bool = True) -> Weight:
    """A layer of an AWQ checkpoint (version "gemm").

    Args:
        qweight: int32 [K, N/8].
        scales: [K/group, N].
        qzeros: int32 [K/group, N/8].
        dtype, packed: as of `from_gptq`.
    """
    qweight, qzeros = _int32("qweight", qweight), _int32("qzeros", qzeros)
    k, columns = qweight.shape
    if k % 8:
        raise ValueError(f"qweight has {k} rows; expected K, a multiple of 8")
    if isinstance(scales, torch.Tensor) and scales.dim() == 2 and scales.shape[1] != 8 * columns:
        raise ValueError(f"qweight has {columns} columns of eight, scales {scales.shape[1]}; "
                         "expected [K, N/8] and [K/group, N]: version 'gemm' of AWQ")
    group = _group(k, scales)
    weight = Weight(_words(_awq_columns(qweight), 0), _scales(scales, dtype),
                    _words(_awq_columns(qzeros), 1), group=group, zeros="v2")
    return pack(weight) if packed else weight


def to_awq(weight: Weight) -> dict[str, torch.Tensor]:
    """The tensors of an AWQ checkpoint (version "gemm"): qweight, qzeros and
    scales."""
    plain = unpack(weight)
    order = torch.tensor(_AWQ, device=plain.device)

    def words(values):
        return _words(values.unflatten(1, (-1, 8)).index_select(2, order).flatten(1), 1)

    z = (torch.full((plain.k // plain.group, plain.n), 8, dtype=torch.int32, device=plain.device)
         if plain.qzeros is None else _zero_points(plain))
    return {"qweight": words(_nibbles(plain.qweight, 0)), "qzeros": words(z),
            "scales": plain.scales}


def from_compressed_tensors(weight_packed: torch.Tensor, weight_scale: torch.Tensor,
                            weight_zero_point: torch.Tensor | None = None,
                            weight_shape: torch.Tensor | None = None,
                            weight_g_idx: torch.Tensor | None = None, *,
                            dtype: torch.dtype | None = None, packed: bool = True) -> Weight:
    """A layer of a compressed-tensors checkpoint, format "pack-quantized" of
    4 bits, by group or by channel.

    Args:
        weight_packed: int32 [N, K/8].
        weight_scale: [N, K/group].
        weight_zero_point: int32 [N/8, K/group], or None if symmetric.
        weight_shape: [N, K]; compared where it is given.
        weight_g_idx: must say nothing, as of `from_gptq`.
        dtype, packed: as of `from_gptq`.
    """
    words = _int32("weight_packed", weight_packed)
    n, k = words.shape[0], 8 * words.shape[1]
    if weight_shape is not None and not weight_shape.is_meta:
        expected = [int(extent) for extent in weight_shape]
        if expected != [n, k]:
            raise ValueError(f"weight_shape is {expected}; expected [{n}, {k}] of weight_packed "
                             "of 4 bits")
    if not isinstance(weight_scale, torch.Tensor) or weight_scale.dim() != 2:
        raise ValueError("weight_scale is no matrix [N, K / group]")
    scales = weight_scale.t()
    group = _group(k, scales)
    _refuse_act_order(weight_g_idx, k, group)
    qzeros = None
    if weight_zero_point is not None:
        qzeros = _int32("weight_zero_point", weight_zero_point)
        # Packed along N: transposed, a word holds eight n of one group.
        qzeros = qzeros.t().contiguous()
    weight = Weight(words.t().contiguous(), _scales(scales, dtype), qzeros, group=group,
                    zeros="symmetric" if qzeros is None else "v2")
    return pack(weight) if packed else weight
