"""What tools/bench/examples.py runs: each example's sizes, a small, a usual and a large or odd one;
what comes out in fp64; how far off a result may be; and the choices that Lath tries, as Triton's
versions list theirs."""

import torch

CASES = {
    "vector_add": ["n=1048576", "n=16777216", "n=16777213"],
    "dropout": ["n=1048576", "n=16777216", "n=16777213"],
    "softmax": ["rows=4096,columns=1000", "rows=4096,columns=4096", "rows=4096,columns=32000"],
    "layer_norm": ["rows=4096,columns=1024", "rows=4096,columns=4096", "rows=8192,columns=5120"],
    "layer_norm_backward": ["rows=4096,columns=1024", "rows=4096,columns=4096",
                            "rows=8192,columns=5120"],
    "rms_norm": ["rows=4096,columns=1024", "rows=4096,columns=4096", "rows=8192,columns=5120"],
    "column_sum": ["rows=264,columns=1024", "rows=264,columns=4096", "rows=4096,columns=5120"],
    "rope": ["tokens=128,heads=32,dim=128", "tokens=4096,heads=32,dim=128",
             "tokens=8192,heads=40,dim=128"],
    "swiglu": ["rows=128,columns=14336", "rows=4096,columns=14336", "rows=8192,columns=11008"],
    "matmul_kn": ["m=1024,n=1024,k=1024", "m=4096,n=4096,k=4096", "m=8192,n=8192,k=8192"],
    "matmul_nk": ["m=1024,n=1024,k=1024", "m=4096,n=4096,k=4096", "m=8192,n=8192,k=8192"],
    "matmul_bias_gelu": ["m=1024,n=1024,k=1024", "m=4096,n=4096,k=4096", "m=8192,n=8192,k=8192"],
    "batched_matmul": ["batches=64,m=128,n=128,k=128", "batches=32,m=512,n=512,k=512",
                       "batches=16,m=1000,n=1000,k=1000"],
    "grouped_matmul": ["matrices=8,rows=512,n=2048,k=2048", "matrices=8,rows=4096,n=4096,k=4096",
                       "matrices=64,rows=8192,n=1408,k=2048"],
    "attention": ["batches=4,length=1024", "batches=1,length=4096", "batches=1,length=16384"],
    "paged_attention": ["batches=1,length=1024", "batches=16,length=4096",
                        "batches=32,length=8000"],
    "paged_combine": ["lines=8", "lines=128", "lines=1024"],
    "embedding": ["rows=64", "rows=4096", "rows=16384"],
    "argmax": ["rows=16,columns=128256", "rows=256,columns=128256", "rows=1024,columns=50257"],
    "cross_entropy": ["rows=64,words=128256", "rows=1024,words=128256", "rows=4096,words=50257"],
    "top_k": ["rows=256,columns=64", "rows=4096,columns=128", "rows=16384,columns=256"],
    "cumsum": ["rows=4096,columns=1024", "rows=4096,columns=4096", "rows=4096,columns=32000"],
    "quantize_rows": ["rows=4096,columns=1024", "rows=4096,columns=4096", "rows=8192,columns=5120"],
}

# Largest error of an output, as a norm relative to the right one, in units of its type's rounding;
# 0: bit for bit.
BOUNDS = {"attention": 8, "paged_attention": 1e5, "cumsum": 64, "cross_entropy": 64,
          "embedding": 0, "argmax": 0, "top_k": 0}
UNITS = {torch.float16: 2 ** -11, torch.bfloat16: 2 ** -8, torch.float32: 2 ** -24,
         torch.int8: 2 ** -11, torch.int32: 2 ** -11}

# Lath's choices, besides the one it takes by itself.
_GROUP = "mma=warpgroup"
_ENGINE = _GROUP + ",copies=tensor"
_PRODUCER = _GROUP + ",producers=1,copies=tensor"
_PERSISTENT = _PRODUCER + ",persistent=1"
_PRODUCT = ["bm64bn64bk64w4st5," + _PRODUCER, "bm64bn128bk64w4st4," + _PRODUCER,
            "bm128bn128bk64w4st3," + _GROUP, "bm128bn128bk64w8st5," + _PERSISTENT,
            "bm128bn256bk64w8st4," + _PERSISTENT, "bm256bn128bk64w8st4," + _PERSISTENT]
