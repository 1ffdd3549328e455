"""Hides an image that the safety checker flags, or leaves it as it is.

The worker decides, not the recipe: see `docs/decisions/0010-safety-is-the-workers-choice.md`. An image is hidden after
it was drawn, checked for defects and scored, just before it is saved; so a black image of ours is never mistaken for a
failure of the model.
"""

from __future__ import annotations

from PIL import Image

from sdq_core.values.safety import Safety

#: A blurred image is interpolated between this many colours on each side, whatever its size: only 48 bytes of it are
#: left. A blur by radius would have to grow with the image, and could be sharpened again.
_COLOURS_A_SIDE = 4


def hidden(picture: Image.Image, safety: Safety) -> Image.Image:
    """Return what to save of a flagged RGB image: itself, its blur or black, in the same size."""
    if safety is Safety.BLACK:
        return Image.new("RGB", picture.size)
    if safety is Safety.BLUR:
        means = picture.resize((_COLOURS_A_SIDE, _COLOURS_A_SIDE), Image.Resampling.BOX)
        return means.resize(picture.size, Image.Resampling.BICUBIC)
    return picture
