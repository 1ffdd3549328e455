"""torch's normal numbers on NVIDIA's GPUs, as AUTOMATIC1111 ("RNG: NV"), Draw Things and Apple's Swift compute them.

Philox4x32-10 (Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3, 2011), one counter for each number.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

_ROUNDS = 10
_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_HALF, _LOW = np.uint64(32), np.uint64(0xFFFF_FFFF)
#: From words to the middles of 2^32 intervals of a whole: of 1, and of a turn in float32, as CUDA has it.
_STEP = 2.0**-32
_TURN_STEP = float(np.float32(2 * np.pi)) * 2.0**-32


class NvidiaNoise:
    """One `torch.Generator` of a GPU: the number of the call is part of the counter.

    Computed in float64 and rounded, as those tools do; CUDA computes in float32. A GPU with too few threads for the
    shape counts otherwise, which none of these tools imitates.
    """

    latents_dtype: DTypeLike = np.float32

    def __init__(self, seed: int) -> None:
        """seed: up to 64 bits."""
        self._key = seed & 0xFFFF_FFFF, seed >> 32
        self._calls = 0

    def normal(self, shape: tuple[int, ...], dtype: DTypeLike = np.float32) -> NDArray[Any]:
        """See Noise."""
        count = prod(shape)
        first, second = _philox(self._calls, count, self._key)
        self._calls += 1
        uniform = first * _STEP + _STEP / 2
        angles = second * _TURN_STEP + _TURN_STEP / 2
        normal: NDArray[np.float64] = np.sqrt(-2 * np.log(uniform)) * np.sin(angles)
        return normal.astype(np.float32).reshape(shape).astype(dtype)


def _philox(
    call: int, count: int, key: tuple[int, int]
) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
    """Return the first two of the four words of each counter (call, 0, number, 0)."""
    words = [
        np.full(count, call, np.uint64),
        np.zeros(count, np.uint64),
        np.arange(count, dtype=np.uint64),
        np.zeros(count, np.uint64),
    ]
    for number in range(_ROUNDS):
        keys = [
            np.uint64((part + number * step) & 0xFFFF_FFFF)
            for part, step in zip(key, _WEYL, strict=True)
        ]
        left, right = words[0] * _MULTIPLIERS[0], words[2] * _MULTIPLIERS[1]
        words = [
            (right >> _HALF) ^ words[1] ^ keys[0],
            right & _LOW,
            (left >> _HALF) ^ words[3] ^ keys[1],
            left & _LOW,
        ]
    return words[0], words[1]
