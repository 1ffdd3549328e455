"""Torch's half of `benchmarks.full_size`, run by an interpreter that has torch, diffusers and coremltools.

    python benchmarks/full_size_torch.py convert FOLDER ATTENTION     # writes FOLDER/ATTENTION.mlpackage
    python benchmarks/full_size_torch.py time THREADS REPEATS         # prints ms per step, torch eager

The U-Net is of Stable Diffusion 1.5's configuration (860 M parameters, 512x512 pictures) with random weights.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tools" / "demo_model"))


def build() -> Any:
    """diffusers' own module, as published for 1.5."""
    torch.manual_seed(0)
    return UNet2DConditionModel(
        sample_size=64, cross_attention_dim=768, attention_head_dim=8
    ).eval()


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    """Latents, timesteps and text features [2,77,768] of one guided step."""
    return torch.randn(2, 4, 64, 64), torch.tensor([500.0, 500.0]), torch.randn(2, 77, 768)


class ChannelsFirst(nn.Module):
    """The packages' interface: text features [2,768,1,77]."""

    def __init__(self, unet: Any) -> None:
        super().__init__()
        self.unet = unet

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor) -> Tensor:
        result: Tensor = self.unet(sample, timestep, encoder_hidden_states, return_dict=False)[0]
        return result


def convert(folder: Path, attention: str) -> None:
    """Write the package."""
    import coremltools as ct
    import numpy as np
    from attention import use_channels_first

    unet = build()
    use_channels_first(unet, attention)
    sample, timestep, text = inputs()
    given = (sample, timestep, text.transpose(1, 2)[:, :, None, :].contiguous())
    with torch.no_grad():
        traced = torch.jit.trace(ChannelsFirst(unet).eval(), given, check_trace=False)
    names = ("sample", "timestep", "encoder_hidden_states")
    model = ct.convert(
        traced,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.macOS13,
        inputs=[
            ct.TensorType(name=name, shape=tuple(x.shape), dtype=np.float16)
            for name, x in zip(names, given, strict=True)
        ],
        outputs=[ct.TensorType(name="noise_pred", dtype=np.float32)],
        skip_model_load=True,
    )
    model.save(str(folder / f"{attention}.mlpackage"))


def time_eager(threads: int, repeats: int) -> None:
    """Print the median ms of a step."""
    torch.set_num_threads(threads)
    unet, given = build(), inputs()
    times = []
    with torch.no_grad():
        for _ in range(repeats + 1):
            started = time.perf_counter()
            unet(*given)
            times.append((time.perf_counter() - started) * 1000)
    print(median(times[1:]))


if __name__ == "__main__":
    if sys.argv[1] == "convert":
        convert(Path(sys.argv[2]), sys.argv[3])
    else:
        time_eager(int(sys.argv[2]), int(sys.argv[3]))
