"""vLLM's own registry, choice and parameters, with the kernel of Lath; on the
CPU, for vLLM runs no model without a GPU."""
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("vllm")

import lath  # noqa: E402
import lath.vllm  # noqa: E402
from vllm.model_executor.kernels import linear as kernels  # noqa: E402
from vllm.model_executor import parameter  # noqa: E402
from vllm.model_executor.parameter import (GroupQuantScaleParameter,  # noqa: E402
                                           PackedvLLMParameter)
from vllm.platforms import PlatformEnum, current_platform  # noqa: E402
from vllm.scalar_type import scalar_types  # noqa: E402

ZEROS = {"symmetric": scalar_types.uint4b8, "v2": scalar_types.uint4}


@pytest.fixture(autouse=True)
def platform(monkeypatch):
    """A machine with a GPU, as far as choosing goes."""
    monkeypatch.setattr(type(current_platform), "_enum", PlatformEnum.CUDA, raising=False)
    monkeypatch.setattr(type(current_platform), "is_cuda", lambda self: True, raising=False)
    known = list(kernels._POSSIBLE_KERNELS[PlatformEnum.CUDA])
    yield known
    kernels._POSSIBLE_KERNELS[PlatformEnum.CUDA][:] = known


def config(n=72, k=160, group=32, zeros="symmetric", **more):
    given = dict(full_weight_shape=(k, n), partition_weight_shape=(k, n),
                 weight_type=ZEROS[zeros], act_type=torch.float16, group_size=group,
                 zero_points=zeros != "symmetric")
    return kernels.MPLinearLayerConfig(**{**given, **more})


def test_vllm_finds_the_entry_point():
    from importlib.metadata import entry_points

    found = [p for p in entry_points(group="vllm.general_plugins") if p.name == "lath"]
    assert found and found[0].load() is lath.vllm.register


@pytest.mark.parametrize("capability", [80, 89, 90, 100])
def test_it_is_chosen(platform, capability):
    lath.vllm.register()
    lath.vllm.register()
    kernel = lath.vllm.kernel_class()
    assert kernels._POSSIBLE_KERNELS[PlatformEnum.CUDA] == [kernel, *platform]
    for zeros in ZEROS:
        assert kernels.choose_mp_linear_kernel(config(zeros=zeros), capability) is kernel


def test_it_can_be_left_out(platform, monkeypatch):
    monkeypatch.setenv("LATH_VLLM", "0")
    lath.vllm.register()
    assert kernels._POSSIBLE_KERNELS[PlatformEnum.CUDA] == platform


@pytest.mark.parametrize("changes, why", [
    ({"weight_type": scalar_types.uint8b128}, "expected uint4b8, or uint4 with zero points"),
    ({"zero_points": True}, "expected uint4b8, or uint4 with zero points"),
    ({"act_type": torch.float32}, "activations of torch.float32"),
    ({"out_type": torch.float32}, "outputs of torch.float32"),
    ({"partition_weight_shape": (160, 36)}, "N = 36 is no multiple of 8"),
    ({"partition_weight_shape": (80, 72)}, "K = 80 is no multiple of the group, 32"),
    ({"group_size": 16}, "the group is 16; expected 32, 64, 128 or K"),
    ({"group_size": -1, "partition_weight_shape": (80, 72)}, "K is split over ranks"),
])
def test_what_it_leaves_to_others(changes, why):
    can, reason = lath.vllm.kernel_class().can_implement(config(**changes))
    assert not can and why in reason


def parameters(weight, method):
    """A layer as vLLM's methods load it: what each calls its dimensions."""
    layer = torch.nn.Module()
    loader = {"weight_loader": lambda *a: None}
    if method == "gptq":
        words, scales = weight.qweight, weight.scales
        dims = {"input_dim": 0, "output_dim": 1}
    else:  # compressed-tensors
        words, scales = weight.qweight.t().contiguous(), weight.scales.t().contiguous()
        dims = {"input_dim": 1, "output_dim": 0}
    layer.register_parameter("q", PackedvLLMParameter(
        data=words, packed_dim=dims["input_dim"], packed_factor=8, **dims, **loader))
    layer.register_parameter("s", GroupQuantScaleParameter(data=scales, **dims, **loader))
    if weight.qzeros is not None:
        layer.register_parameter("z", PackedvLLMParameter(
            data=weight.qzeros.t().contiguous(), input_dim=1, output_dim=0, packed_dim=0,
            packed_factor=8, **loader))
    return layer


@pytest.mark.parametrize("method", ["gptq", "compressed-tensors"])
@pytest.mark.parametrize("zeros", ZEROS)
@pytest.mark.parametrize("group", [32, -1])
def test_weights_and_numbers(monkeypatch, method, zeros, group):
    torch.manual_seed(0)
    weight = lath.quantize(torch.randn(72, 160), 160 if group == -1 else group, zeros)
    # A process that is alone.
    monkeypatch.setattr(parameter, "get_tensor_model_parallel_rank", lambda: 0)
    monkeypatch.setattr(parameter, "get_tensor_model_parallel_world_size", lambda: 1)
    layer = parameters(lath.unpack(weight), method)
    c = config(zeros=zeros, group=group)
    kernel = lath.vllm.kernel_class()(c, "q", "s", "z" if c.zero_points else None)
    kernel.process_weights_after_loading(layer)
    assert torch.equal(layer.q.data, weight.qweight)
    x, bias = torch.randn(2, 3, 160).half(), torch.randn(72).half()
    assert torch.equal(kernel.apply_weights(layer, x, bias), lath.linear(x, weight, bias))
    assert torch.equal(kernel.apply_weights(layer, x), lath.linear(x, weight))