_WARPS = ["w1", "w2", "w4", "w8", "w16"]
CHOICES = {
    "vector_add": ["tile1024w1", "tile1024w8", "tile2048w4"],
    "dropout": ["tile512w2", "tile1024w2", "tile1024w8", "tile2048w4"],
    "softmax": ["rows1w2", "rows1w4", "rows1w16", "rows4w8", "rows2w4"],
    "layer_norm": _WARPS[1:], "rms_norm": _WARPS, "layer_norm_backward": _WARPS[2:],
    "quantize_rows": _WARPS,
    "column_sum": ["rows64columns32w8st4", "rows32columns32w8st4", "rows64columns32w4st4"],
    "rope": ["heads4w1", "heads8w2", "heads8w4", "heads16w4", "heads32w8"],
    "swiglu": ["width1024w2", "width2048w4", "width2048w8"],
    "matmul_kn": _PRODUCT, "matmul_nk": _PRODUCT, "matmul_bias_gelu": _PRODUCT,
    "batched_matmul": ["bm64bn64bk64w4st4," + _GROUP, "bm128bn128bk64w8st3," + _GROUP,
                       "bm128bn128bk64w8st3," + _PRODUCER, "bm128bn256bk64w8st3," + _PRODUCER],
    "grouped_matmul": ["bm64bn128bk64blocks396w4st4," + _GROUP,
                       "bm128bn128bk64blocks264w4st3," + _GROUP,
                       "bm128bn128bk64blocks264w8st3," + _GROUP],
    "attention": ["queries64keys64w4st2," + _ENGINE, "queries64keys64w4st3," + _ENGINE,
                  "queries128keys128w8st2," + _ENGINE, "queries128keys128w8st3," + _ENGINE],
    "paged_attention": ["keys32w2st3", "keys64w2st2", "keys64w2st3", "keys64w4st3", "keys32w1st3",
                        "keys32w4st3"],
    "paged_combine": _WARPS[:2],
    "embedding": ["rows1columns1024w4", "rows4columns1024w4", "rows16columns256w8"],
    "argmax": ["step1024w8", "step2048w4", "step4096w4st3", "step8192w16"],
    "cross_entropy": ["step2048w2", "step2048w4", "step4096w4st2", "step8192w8st2",
                      "step16384w16st2"],
    "top_k": ["rows1w1", "rows2w2", "rows8w8", "rows2w1", "rows4w2"],
    "cumsum": ["step512w1", "step512w1st3", "step1024w1", "step1024w2", "step1024w2st3"],
}

REFERENCES = {}


def reference(*names):
    def register(function):
        for name in names:
            REFERENCES[name] = function
        return function
    return register


def bound(name, dtype):
    return BOUNDS.get(name, 2) * UNITS[dtype]


@reference("vector_add")
def vector_add(t, s):
    return {"c": t["a"].double() + t["b"].double()}


@reference("dropout")
def dropout(t, s):
    """Philox-4x32-10's first word of counter {i, 0, 0, 0} and key {seed, 0}."""
    word = (1 << 32) - 1
    at = torch.arange(s["n"], device="cuda")
    c = [at, torch.zeros_like(at), torch.zeros_like(at), torch.zeros_like(at)]
    key = [int(s["seed"]), 0]

    def product(constant, x):
        """High and low words; 64-bit products of torch are signed, so by halves."""
        low, high = constant * (x & 0xFFFF), constant * (x >> 16)
        total = high + (low >> 16)
        return total >> 16 & word, (total & 0xFFFF) << 16 | low & 0xFFFF

    for _ in range(10):
        a, b = product(0xD2511F53, c[0]), product(0xCD9E8D57, c[2])
        c = [b[0] ^ c[1] ^ key[0], b[1], a[0] ^ c[3] ^ key[1], a[1]]
        key = [(key[0] + 0x9E3779B9) & word, (key[1] + 0xBB67AE85) & word]
    kept = (c[0] >> 8).double() * 2 ** -24 >= s["rate"]
    return {"out": torch.where(kept, t["in"].double() / (1 - s["rate"]), 0)}


@reference("softmax")
def softmax(t, s):
    return {"out": t["in"].double().softmax(1)}


@reference("layer_norm")
def layer_norm(t, s):
    x = t["x"].double()
    mean = x.mean(1, keepdim=True)
    rstd = ((x - mean).square().mean(1, keepdim=True) + s["eps"]).rsqrt()
    return {"y": (x - mean) * rstd * t["w"].double() + t["b"].double(),
            "mean": mean[:, 0], "rstd": rstd[:, 0]}


@reference("rms_norm")
def rms_norm(t, s):
    h = t["x"].double() + t["residual"].double()
    rounded = h.to(t["h"].dtype).double()
    scale = (rounded.square().mean(1, keepdim=True) + s["eps"]).rsqrt()
    return {"h": h, "y": rounded * scale * t["w"].double()}


@reference("layer_norm_backward")
def layer_norm_backward(t, s):
    dy, rstd = t["dy"].double(), t["rstd"].double()[:, None]
    c = (t["x"].double() - t["mean"].double()[:, None]) * rstd
    g = dy * t["w"].double()
    dx = (g - c * (c * g).mean(1, keepdim=True) - g.mean(1, keepdim=True)) * rstd
    shares = t["dw"].shape[0]

    def by_share(values):
        sums = torch.zeros(shares, values.shape[1], dtype=torch.double, device="cuda")
        owner = torch.arange(values.shape[0], device="cuda") % shares
        return sums.index_add_(0, owner, values)

    return {"dx": dx, "dw": by_share(dy * c), "db": by_share(dy)}


