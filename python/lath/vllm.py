"""vLLM: a linear kernel for 4-bit weights, of GPTQ, AWQ and compressed-tensors
checkpoints.

vLLM finds `register` by its entry point and calls it in each of its processes;
its methods for those formats then take `LathLinearKernel` wherever it can
compute a layer. ``LATH_VLLM=0`` in the environment leaves vLLM as it is.
"""

from __future__ import annotations

import functools
import os

__all__ = ["register"]


def _fits(k: int, n: int, group: int) -> str | None:
    """Why no kernel of Lath computes such a shard; None: one does."""
    if n % 8:
        return f"N = {n} is no multiple of 8"
    if group not in (32, 64, 128, k):
        return f"the group is {group}; expected 32, 64, 128 or K"
    if k % group or k % 32:
        return f"K = {k} is no multiple of the group, {group}, or of 32"
    return None


@functools.lru_cache(maxsize=None)
def kernel_class() -> type:
    """The kernel, a subclass of vLLM's MPLinearKernel."""
    import torch
    from vllm.model_executor.kernels.linear import MPLinearKernel
    from vllm.model_executor.parameter import permute_param_layout_
    from vllm.platforms import current_platform
    from vllm.scalar_type import scalar_types

    from ._engine import prepare
    from ._ops import linear
    from ._weight import Weight, pack

    zeros_of = {scalar_types.uint4b8: "symmetric", scalar_types.uint4: "v2"}

    class LathLinearKernel(MPLinearKernel):
        @classmethod
        def get_min_capability(cls) -> int:
            return 80

        @classmethod
        def can_implement(cls, c):
            if not current_platform.is_cuda():
                return False, "Lath runs on CUDA"
            if zeros_of.get(c.weight_type) != ("v2" if c.zero_points else "symmetric"):
                return False, (f"weights of {c.weight_type}, zero points "
                               f"{c.zero_points}; expected uint4b8, or uint4 with zero points")
            if c.act_type not in (torch.float16, torch.bfloat16):
                return False, f"activations of {c.act_type}; expected float16 or bfloat16"
            if c.out_type not in (None, c.act_type):
                return False, f"outputs of {c.out_type}; expected {c.act_type}"
            k, n = c.partition_weight_shape
            whole = c.group_size in (-1, c.full_weight_shape[0])
            if whole and k != c.full_weight_shape[0]:
                return False, "a group is all of K, and K is split over ranks"
            why = _fits(k, n, k if whole else c.group_size)
            return why is None, why

        @property
        def _group(self) -> int:
            c = self.config
            return c.partition_weight_shape[0] if c.group_size == -1 else c.group_size

        def _weight(self, layer, layout: str) -> Weight:
            q, s, z = self._get_weight_params(layer)
            zeros = zeros_of[self.config.weight_type]
            return Weight(q.data, s.data, None if zeros == "symmetric" else z.data,
                          group=self._group, zeros=zeros, layout=layout)

        def process_weights_after_loading(self, layer) -> None:
            def words(x):
                permute_param_layout_(x, input_dim=0, output_dim=1, packed_dim=0)
                return x.data.contiguous()

            def scales(x):
                permute_param_layout_(x, input_dim=0, output_dim=1)
                return x.data.to(self.config.act_type).contiguous()

            self._transform_param(layer, self.w_q_name, words)
            self._transform_param(layer, self.w_s_name, scales)
            if self.config.zero_points:  # [N/8, K/group]
                self._transform_param(layer, self.w_zp_name, lambda x: x.data.t().contiguous())
            packed = pack(self._weight(layer, "gptq"))
            self._transform_param(layer, self.w_q_name, lambda x: packed.qweight)
            # Before vLLM captures its graphs. With a bias, and without: what
            # `apply_weights` will be called with, only a call tells.
            if packed.device.type == "cuda":
                for bias in (False, True):
                    prepare(packed.spec(1, bias), _most_rows(), device=packed.device,
                            progress=False)

        def apply_weights(self, layer, x, bias=None):
            return linear(x, self._weight(layer, "packed"), bias)

    return LathLinearKernel


def _most_rows() -> int:
    """Of the graphs that vLLM captures."""
    from vllm.config import get_current_vllm_config_or_none

    config = get_current_vllm_config_or_none()
    sizes = getattr(getattr(config, "compilation_config", None), "cudagraph_capture_sizes", None)
    return max(sizes or [512])


def register() -> None:
    """Puts the kernel in front of vLLM's own for CUDA. May be called again;
    touches no GPU."""
    if os.environ.get("LATH_VLLM", "1") == "0":
        return
    from vllm.model_executor.kernels import linear
    from vllm.platforms import PlatformEnum

    kernel = kernel_class()
    known = linear._POSSIBLE_KERNELS.get(PlatformEnum.CUDA, [])
    if kernel not in known:
        linear.register_linear_kernel(kernel, PlatformEnum.CUDA, "mp")
    # Registering appends, behind kernels that take every layer.
    known = linear._POSSIBLE_KERNELS[PlatformEnum.CUDA]
    known.insert(0, known.pop(known.index(kernel)))
