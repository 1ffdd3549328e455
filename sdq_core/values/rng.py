"""What makes noise of a seed: the same one gives other noise in other tools."""

from __future__ import annotations

from enum import StrEnum


class Rng(StrEnum):
    """The words of `--rng`, which are those of Apple's Swift command line.

    NUMPY: `numpy.random.RandomState`, as Apple's command lines and Mochi Diffusion.
    TORCH: torch's generator on the CPU, as diffusers, ComfyUI and InvokeAI.
    NVIDIA: torch's generator on NVIDIA's GPUs, as AUTOMATIC1111 there.
    """

    NUMPY = "numpy"
    TORCH = "torch"
    NVIDIA = "nvidia"
