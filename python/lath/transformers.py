"""Quantised checkpoints in transformers, by `lath.nn.QuantLinear`.

>>> import lath.transformers
>>> lath.transformers.enable()
>>> model = AutoModelForCausalLM.from_pretrained(folder, device_map="cuda")

Nothing but torch and transformers is needed. GPTQ (4 bits, without act-order)
and AWQ (version "gemm") checkpoints are read from safetensors.
"""

from __future__ import annotations

import torch
from transformers.quantizers import auto as _auto
from transformers.quantizers.base import HfQuantizer

from ._formats import from_awq, from_gptq, to_awq, to_gptq
from .nn import QuantLinear

__all__ = ["LathQuantizer", "enable"]

_SUFFIX = ".qweight"


def _headers(files: list[str]) -> dict[str, tuple[list[int], str]]:
    """Shape and type of every tensor of a checkpoint."""
    from safetensors import safe_open

    found = {}
    for file in files or []:
        if not str(file).endswith(".safetensors"):
            raise ValueError(f"{file} is no safetensors file; Lath reads no others")
        with safe_open(file, framework="pt") as tensors:
            for name in tensors.keys():
                part = tensors.get_slice(name)
                found[name] = (part.get_shape(), part.get_dtype())
    return found


class LathQuantizer(HfQuantizer):
    """Loads layers with a ``qweight`` as `lath.nn.QuantLinear`; saves them as
    they were. `enable` puts it in place."""

    requires_calibration = True

    def __init__(self, quantization_config, **kwargs):
        super().__init__(quantization_config, **kwargs)
        self.awq = quantization_config.quant_method == "awq"
        # Whose kernels it was loaded for is nothing that a checkpoint says.
        quantization_config.backend = "auto"

    def validate_environment(self, *args, **kwargs):
        config = self.quantization_config
        if config.bits != 4:
            raise ValueError(f"bits is {config.bits}; Lath reads 4-bit checkpoints")
        formats = ("gemm",) if self.awq else ("gptq", "gptq_v2")
        if config.format not in formats:
            raise ValueError(f"the checkpoint's format is {str(config.format)!r}; Lath reads "
                             + " and ".join(formats))

    def update_dtype(self, dtype):
        return dtype if dtype in (torch.float16, torch.bfloat16) else torch.float16

    def _process_model_before_weight_loading(self, model, checkpoint_files=None, **kwargs):
        """Modules with the checkpoint's tensors, on meta, so that they load by
        name. Types of buffers are the file's until they are packed."""
        self.dtype = dtype = self.update_dtype(model.dtype)
        tensors = _headers(checkpoint_files)
        layers = dict(model.named_modules())
        prefix = f"{model.base_model_prefix}."
        found = 0
        for key in tensors:
            if not key.endswith(_SUFFIX):
                continue
            stored = key[:-len(_SUFFIX)]
            name = stored if stored in layers else stored.removeprefix(prefix)
            if not isinstance(layers.get(name), torch.nn.Linear):
                raise ValueError(f"the checkpoint has {key}, and the model no linear layer "
                                 f"{stored}")
            layer = QuantLinear.__new__(QuantLinear)
            torch.nn.Module.__init__(layer)
            for part in ("qweight", "qzeros", "scales", "g_idx", "bias"):
                shape, stored_type = tensors.get(f"{stored}.{part}", (None, ""))
                if shape is None:
                    continue
                of = torch.int32 if stored_type.startswith(("I", "U")) else dtype
                layer.register_buffer(part, torch.empty(shape, dtype=of, device="meta"))
            model.set_submodule(name, layer)
            found += 1
        if not found:
            raise ValueError("the checkpoint has no quantised layer")
        return model

    def _weight(self, layer: QuantLinear):
        raw = {name: getattr(layer, name, None) for name in ("qweight", "scales", "qzeros")}
        if self.awq:
            return from_awq(**raw, dtype=self.dtype)
        config = self.quantization_config
        zeros = "v2" if config.format == "gptq_v2" else "v1"
        if config.sym and raw["qzeros"] is not None:
            # Labels lie: there are files of "gptq" that store 8 for 8.
            words = raw["qzeros"].unique().tolist()
            if words in ([0x77777777], [0x88888888 - (1 << 32)]):
                zeros = "symmetric"
        return from_gptq(**raw, g_idx=getattr(layer, "g_idx", None),
                         zeros="symmetric" if raw["qzeros"] is None else zeros,
                         dtype=self.dtype)

    def _process_model_after_weight_loading(self, model, **kwargs):
        for name, layer in model.named_modules():
            if not isinstance(layer, QuantLinear):
                continue
            try:
                weight, bias = self._weight(layer), getattr(layer, "bias", None)
            except (TypeError, ValueError) as error:
                raise type(error)(f"{name}: {error}") from None
            for part in list(layer._buffers):
                delattr(layer, part)
            layer._hold(weight, None if bias is None else bias.to(self.dtype))
        return model

    def get_state_dict_and_metadata(self, model):
        """The tensors as the checkpoint had them."""
        state = dict(model.state_dict())
        zeros = "v2" if self.quantization_config.format == "gptq_v2" else "v1"
        for name, layer in model.named_modules():
            if not isinstance(layer, QuantLinear):
                continue
            for part in ("qweight", "qzeros", "scales"):
                state.pop(f"{name}.{part}", None)
            parts = to_awq(layer.weight) if self.awq else to_gptq(layer.weight, zeros)
            state.update({f"{name}.{part}": tensor for part, tensor in parts.items()})
        return state, {}

    def _dequantize(self, model, dtype=None):
        dtype = getattr(torch, dtype) if isinstance(dtype, str) else dtype or self.dtype
        for name, layer in list(model.named_modules()):
            if isinstance(layer, QuantLinear):
                plain = torch.nn.Linear(layer.in_features, layer.out_features,
                                        layer.bias is not None, device="meta")
                w = layer.weight.dequantize()
                plain.weight = torch.nn.Parameter(w.to(dtype), requires_grad=False)
                if layer.bias is not None:
                    plain.bias = torch.nn.Parameter(layer.bias.to(dtype), requires_grad=False)
                model.set_submodule(name, plain)
        return model

    def is_serializable(self):
        return True

    @property
    def is_trainable(self):
        return False

    @property
    def is_compileable(self):
        return True


_theirs: dict[str, type] = {}


def _usable(method: str) -> bool:
    from transformers.utils import is_gptqmodel_available, is_optimum_available

    return is_gptqmodel_available() and (method == "awq" or is_optimum_available())


def _choose(method: str, always: bool):
    def choose(config, **kwargs):
        ours = always or config.backend == "lath" or not _usable(method)
        return (LathQuantizer if ours else _theirs[method])(config, **kwargs)

    return choose


def enable(always: bool = False) -> None:
    """From now on ``from_pretrained`` loads GPTQ and AWQ checkpoints by Lath:
    where ``GPTQConfig(bits=4, backend="lath")`` is passed, where what
    transformers would use (gptqmodel, for GPTQ optimum too) is not installed,
    and where `always` is true. May be called again."""
    for method in ("gptq", "awq"):
        _theirs.setdefault(method, _auto.AUTO_QUANTIZER_MAPPING[method])
        _auto.AUTO_QUANTIZER_MAPPING[method] = _choose(method, always)
