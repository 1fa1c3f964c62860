"""GPTQ and AWQ checkpoints of a tiny Llama, through from_pretrained."""
import copy
import json

import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

import lath  # noqa: E402
import lath.transformers  # noqa: E402
import tiny_llama  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

CHECKPOINTS = {
    "gptq": {},
    "gptq, zero points": {"symmetric": False},
    "gptq_v2": {"fmt": "gptq_v2", "symmetric": False},
    "awq": {"method": "awq", "symmetric": False},
}


@pytest.fixture(autouse=True)
def enabled():
    lath.transformers.enable()
    lath.transformers.enable()  # may be called again


def load(folder, **more):
    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float16, **more)


def settings(folder, **changes):
    path = folder / "config.json"
    config = json.loads(path.read_text())
    config["quantization_config"] |= changes
    path.write_text(json.dumps(config))


IDS = torch.tensor([[1, 17, 5, 99, 42, 8, 64], [1, 3, 120, 77, 31, 2, 9]])
MASK = torch.ones_like(IDS)


def error(logits, exact):
    return ((logits.double() - exact).norm() / exact.norm()).item()


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_logits_generate_and_save(tmp_path, name):
    reference, tensors = tiny_llama.write(tmp_path / "a", **CHECKPOINTS[name])
    model = load(tmp_path / "a")
    assert sum(isinstance(m, lath.nn.QuantLinear) for m in model.modules()) == 14
    with torch.no_grad():
        exact = copy.deepcopy(reference).double()(IDS).logits
        # As near to fp64 as the dequantised model in fp16 is, or nearer.
        assert error(model(IDS).logits, exact) < 1.5 * error(reference(IDS).logits, exact)
    how = dict(attention_mask=MASK, max_new_tokens=5, do_sample=False, pad_token_id=0)
    assert torch.equal(model.generate(IDS, **how), reference.generate(IDS, **how))
    static = model.generate(IDS, cache_implementation="static", disable_compile=True, **how)
    assert torch.equal(static, reference.generate(IDS, **how))

    model.save_pretrained(tmp_path / "b")
    saved = load_file(tmp_path / "b" / "model.safetensors")
    assert sorted(saved) == sorted(tensors)
    for key, tensor in tensors.items():
        assert torch.equal(saved[key], tensor) and saved[key].dtype == tensor.dtype, key
    kept = json.loads((tmp_path / "b" / "config.json").read_text())["quantization_config"]
    original = json.loads((tmp_path / "a" / "config.json").read_text())["quantization_config"]
    assert {key: kept[key] for key in original} == original and kept["backend"] == "auto"
    with torch.no_grad():
        assert torch.equal(load(tmp_path / "b")(IDS).logits, model(IDS).logits)
        plain = model.dequantize()
        assert not any(isinstance(m, lath.nn.QuantLinear) for m in plain.modules())
        assert error(plain(IDS).logits, exact) < 3e-3


def test_the_backend_that_is_named(tmp_path):
    tiny_llama.write(tmp_path)
    model = load(tmp_path, quantization_config=transformers.GPTQConfig(bits=4, backend="lath"))
    assert isinstance(model.model.layers[0].mlp.up_proj, lath.nn.QuantLinear)
    assert lath.prepare(model, 2, progress=False) == 2 * 4  # four shapes of layers


def test_bfloat16(tmp_path):
    reference, _ = tiny_llama.write(tmp_path)
    model = transformers.AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.bfloat16)
    with torch.no_grad():
        exact = reference.double()(IDS).logits
        assert error(model(IDS).logits, exact) < 3e-2


def test_a_label_that_lies(tmp_path):
    """Symmetric files that say gptq and store 8 for 8."""
    reference, tensors = tiny_llama.write(tmp_path)
    for key in tensors:
        if key.endswith("qzeros"):
            tensors[key] = torch.full_like(tensors[key], -0x77777778)
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with torch.no_grad():
        exact = reference.double()(IDS).logits
        assert error(load(tmp_path)(IDS).logits, exact) < 5e-3


@pytest.mark.parametrize("change, message", [
    ({"bits": 8}, "bits is 8; Lath reads 4-bit checkpoints"),
    ({"checkpoint_format": "gptq_p"},
     "the checkpoint's format is 'gptq_p'; Lath reads gptq and gptq_v2"),
])
def test_what_is_refused(tmp_path, change, message):
    tiny_llama.write(tmp_path)
    settings(tmp_path, **change)
    with pytest.raises(ValueError) as raised:
        load(tmp_path)
    assert message in str(raised.value)


def test_act_order_is_refused_by_name(tmp_path):
    _, tensors = tiny_llama.write(tmp_path)
    key = "model.layers.1.mlp.down_proj.g_idx"
    tensors[key] = tensors[key].flip(0).contiguous()
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError) as raised:
        load(tmp_path)
    assert str(raised.value) == ("model.layers.1.mlp.down_proj: g_idx is not k // group: "
                                 "act-order (desc_act) is not supported")


def test_a_checkpoint_without_quantised_layers(tmp_path):
    _, tensors = tiny_llama.write(tmp_path)
    plain = {key: t for key, t in tensors.items() if not key.endswith(
        ("qweight", "qzeros", "scales", "g_idx"))}
    save_file(plain, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="the checkpoint has no quantised layer"):
        load(tmp_path)


def test_a_layer_that_the_model_lacks(tmp_path):
    _, tensors = tiny_llama.write(tmp_path)
    tensors["model.layers.7.mlp.up_proj.qweight"] = torch.zeros(8, 96, dtype=torch.int32)
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ValueError, match="the checkpoint has model.layers.7.mlp.up_proj.qweight, "
                                         "and the model no linear layer"):
        load(tmp_path)