@reference("column_sum")
def column_sum(t, s):
    return {"out": t["in"].double().sum(0)}


@reference("rope")
def rope(t, s):
    half = s["dim"] // 2
    power = -2.0 * torch.arange(half, device="cuda").double() / s["dim"]
    f = t["positions"].double()[:, None, None] * 500000.0 ** power
    a, b = t["x"].double().split(half, 2)
    return {"out": torch.cat([a * f.cos() - b * f.sin(), b * f.cos() + a * f.sin()], 2)}


@reference("swiglu")
def swiglu(t, s):
    gate, up = t["in"].double().unbind(1)
    return {"out": gate * gate.sigmoid() * up}


@reference("matmul_kn", "batched_matmul")
def matmul_kn(t, s):
    return {"out": t["a"].double() @ t["b"].double()}


@reference("matmul_nk")
def matmul_nk(t, s):
    return {"out": t["a"].double() @ t["b"].double().t()}


@reference("matmul_bias_gelu")
def matmul_bias_gelu(t, s):
    sums = t["a"].double() @ t["b"].double() + t["bias"].double()
    return {"out": torch.nn.functional.gelu(sums, approximate="tanh")}


@reference("grouped_matmul")
def grouped_matmul(t, s):
    first = t["first"].tolist()
    parts = [t["a"][begin:end].double() @ t["b"][e].double()
             for e, (begin, end) in enumerate(zip(first, first[1:]))]
    return {"out": torch.cat(parts)}


@reference("attention")
def attention(t, s):
    q, k, v = t["q"], t["k"], t["v"]
    out = torch.empty(q.shape, dtype=torch.double, device="cuda")
    ratio = s["heads"] // s["groups"]
    later = torch.ones(s["length"], s["length"], dtype=torch.bool, device="cuda").triu(1)
    for b in range(s["batches"]):
        for h in range(s["heads"]):
            scores = q[b, :, h].double() @ k[b, :, h // ratio].double().t() / s["dim"] ** 0.5
            if s["causal"] > 1:
                scores.masked_fill_(later, float("-inf"))
            out[b, :, h] = scores.softmax(1) @ v[b, :, h // ratio].double()
    return {"out": out}


@reference("paged_attention")
def paged_attention(t, s):
    page, tile, shares = 16, 64, s["shares"]
    out = {name: torch.zeros(t[name].shape, dtype=torch.double, device="cuda")
           for name in ("partial", "most", "total")}
    out["most"].fill_(-1e30)
    for b, length in enumerate(t["lengths"].tolist()):
        u = torch.arange(length, device="cuda")
        row = t["table"][b].long()[u // page] * page + u % page
        k, v = t["k"][row].double(), t["v"][row].double()
        scores = torch.einsum("grd,ugd->gru", t["q"][b].double(), k)
        scores *= 1.4426950408889634 / s["dim"] ** 0.5
        steps = -(-(-(-length // tile)) // shares) * tile
        for c in range(shares):
            mine = slice(c * steps, min(length, c * steps + steps))
            if mine.start < mine.stop:
                part = scores[:, :, mine]
                most = part.max(2).values
                e = torch.exp2(part - most[:, :, None])
                out["most"][b, :, c], out["total"][b, :, c] = most, e.sum(2)
                out["partial"][b, :, c] = torch.einsum("gru,ugd->grd", e, v[mine])
    return out


@reference("paged_combine")
def paged_combine(t, s):
    most = t["most"].double()
    weight = torch.exp2(most - most.max(1, keepdim=True).values)
    sums = (weight[..., None] * t["partial"].double()).sum(1)
    return {"out": sums / (weight * t["total"].double()).sum(1)[..., None]}


@reference("embedding")
def embedding(t, s):
    return {"out": t["table"][t["ids"].long()].double()}


@reference("argmax")
def argmax(t, s):
    x = t["in"]
    at = torch.arange(x.shape[1], device="cuda")
    first = torch.where(x == x.max(1, keepdim=True).values, at, x.shape[1]).min(1).values
    return {"out": first.double()}


@reference("cross_entropy")
def cross_entropy(t, s):
    x = t["in"].double()
    return {"loss": x.logsumexp(1) - x.gather(1, t["labels"].long()[:, None])[:, 0]}


@reference("top_k")
def top_k(t, s):
    values, ids = t["in"].double().sort(dim=1, descending=True, stable=True)
    return {"values": values[:, :s["k"]], "ids": ids[:, :s["k"]].double()}


@reference("cumsum")
def cumsum(t, s):
    return {"out": t["in"].double().cumsum(1)}


@reference("quantize_rows")
def quantize_rows(t, s):
    x = t["in"].double()
    scales = x.abs().max(1).values / 127
    return {"out": (x / scales[:, None]).round(), "scales": scales}
