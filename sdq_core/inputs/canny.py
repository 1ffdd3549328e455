"""Edges for ControlNets: Canny's algorithm (A Computational Approach to Edge Detection, IEEE PAMI 8, 1986).

It gives what OpenCV's `Canny(picture, 100, 200)` gives, pixel by pixel: Sobel's gradients of the channel in which they
are largest, their strength as a sum of both, no smoothing before. All numbers are whole, so every machine finds the
same edges.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Gradients from the first on are edges if they touch an edge, from the second on by themselves.
LOW, HIGH = 100, 200
#: tan(22.5 degrees) in units of 2**-15, the border between directions.
_TANGENT, _SHIFT = 13573, 15

_Whole = NDArray[np.int32]


def canny(pixels: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return where the edges of a picture are, [h, w]. pixels: [h, w, 3]."""
    across, down = _gradients(pixels)
    strength = np.abs(across) + np.abs(down)
    peaks = _are_peaks(across, down, strength) & (strength > LOW)
    return _joined(peaks, peaks & (strength > HIGH))


def _gradients(pixels: NDArray[np.uint8]) -> tuple[_Whole, _Whole]:
    """Return Sobel's derivatives to the right and downwards, [h, w] each, of the channel where they are largest."""
    padded = np.pad(pixels.astype(np.int32), ((1, 1), (1, 1), (0, 0)), mode="edge")
    steps_across, steps_down = padded[:, 2:] - padded[:, :-2], padded[2:] - padded[:-2]
    across = steps_across[:-2] + 2 * steps_across[1:-1] + steps_across[2:]
    down = steps_down[:, :-2] + 2 * steps_down[:, 1:-1] + steps_down[:, 2:]
    largest = (np.abs(across) + np.abs(down)).argmax(axis=2)[..., None]
    return (
        np.take_along_axis(across, largest, axis=2)[..., 0],
        np.take_along_axis(down, largest, axis=2)[..., 0],
    )


def _are_peaks(across: _Whole, down: _Whole, strength: _Whole) -> NDArray[np.bool_]:
    """Return which gradients are larger than those before and behind them in their direction; outside there is none."""
    padded = np.pad(strength, 1)
    height, width = strength.shape

    def at(row: int, column: int) -> _Whole:
        return padded[1 + row : 1 + row + height, 1 + column : 1 + column + width]

    rise, run = np.abs(down).astype(np.int64) << _SHIFT, np.abs(across).astype(np.int64) * _TANGENT
    flat = rise < run
    steep = rise > run + (np.abs(across).astype(np.int64) << (_SHIFT + 1))
    same_sign = (across ^ down) >= 0
    # Of two that are equal side by side, the right one and the lower one are kept.
    level = (strength > at(0, -1)) & (strength >= at(0, 1))
    upright = (strength > at(-1, 0)) & (strength >= at(1, 0))
    falling = (strength > at(-1, -1)) & (strength > at(1, 1))
    rising = (strength > at(-1, 1)) & (strength > at(1, -1))
    slanting = np.where(same_sign, falling, rising)
    found: NDArray[np.bool_] = np.where(flat, level, np.where(steep, upright, slanting))
    return found


def _joined(weak: NDArray[np.bool_], strong: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what of ``weak`` is joined to ``strong``, of which it is the larger; corners join, too."""
    height, width = weak.shape
    found: NDArray[Any] = np.zeros((height + 2, width + 2), np.bool_)
    left = np.pad(weak & ~strong, 1).ravel()
    found[1:-1, 1:-1] = strong
    flat = found.ravel()
    row = width + 2
    around = np.array([-row - 1, -row, -row + 1, -1, 1, row - 1, row, row + 1])
    # Only what was found last is looked around, so each pixel is seen once.
    newest = np.flatnonzero(flat)
    while newest.size:
        near = (newest[:, None] + around).ravel()
        newest = np.unique(near[left[near]])
        flat[newest], left[newest] = True, False
    return flat.reshape(height + 2, row)[1:-1, 1:-1]
