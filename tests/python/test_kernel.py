"""Kernels by text, launched on arrays of numpy."""
import pickle
import re

import conftest
import numpy as np
import pytest

import lath


@pytest.mark.parametrize("fmt", ["u4", "u4z", "u4z1", "s8"])
@pytest.mark.parametrize("group", [32, 128])
@pytest.mark.parametrize("rows", [1, 5, 16])
def test_numbers(layer, fmt, group, rows):
    some = layer(72, 256, group, fmt)
    kernel = lath.kernel(some.spec(rows), device="emulator")
    arguments = some.arguments(some.x(rows))
    assert kernel.launch(**arguments) is arguments["out"]
    assert conftest.error(arguments["out"], arguments["x"].astype(np.float64) @ some.w) < 5e-4


def test_bias(layer):
    some = layer(64, 128, 128)
    bias = some.rng.standard_normal(64).astype(np.float16)
    arguments = some.arguments(some.x(3), bias)
    lath.kernel(some.spec(3, ",bias=yes"), device="emulator").launch(**arguments)
    exact = arguments["x"].astype(np.float64) @ some.w + bias.astype(np.float64)
    assert conftest.error(arguments["out"], exact) < 5e-4


def test_no_rows_write_nothing(layer):
    some = layer(64, 128, 128)
    arguments = some.arguments(some.x(0))
    assert lath.kernel(some.spec(4), device="emulator").launch(**arguments).shape == (0, 64)


def test_what_it_tells():
    kernel = lath.kernel("m3n64k128g32,w=u4z", device="emulator:sm_80")
    assert kernel.spec == "m4n64k128g32,w=u4z"  # of the bucket
    assert kernel.max_rows == 4
    assert kernel.device == "emulator:sm_80"
    assert ".target sm_80" in kernel.ptx and ".entry dequant_gemm" in kernel.ptx
    assert re.match(r"bm\d+bn\d+bk\d+", kernel.schedule)
    assert kernel.shapes(3) == {
        "x": ("float16", (3, 128)), "qweight": ("int32", (16, 64)),
        "scales": ("float16", (4, 64)), "qzeros": ("int32", (4, 8)), "out": ("float16", (3, 64))}
    again = pickle.loads(pickle.dumps(kernel))
    assert (again.spec, again.schedule, again.device) == (kernel.spec, kernel.schedule,
                                                          kernel.device)


def test_a_schedule_of_ones_own(layer):
    some = layer(64, 128, 128)
    kernel = lath.kernel(some.spec(4), "bm8bn32bk64w2st2", device="emulator")
    assert kernel.schedule.startswith("bm8bn32bk64w2st2")
    arguments = some.arguments(some.x(4))
    kernel.launch(**arguments)
    assert conftest.error(arguments["out"], arguments["x"].astype(np.float64) @ some.w) < 5e-4


def wrong_calls(good):
    """Arguments made wrong, with the message that has to come."""
    wide = np.zeros((4, 256), np.float16)
    return {
        "x has shape [3, 64]; expected [3, 128]": {"x": good["x"][:, :64].copy()},
        "x has shape [128]; expected [m, 128]": {"x": good["x"][0]},
        "x is not contiguous": {"x": wide[:3, ::2]},
        "x is float32; expected float16": {"x": good["x"].astype(np.float32)},
        "x has 5 rows; m4n64k128g128 takes at most 4": {"x": np.zeros((5, 128), np.float16)},
        "x is list; expected a tensor with __dlpack__": {"x": [1.0]},
        "qweight is float16; expected int32": {"qweight": good["scales"]},
        "qweight has shape [8, 64]; expected [16, 64]": {"qweight": good["qweight"][:8]},
        "scales has shape [64]; expected [1, 64]": {"scales": good["scales"][0]},
        "out has shape [2, 64]; expected [3, 64]": {"out": good["out"][:2]},
        "qzeros is given, but m4n64k128g128 has none": {"qzeros": good["qweight"]},
        "bias is given, but m4n64k128g128 has none": {"bias": good["out"][0]},
        "qweight is missing; m4n64k128g128 needs it": {"qweight": None},
    }


@pytest.mark.parametrize("message", wrong_calls(
    {name: np.zeros((3, 128), np.float16) for name in ("x", "scales", "qweight", "out")}))
def test_wrong_arguments(layer, message):
    some = layer(64, 128, 128)
    good = some.arguments(some.x(3))
    before = good["out"].copy()
    with pytest.raises((TypeError, ValueError)) as raised:
        lath.kernel(some.spec(4), device="emulator").launch(**{**good,
                                                               **wrong_calls(good)[message]})
    assert str(raised.value) == message
    assert np.array_equal(good["out"], before, equal_nan=True)  # nothing half-written


@pytest.mark.parametrize("call, kind, message", [
    (lambda: lath.kernel("m4"), lath.Error,
     "'n' is missing in 'm4'; m, n and k are needed"),
    (lambda: lath.kernel("m4n64k128", "bm7", "emulator"), lath.Error,
     "bm = 7 is not in 8..256; the nearest is 8"),
    (lambda: lath.kernel(4), TypeError, "spec is int; expected text such as 'm16n4096k4096'"),
    (lambda: lath.kernel("m4n64k128", 3), TypeError, "schedule is int; expected text"),
    (lambda: lath.kernel("m4n64k128", device="gpu"), lath.Error,
     "device is 'gpu'; expected cuda:0, cuda:1, ..., emulator or emulator:TARGET"),
    (lambda: lath.kernel("m4n64k128", device="cuda:x"), lath.Error, "device is 'cuda:x'"),
    (lambda: lath.kernel("m4n64k128", device=3), TypeError,
     "device is int; expected text or a torch.device"),
    (lambda: lath.kernel("m4n64k128", device="emulator:sm_70"), lath.Error, "sm_70"),
])
def test_wrong_requests(call, kind, message):
    with pytest.raises(kind) as raised:
        call()
    assert message in str(raised.value)
