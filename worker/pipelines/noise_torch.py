"""torch's normal numbers on the CPU, which diffusers, ComfyUI and InvokeAI make their noise of, without torch.

Its generator is NumPy's: MT19937, seeded alike. How it makes normal numbers of uniform ones is written in
`aten/src/ATen/native/cpu/DistributionTemplates.h`. `tests/pipeline/test_noise.py` compares with torch itself.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

#: The Box-Muller transform takes this many uniform numbers at once: 8 radii, then 8 angles.
_BLOCK = 16
_TURN = np.float32(2 * np.pi)


class TorchNoise:
    """One `torch.Generator`: what is drawn first is `torch.randn` of its seed, and so on.

    The numbers are those of torch but for the last bits: torch's own differ between processors, because its vector
    functions do. Here every function is rounded correctly, so they are the same everywhere.
    """

    latents_dtype: DTypeLike = np.float32

    def __init__(self, seed: int) -> None:
        """seed: torch takes the last 32 bits."""
        self._words = np.random.RandomState(seed & 0xFFFF_FFFF)

    def normal(self, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """See Noise; raise ValueError for fewer than 16 numbers, which torch makes otherwise."""
        count = prod(shape)
        if count < _BLOCK:
            raise ValueError(f"fewer than {_BLOCK} numbers: {shape}")
        uniform = self._uniform(count)
        whole = count - count % _BLOCK
        normal = np.empty(count, np.float32)
        normal[:whole] = _box_muller(uniform[:whole])
        if whole < count:  # torch draws the last block anew, over the end of the one before
            normal[-_BLOCK:] = _box_muller(self._uniform(_BLOCK))
        return normal.reshape(shape).astype(dtype)

    def _uniform(self, count: int) -> NDArray[np.float32]:
        words = self._words.randint(0, 1 << 32, count, dtype=np.uint32)
        return (words & np.uint32(0xFF_FFFF)).astype(np.float32) * np.float32(2**-24)


def _box_muller(uniform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Transform [16 n] numbers of [0, 1): each step is rounded to float32, as torch's are."""
    blocks = uniform.reshape(-1, 2, _BLOCK // 2)
    logarithms = np.log((np.float32(1) - blocks[:, 0]).astype(np.float64)).astype(np.float32)
    radii = np.sqrt(np.float32(-2) * logarithms)
    angles = (_TURN * blocks[:, 1]).astype(np.float64)
    found: NDArray[np.float32] = np.stack(
        [radii * np.cos(angles).astype(np.float32), radii * np.sin(angles).astype(np.float32)],
        axis=1,
    ).ravel()
    return found
