"""lath.linear and lath.nn.QuantLinear: numbers, shapes, torch's own checks."""
import copy
import pickle

import pytest

import lath

torch = pytest.importorskip("torch")

BOUND = {torch.float16: 1e-3, torch.bfloat16: 8e-3}


def error(y, exact):
    return ((y.double() - exact).norm() / exact.norm()).item()


def made(n=72, k=160, group=32, zeros="symmetric", dtype=torch.float16, bias=True, seed=0):
    torch.manual_seed(seed)
    linear = torch.nn.Linear(k, n, bias)
    return lath.nn.QuantLinear.from_linear(linear, group, zeros, dtype)


def exact(layer, x):
    """fp64, of the weights as they are."""
    y = x.double() @ _w(lath.unpack(layer.weight)).t()
    return y if layer.bias is None else y + layer.bias.double()


def _w(plain):
    q = torch.stack([(plain.qweight >> 4 * i) & 15 for i in range(8)], 1)
    q = q.reshape(plain.k, plain.n).double()
    z = torch.full((plain.k // plain.group, plain.n), 8.0, dtype=torch.float64)
    if plain.qzeros is not None:
        z = torch.stack([(plain.qzeros >> 4 * i) & 15 for i in range(8)], 2).reshape(z.shape)
        z = ((z + (plain.zeros == "v1")) % 16).double()
    spread = lambda t: t.double().repeat_interleave(plain.group, 0)  # noqa: E731
    return ((q - spread(z)) * spread(plain.scales)).t()


@pytest.mark.parametrize("zeros", ["symmetric", "v1", "v2"])
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("shape", [(160,), (1, 160), (5, 160), (2, 3, 160), (2, 1, 2, 9, 160)])
def test_numbers(zeros, dtype, shape):
    layer = made(zeros=zeros, dtype=dtype)
    x = torch.randn(shape).to(dtype)
    y = layer(x)
    assert y.shape == (*shape[:-1], 72) and y.dtype == dtype and y.is_contiguous()
    assert error(y, exact(layer, x)) < BOUND[dtype]
    plain = lath.linear(x, lath.unpack(layer.weight), layer.bias)
    assert error(plain, exact(layer, x)) < BOUND[dtype]


@pytest.mark.parametrize("shape", [(0, 160), (3, 0, 160)])
def test_no_rows(shape):
    assert made()(torch.empty(shape, dtype=torch.float16)).shape == (*shape[:-1], 72)


def test_strides():
    layer = made(bias=False)
    wide = torch.randn(6, 4, 320).half()
    for x in (wide[..., :160], wide[..., ::2], wide[:, 1, 7:167], wide.transpose(0, 1)[..., 160:],
              torch.randn(160, 5).half().t(), torch.randn(160).half().expand(3, 160),
              torch.randn(8 + 2 * 160).half()[1:321].view(2, 160)):
        assert torch.equal(layer(x), layer(x.contiguous().clone()))
    bias = torch.randn(144).half()[::2]
    assert torch.equal(lath.linear(x, layer.weight, bias),
                       lath.linear(x, layer.weight, bias.clone()))


def test_one_row_of_many_is_that_row():
    """Rows do not meet: what a batch holds beside a row changes nothing in a
    kernel of the same bucket."""
    layer = made()
    x = torch.randn(8, 160).half()
    other = torch.randn(8, 160).half()
    other[3] = x[3]
    assert torch.equal(layer(x)[3], layer(other)[3])


def test_operator_checks():
    layer = made(zeros="v1")
    arguments = lambda x: (x, layer.qweight, layer.scales, layer.qzeros, layer.bias,  # noqa: E731
                           layer.group, 1, 1)
    for x in (torch.randn(5, 160).half(), torch.randn(2, 3, 320).half()[..., ::2]):
        told = torch.library.opcheck(torch.ops.lath.linear.default, arguments(x))
        assert set(told.values()) == {"SUCCESS"}


def test_compile():
    model = torch.nn.Sequential(made(k=160, n=96), torch.nn.ReLU(), made(k=96, n=40))
    compiled = torch.compile(model, fullgraph=True, dynamic=True)
    for rows in (2, 3, 17):
        x = torch.randn(rows, 160).half()
        assert error(compiled(x), model(x).double()) < 1e-3
    weight = model[0].weight
    assert torch.equal(torch.compile(lambda x: lath.linear(x, weight), fullgraph=True)(x),
                       lath.linear(x, weight))


def test_export(tmp_path):
    layer = made()
    x = torch.randn(5, 160).half()
    program = torch.export.export(layer, (x,), dynamic_shapes=({0: torch.export.Dim("m")},))
    torch.export.save(program, tmp_path / "layer.pt2")
    again = torch.export.load(tmp_path / "layer.pt2").module()
    assert torch.equal(again(x[:3]), layer(x[:3]))


def test_meta_and_fake():
    layer = made().to("meta")
    assert layer(torch.empty(2, 3, 160, dtype=torch.float16, device="meta")).shape == (2, 3, 72)
    with pytest.raises(RuntimeError, match=r"x has shape \[2, 64\]; expected \[..., 160\]"):
        layer(torch.empty(2, 64, dtype=torch.float16, device="meta"))


def test_modules_are_saved_moved_and_copied(tmp_path):
    layer = made(zeros="v2")
    x = torch.randn(3, 160).half()
    y = layer(x)
    torch.save(layer.state_dict(), tmp_path / "layer.pt")
    fresh = lath.nn.QuantLinear(160, 72, group=32, zeros="v2")
    fresh.load_state_dict(torch.load(tmp_path / "layer.pt"))
    for other in (fresh, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert torch.equal(other(x), y)
    assert list(layer.state_dict()) == ["qweight", "scales", "qzeros", "bias"]
    assert "in_features=160, out_features=72" in repr(layer)
    half = made(dtype=torch.bfloat16).to(torch.float16)
    assert half(x).dtype == torch.float16 and half.qweight.dtype == torch.int32
    again = lath.nn.QuantLinear.from_weight(lath.unpack(layer.weight), layer.bias)
    assert again.layout == "packed" and torch.equal(again(x), y)


def test_prepare_and_what_may_not_be_made():
    layer = made(n=56, k=224, group=32)
    model = torch.nn.Sequential(layer)
    assert lath.prepare(model, 4, progress=False) == 3
    lath.set_policy("cached_only")
    x = torch.randn(4, 224).half()
    assert error(model(x), exact(layer, x)) < 1e-3
    with pytest.raises(RuntimeError, match=r"lath.prepare\(model, 8\) before makes what is "
                                           "missing"):
        model(torch.randn(8, 224).half())
    # A kernel for more rows serves.
    lath.set_policy("compile")
    lath.kernel(layer.spec(48), device="cpu")
    lath.set_policy("cached_only")
    x = torch.randn(8, 224).half()
    assert error(model(x), exact(layer, x)) < 1e-3


def test_explain():
    layer = made()
    assert lath.explain(layer.weight, 4)["spec"].startswith("m4n72k160g32")


def test_kernels_by_text_take_torch():
    weight = made(dtype=torch.bfloat16, bias=False).weight
    x = torch.randn(3, 160).bfloat16()
    out = torch.empty(3, 72, dtype=torch.bfloat16)
    lath.kernel(weight.spec(3), device=x.device).launch(x, weight.qweight, weight.scales, out)
    assert torch.equal(out, lath.linear(x, weight))


def wrong():
    layer = made(zeros="v1")
    x = torch.randn(2, 160).half()
    w = layer.weight
    op = torch.ops.lath.linear
    bad = lambda **m: w._with(**m)  # noqa: E731
    raw = (w.qweight, w.scales, w.qzeros)
    gpu_less = torch.empty(72, dtype=torch.float16, device="meta")
    return [
        (lambda: lath.linear(x, w.qweight), TypeError, "weight is Tensor; expected a lath.Weight"),
        (lambda: lath.linear(x[:, :64], w), RuntimeError,
         "x has shape [2, 64]; expected [..., 160] for weights of 72 x 160"),
        (lambda: lath.linear(x[0, 0], w), RuntimeError, "x has shape []; expected [..., 160]"),
        (lambda: lath.linear(x.float(), w), RuntimeError,
         "x is neither torch.float16 nor torch.bfloat16"),
        (lambda: lath.linear(x.bfloat16(), w), RuntimeError,
         "scales has another type; expected torch.bfloat16, x's"),
        (lambda: lath.linear(x, bad(layout="gptq")), RuntimeError,
         "qweight has shape [3, 5, 128]; expected [20, 72]"),
        (lambda: lath.linear(x, lath.unpack(w)._with(layout="packed")), RuntimeError,
         "packed qweight has shape [20, 72]; expected [3, 5, 128]"),
        (lambda: lath.linear(x, bad(qweight=w.qweight.float())), RuntimeError,
         "qweight has another type; expected torch.int32"),
        (lambda: lath.linear(x, bad(scales=w.scales[0])), RuntimeError,
         "scales has shape [72]; expected [K / group, N]"),
        (lambda: lath.linear(x, bad(scales=w.scales.t().contiguous().t())), RuntimeError,
         "scales is not contiguous; expected weights as lath.pack and lath.from_gptq return"),
        (lambda: lath.linear(x, bad(scales=torch.zeros(361, dtype=torch.float16)[1:].view(5, 72))),
         RuntimeError, "scales does not begin at a multiple of 16 bytes; clone it"),
        (lambda: lath.linear(x, bad(qzeros=None)), RuntimeError,
         "weights in format u4z1 (stored minus one) need qzeros"),
        (lambda: lath.linear(x, bad(zeros="symmetric")), RuntimeError,
         "weights in format u4 (symmetric) have no qzeros"),
        (lambda: lath.linear(x, bad(qzeros=w.qzeros[:, :8])), RuntimeError,
         "qzeros has shape [5, 8]; expected [5, 9]"),
        (lambda: lath.linear(x, w, layer.bias[:64]), RuntimeError,
         "bias has shape [64]; expected [72]"),
        (lambda: lath.linear(x, w, layer.bias.float()), RuntimeError,
         "bias has another type; expected torch.float16, x's"),
        (lambda: lath.linear(x, w.to("meta")), RuntimeError,
         "lath.linear: qweight is on meta, x on cpu"),
        (lambda: lath.linear(x.to("meta"), w), RuntimeError,
         "lath.linear: qweight is on cpu, x on meta"),
        (lambda: op(x, *raw, None, 32, 3, 0), RuntimeError, "format is 3; expected 0, 1 or 2"),
        (lambda: op(x, *raw, None, 32, 1, 2), RuntimeError, "layout is 2; expected 0 or 1"),
        (lambda: op(x, *raw, None, 0, 1, 1), RuntimeError,
         "group is 0; expected 32, 64, 128 or K"),
        (lambda: lath.nn.QuantLinear.from_linear(torch.nn.Conv1d(1, 1, 1)), TypeError,
         "linear is Conv1d; expected torch.nn.Linear"),
        (lambda: lath.nn.QuantLinear.from_weight(w.qweight), TypeError,
         "weight is Tensor; expected a lath.Weight"),
        (lambda: lath.nn.QuantLinear.from_weight(w, gpu_less[:8]), ValueError,
         "bias has shape [8]; expected [72]"),
        (lambda: lath.prepare(torch.nn.Linear(8, 8)), ValueError,
         "the model has no lath.nn.QuantLinear"),
        (lambda: lath.explain(w), TypeError, "m, the number of rows, is missing"),
    ]


@pytest.mark.parametrize("index", range(26))
def test_wrong_calls(index):
    calls = wrong()
    assert len(calls) == 26
    call, kind, message = calls[index]
    with pytest.raises(kind) as raised:
        call()
    assert message in str(raised.value)
