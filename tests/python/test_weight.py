"""Weights: packed and unpacked, moved, saved, read from every format."""
import copy
import multiprocessing
import pickle

import numpy as np
import pytest

import lath

torch = pytest.importorskip("torch")


def tensors(layer, n, k, group, fmt, seed=0):
    some = layer(n, k, group, fmt, seed)
    return some, {"qweight": torch.from_numpy(some.qweight),
                  "scales": torch.from_numpy(some.scales),
                  "qzeros": None if some.qzeros is None else torch.from_numpy(some.qzeros)}


ZEROS = {"u4": "symmetric", "u4z": "v2", "u4z1": "v1"}


def weight(layer, n=72, k=160, group=32, fmt="u4", packed=True):
    some, raw = tensors(layer, n, k, group, fmt)
    return some, lath.from_gptq(**raw, zeros=ZEROS[fmt], packed=packed)


@pytest.mark.parametrize("fmt", ZEROS)
@pytest.mark.parametrize("n, k, group", [(8, 32, 32), (72, 160, 32), (48, 192, 192),
                                         (136, 384, 128)])
def test_packing_is_exact(layer, n, k, group, fmt):
    some, packed = weight(layer, n, k, group, fmt)
    assert packed.layout == "packed" and (packed.n, packed.k) == (n, k)
    plain = lath.unpack(packed)
    assert torch.equal(plain.qweight, torch.from_numpy(some.qweight))
    assert lath.pack(packed) is packed and lath.unpack(plain) is plain
    exact = torch.from_numpy(some.w).t()
    assert torch.equal(packed.dequantize(), exact.half())


