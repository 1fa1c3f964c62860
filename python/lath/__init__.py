"""Lath from Python: GPU kernels for quantised models, made at run time.

>>> import torch, lath
>>> weight = lath.from_gptq(qweight, scales, qzeros, zeros="v1")
>>> y = lath.linear(x, weight)              # x [..., K] float16, y [..., N]

Without torch there are kernels by text, and what is made ahead:

>>> kernel = lath.kernel("m16n4096k4096")
>>> kernel.launch(x, qweight, scales, out)  # tensors of any library, by DLPack

Importing this module loads neither the library, nor CUDA, nor torch.
"""

from __future__ import annotations

import importlib
import typing

from ._errors import Error

__version__ = "0.1.0"

# Where each name is defined: loaded when it is asked for.
_HOME = {
    "Kernel": "_kernel",
    "default_device": "_kernel",
    "kernel": "_kernel",
    "Explanation": "_engine",
    "Tuned": "_engine",
    "explain": "_engine",
    "load_pack": "_engine",
    "prepare": "_engine",
    "set_policy": "_engine",
    "stats": "_engine",
    "tune": "_engine",
    "Weight": "_weight",
    "pack": "_weight",
    "quantize": "_weight",
    "unpack": "_weight",
    "from_awq": "_formats",
    "from_compressed_tensors": "_formats",
    "from_gptq": "_formats",
    "to_awq": "_formats",
    "to_gptq": "_formats",
    "linear": "_ops",
}
_MODULES = ("nn", "transformers")

__all__ = ["Error", "__version__", *_HOME, *_MODULES]

if typing.TYPE_CHECKING:
    from . import nn, transformers
    from ._engine import (Explanation, Tuned, explain, load_pack, prepare, set_policy, stats,
                          tune)
    from ._formats import from_awq, from_compressed_tensors, from_gptq, to_awq, to_gptq
    from ._kernel import Kernel, default_device, kernel
    from ._ops import linear
    from ._weight import Weight, pack, quantize, unpack


def __getattr__(name: str):
    if name in _HOME:
        found = getattr(importlib.import_module(f".{_HOME[name]}", __name__), name)
        globals()[name] = found
        return found
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    raise AttributeError(f"module 'lath' has no attribute {name!r}")


def __dir__():
    return sorted(__all__)
