"""Tiny quantised checkpoints of a Llama, as GPTQ's and AWQ's tools write them,
with the dequantised model beside, and no help from lath's own readers."""
import json

import torch
import transformers
from safetensors.torch import load_file, save_file

GROUP = 32


def config():
    return transformers.LlamaConfig(
        vocab_size=128, hidden_size=64, intermediate_size=96, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
        tie_word_embeddings=False, bos_token_id=1, eos_token_id=2, attention_bias=True)


def along(values, dim, order=range(8)):
    """Values 0..15 as int32 words of eight along `dim`; nibble i is the
    order[i]-th of its eight."""
    values = values.movedim(dim, -1).unflatten(-1, (-1, 8)).to(torch.int64)
    words = sum(values[..., column] << 4 * i for i, column in enumerate(order))
    words = torch.where(words >= 1 << 31, words - (1 << 32), words)
    return words.to(torch.int32).movedim(-1, dim).contiguous()


def quantised(w, symmetric):
    """q [K, N], z and scales [K/g, N] of weights [N, K], and what they say."""
    n, k = w.shape
    groups = w.float().t().reshape(k // GROUP, GROUP, n)
    if symmetric:
        scale = (groups.abs().amax(1) / 7).half()
        z = torch.full_like(scale, 8, dtype=torch.int64)
    else:
        low, high = groups.amin(1).clamp(max=0), groups.amax(1).clamp(min=0)
        scale = ((high - low) / 15).half()
        z = (-low / scale.float()).round().clamp(1, 15).to(torch.int64)
    q = ((groups / scale.float()[:, None]).round() + z[:, None]).clamp(0, 15).to(torch.int64)
    exact = ((q - z[:, None]).double() * scale.double()[:, None]).reshape(k, n).t()
    return q.reshape(k, n), z, scale, exact.half()


def write(folder, method="gptq", fmt="gptq", symmetric=True, seed=0):
    """Writes a checkpoint into `folder`; returns the dequantised model."""
    torch.manual_seed(seed)
    model = transformers.LlamaForCausalLM(config()).half().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.randn(parameter.shape) * (0.02 if parameter.dim() == 1 else 0.15)
                            + ("norm" in name))
    model.save_pretrained(folder)
    tensors = load_file(folder / "model.safetensors")
    for name, layer in model.named_modules():
        if not isinstance(layer, torch.nn.Linear) or name == "lm_head":
            continue
        q, z, scale, exact = quantised(layer.weight.detach(), symmetric)
        layer.weight.data = exact
        del tensors[f"{name}.weight"]
        tensors[f"{name}.scales"] = scale.contiguous()
        if method == "awq":
            order = (0, 2, 4, 6, 1, 3, 5, 7)
            tensors[f"{name}.qweight"] = along(q, 1, order)
            tensors[f"{name}.qzeros"] = along(z, 1, order)
        else:
            tensors[f"{name}.qweight"] = along(q, 0)
            tensors[f"{name}.qzeros"] = along((z - int(fmt == "gptq")) & 15, 1)
            tensors[f"{name}.g_idx"] = (torch.arange(q.shape[0]) // GROUP).to(torch.int32)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    path = folder / "config.json"
    settings = json.loads(path.read_text())
    settings["quantization_config"] = {"quant_method": method, "bits": 4, "group_size": GROUP}
    settings["quantization_config"] |= (
        {"version": "gemm", "zero_point": True} if method == "awq" else
        {"checkpoint_format": fmt, "desc_act": False, "sym": symmetric})
    path.write_text(json.dumps(settings))
    return model, tensors
