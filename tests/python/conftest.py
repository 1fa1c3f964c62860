"""What the tests share. Those that need torch pass over themselves where it is
not installed; `check.py` says so aloud."""
import os
import tempfile

import numpy as np
import pytest

import lath

# Not the user's. The library reads them once.
_own = tempfile.TemporaryDirectory()
os.environ["LATH_TUNING_DB"] = f"{_own.name}/tuning.sqlite"
os.environ["LATH_CACHE_DIR"] = f"{_own.name}/cache"


@pytest.fixture(autouse=True)
def policy():
    """Every test begins where all may be compiled."""
    yield
    lath.set_policy("compile")


class Layer:
    """Random weights of a problem, as numpy arrays, and what they multiply
    to."""

    def __init__(self, n, k, group, fmt="u4", seed=0, dtype=np.float16):
        rng = np.random.default_rng(seed)
        self.n, self.k, self.group, self.format = n, k, group, fmt
        self.rng = rng
        per_word, bits = (4, 8) if fmt == "s8" else (8, 4)
        self.qweight = rng.integers(-2**31, 2**31, (k // per_word, n), dtype=np.int32)
        self.scales = ((rng.random((k // group, n)) + 0.5) / 8).astype(dtype)
        shifts = (bits * np.arange(per_word, dtype=np.uint32))
        words = self.qweight.view(np.uint32)[:, None, :] >> shifts[None, :, None]
        q = (words & (2**bits - 1)).reshape(k, n).astype(np.int64)
        self.qzeros = None
        z = 8
        if fmt == "s8":
            q, z = np.where(q > 127, q - 256, q), 0
        elif fmt != "u4":
            self.qzeros = rng.integers(-2**31, 2**31, (k // group, n // 8), dtype=np.int32)
            stored = (self.qzeros.view(np.uint32)[:, :, None] >> shifts) & 15
            stored = stored.reshape(k // group, n).astype(np.int64)
            z = np.repeat((stored + (fmt == "u4z1")) & 15, group, 0)
        self.w = (q - z) * np.repeat(self.scales.astype(np.float64), group, 0)

    def x(self, rows):
        return self.rng.standard_normal((rows, self.k)).astype(np.float16)

    def spec(self, m, more=""):
        w = "" if self.format == "u4" else f",w={self.format}"
        return f"m{m}n{self.n}k{self.k}g{self.group}{w}{more}"

    def arguments(self, x, bias=None):
        given = {"x": x, "qweight": self.qweight, "scales": self.scales,
                 "out": np.full((x.shape[0], self.n), np.nan, np.float16)}
        if self.qzeros is not None:
            given["qzeros"] = self.qzeros
        if bias is not None:
            given["bias"] = bias
        return given


@pytest.fixture
def layer():
    return Layer


def error(out, exact):
    """Relative to fp64, in the Frobenius norm."""
    exact = np.asarray(exact, np.float64)
    return np.linalg.norm(np.asarray(out, np.float64) - exact) / np.linalg.norm(exact)