def test_packed_words_are_those_of_the_document(layer):
    """docs/packed-weights.md: lane, word and nibble of every (k, n)."""
    n, k = 40, 128
    some, packed = weight(layer, n, k, 32)
    words = packed.qweight.numpy().view(np.uint32)
    plain = some.qweight.view(np.uint32)
    for kk in range(k):
        for nn in range(n):
            a, b = kk % 64, nn % 16
            lane = b // 2 % 8 * 4 + a // 2 % 4
            word = words[kk // 64, nn // 16, 4 * lane + a // 16]
            nibble = b % 2 + 2 * (a // 8 % 2) + 4 * (a % 2)
            assert word >> 4 * nibble & 15 == plain[kk // 8, nn] >> 4 * (kk % 8) & 15


def awq_words(values):
    order = (0, 2, 4, 6, 1, 3, 5, 7)
    out = np.zeros((values.shape[0], values.shape[1] // 8), np.uint32)
    for c in range(out.shape[1]):
        for i, column in enumerate(order):
            out[:, c] |= values[:, 8 * c + column].astype(np.uint32) << np.uint32(4 * i)
    return torch.from_numpy(out.view(np.int32))


def test_awq(layer):
    n, k, group = 72, 160, 32
    rng = np.random.default_rng(3)
    q, z = rng.integers(0, 16, (k, n)), rng.integers(0, 16, (k // group, n))
    scales = rng.random((k // group, n)).astype(np.float16)
    exact = (q - np.repeat(z, group, 0)) * np.repeat(scales.astype(np.float64), group, 0)
    made = lath.from_awq(awq_words(q), torch.from_numpy(scales), awq_words(z))
    assert torch.equal(made.dequantize(), torch.from_numpy(exact).t().half())
    back = lath.to_awq(made)
    assert torch.equal(back["qweight"], awq_words(q))
    assert torch.equal(back["qzeros"], awq_words(z))


@pytest.mark.parametrize("asymmetric", [False, True])
def test_compressed_tensors(asymmetric):
    n, k, group = 72, 160, 32
    rng = np.random.default_rng(4)
    signed = rng.integers(-8, 8, (n, k))
    zero = rng.integers(-8, 8, (n, k // group)) if asymmetric else np.zeros((n, k // group), int)
    scale = torch.from_numpy(rng.random((n, k // group)).astype(np.float32)).bfloat16()

    def words(values):  # eight along the last dimension
        parts = (values + 8).astype(np.uint32).reshape(values.shape[0], -1, 8)
        return (parts << (4 * np.arange(8, dtype=np.uint32))).sum(2, dtype=np.uint32)

    packed = torch.from_numpy(words(signed).view(np.int32))
    points = torch.from_numpy(words(zero.T).T.copy().view(np.int32)) if asymmetric else None
    exact = (signed - np.repeat(zero, group, 1)) * np.repeat(
        scale.double().numpy(), group, 1)
    made = lath.from_compressed_tensors(packed, scale, points, torch.tensor([n, k]))
    assert made.zeros == ("v2" if asymmetric else "symmetric")
    assert torch.equal(made.dequantize(), torch.from_numpy(exact).bfloat16())


@pytest.mark.parametrize("stored", ["v1", "v2"])
@pytest.mark.parametrize("fmt", ZEROS)
def test_gptq_back(layer, fmt, stored):
    some, made = weight(layer, fmt=fmt)
    parts = lath.to_gptq(made, stored)
    assert torch.equal(parts["qweight"], torch.from_numpy(some.qweight))
    if ZEROS[fmt] == stored:
        assert torch.equal(parts["qzeros"], torch.from_numpy(some.qzeros))
    again = lath.from_gptq(**parts, zeros=stored)
    assert again.zeros == ("symmetric" if fmt == "u4" else stored)
    assert torch.equal(again.dequantize(), made.dequantize())


def in_child(pipe, given):
    pipe.send((given.dequantize().double().sum().item(), given.zeros))


@pytest.mark.parametrize("way", ["fork", "spawn"])
def test_it_goes_to_other_processes(layer, way):
    _, made = weight(layer, fmt="u4z1")
    ours, theirs = multiprocessing.Pipe()
    context = multiprocessing.get_context(way)
    child = context.Process(target=in_child, args=(theirs, made))
    child.start()
    assert ours.recv() == (made.dequantize().double().sum().item(), "v1")
    child.join()
    assert child.exitcode == 0


def test_copies_and_meta(layer):
    _, made = weight(layer, fmt="u4z")
    for other in (pickle.loads(pickle.dumps(made)), copy.copy(made), copy.deepcopy(made)):
        assert torch.equal(other.dequantize(), made.dequantize())
    meta = made.to("meta")
    assert meta.device.type == "meta" and lath.unpack(meta).qweight.shape == (20, 72)
    assert lath.pack(lath.unpack(meta)).qweight.shape == made.qweight.shape
    assert made.to(torch.bfloat16).dtype == torch.bfloat16
    assert made.nbytes == 3 * 5 * 512 + 2 * 5 * 72 + 5 * 9 * 4
    assert made.spec(4) == "m4n72k160g32,w=u4z,layout=packed"


@pytest.mark.parametrize("zeros", ["symmetric", "v1", "v2"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_quantize_is_within_half_a_step(zeros, dtype):
    torch.manual_seed(1)
    w = torch.randn(40, 192)
    w[3] = 0
    made = lath.quantize(w, 64, zeros, dtype)
    steps = made.scales.double().repeat_interleave(64, 0).t()
    exact = lath.unpack(made)
    # Rounding of the scale moves the ends of the range a little.
    assert ((made.dequantize().double() - w).abs() <= steps * (0.5 + 8 * 2**-8)).all()
    assert exact.zeros == zeros and (made.dequantize()[3] == 0).all()


def wrong(layer):
    _, good = tensors(layer, 64, 128, 32, "u4z")
    q, s, z = good["qweight"], good["scales"], good["qzeros"]
    order = torch.arange(128).flip(0) // 32
    return [
        (lambda: lath.from_gptq(q, s, z), TypeError, "zeros"),
        (lambda: lath.from_gptq(q, s, z, zeros="v3"), ValueError,
         "zeros is 'v3'; expected 'v1' (checkpoint_format gptq), 'v2' (gptq_v2) or 'symmetric'"),
        (lambda: lath.from_gptq(q, s, zeros="v1"), ValueError, "zeros is 'v1', and qzeros is "
         "missing"),
        (lambda: lath.from_gptq(q, s, z, zeros="symmetric"), ValueError,
         "neither all 7 nor all 8"),
        (lambda: lath.from_gptq(q.float(), s, z, zeros="v2"), TypeError,
         "qweight is torch.float32; expected torch.int32"),
        (lambda: lath.from_gptq(q[0], s, z, zeros="v2"), ValueError,
         "qweight has shape [64]; expected two dimensions"),
        (lambda: lath.from_gptq(q, s, z, order, zeros="v2"), ValueError,
         "g_idx is not k // group: act-order (desc_act) is not supported"),
        (lambda: lath.from_gptq(q, s, z, order[:5], zeros="v2"), ValueError,
         "g_idx has shape [5]; expected [128]"),
        (lambda: lath.from_gptq(q, s[:3], z, zeros="v2"), ValueError,
         "K = 128 is no multiple of the 3 groups of scales"),
        (lambda: lath.from_gptq(q, s.float(), z, zeros="v2"), TypeError,
         "scales is torch.float32; give dtype=torch.float16 or torch.bfloat16"),
        (lambda: lath.from_gptq(q, s, z[:, :4], zeros="v2"), ValueError,
         "qzeros has shape [4, 4]; expected [4, 8]"),
        (lambda: lath.from_gptq(q[:, :60], s[:, :60], z, zeros="v2"), ValueError,
         "weights of 60 x 128; expected N a multiple of 8"),
        (lambda: lath.from_gptq(q, s[:2], z[:2], zeros="v2", ), None, ""),  # group 64
        (lambda: lath.from_gptq(q[:6], s[:1], z[:1], zeros="v2"), ValueError, "48"),
        (lambda: lath.from_awq(q, s, z), ValueError, "version 'gemm' of AWQ"),
        (lambda: lath.from_compressed_tensors(q, s, None, torch.tensor([16, 64])), ValueError,
         "weight_shape is [16, 64]; expected [16, 512]"),
        (lambda: lath.Weight(q, s, group=32, layout="packed"), ValueError,
         "qweight has shape [16, 64]; expected [2, 4, 128]"),
        (lambda: lath.Weight(q, s, group=32, layout="rows"), ValueError,
         "layout is 'rows'; expected 'gptq' or 'packed'"),
        (lambda: lath.Weight(q, s, z, group=32), ValueError,
         "zeros is 'symmetric', and qzeros is given"),
        (lambda: lath.Weight(q, s.to("meta"), group=32), ValueError,
         "scales is on meta, qweight on cpu"),
        (lambda: lath.Weight(q, [1], group=32), TypeError, "scales is list"),
        (lambda: lath.pack(q), TypeError, "weight is Tensor; expected a lath.Weight"),
        (lambda: lath.quantize(q), TypeError, "w is no tensor of floats"),
        (lambda: lath.quantize(torch.zeros(8)), ValueError, "w has shape [8]; expected [N, K]"),
        (lambda: lath.quantize(torch.zeros(8, 96)), ValueError,
         "group is 128; expected a divisor of K = 96"),
        (lambda: lath.quantize(torch.full((8, 128), torch.inf)), ValueError, "w is not finite"),
        (lambda: lath.to_gptq(lath.quantize(torch.zeros(8, 128)), "v3"), ValueError,
         "zeros is 'v3'; expected 'v1' or 'v2'"),
        (lambda: lath.quantize(torch.zeros(8, 128)).to(torch.float32), TypeError,
         "weights cannot have scales of torch.float32"),
    ]


@pytest.mark.parametrize("index", range(28))
def test_wrong_calls(layer, index):
    calls = wrong(layer)
    assert len(calls) == 28
    call, kind, message = calls[index]
    if kind is None:
        assert call().group == 64
        return
    with pytest.raises(kind) as raised:
        call()
    assert message in str(raised.value)


