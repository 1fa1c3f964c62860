"""Where a tensor of any library lies: DLPack, read by ctypes.

numpy, torch, cupy and jax arrays have ``__dlpack__`` and ``__dlpack_device__``.
"""

from __future__ import annotations

import ctypes as c
import typing

CPU, CUDA = 1, 2
_KINDS = {0: "int", 1: "uint", 2: "float", 4: "bfloat", 6: "bool"}
_NAME = b"dltensor"


class _Tensor(c.Structure):
    _fields_ = [
        ("data", c.c_void_p),
        ("device_type", c.c_int32),
        ("device_id", c.c_int32),
        ("ndim", c.c_int32),
        ("code", c.c_uint8),
        ("bits", c.c_uint8),
        ("lanes", c.c_uint16),
        ("shape", c.POINTER(c.c_int64)),
        ("strides", c.POINTER(c.c_int64)),
        ("byte_offset", c.c_uint64),
    ]


_pointer = c.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = c.c_void_p, [c.py_object, c.c_char_p]


class View(typing.NamedTuple):
    """A tensor, seen. The capsule keeps its memory as long as this lives."""

    address: int
    shape: tuple[int, ...]
    dtype: str  # "float16", "bfloat16", "int32"
    device: tuple[int, int]  # (CPU or CUDA, number)
    contiguous: bool
    capsule: object

    @property
    def nbytes(self) -> int:
        size = int("".join(filter(str.isdigit, self.dtype))) // 8
        for extent in self.shape:
            size *= extent
        return size


def view(tensor: object, name: str, stream: int | None = None) -> View:
    """Reads a tensor.

    Args:
        tensor: anything with ``__dlpack__``.
        name: of the argument, for messages.
        stream: the CUDA stream on which it will be used; its library makes
            what it still writes visible there.

    Raises:
        TypeError: it is no such tensor.
    """
    if not hasattr(tensor, "__dlpack__") or not hasattr(tensor, "__dlpack_device__"):
        raise TypeError(f"{name} is {type(tensor).__name__}; expected a tensor with __dlpack__")
    kind, number = tensor.__dlpack_device__()
    if int(kind) == CUDA:
        capsule = tensor.__dlpack__(stream=stream or 1)  # 1: the default stream
    else:
        capsule = tensor.__dlpack__()
    t = _Tensor.from_address(_pointer(capsule, _NAME))
    shape = tuple(t.shape[i] for i in range(t.ndim))
    contiguous, expected = True, 1
    if t.strides and 0 not in shape:
        for i in reversed(range(t.ndim)):
            contiguous &= shape[i] == 1 or t.strides[i] == expected
            expected *= shape[i]
    if t.lanes != 1 or t.code not in _KINDS:
        raise TypeError(f"{name} has elements that are no plain numbers")
    return View((t.data or 0) + t.byte_offset, shape, f"{_KINDS[t.code]}{t.bits}",
                (int(kind), int(number)), contiguous, capsule)
