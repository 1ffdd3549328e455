"""Hides an image that the safety checker flags, or leaves it as it is.

The worker decides, not the recipe: see `docs/decisions/0010-safety-is-the-workers-choice.md`. An image is hidden after
it was drawn, checked for defects and scored, just before it is saved; so a black image of ours is never mistaken for a
failure of the model.
"""

from __future__ import annotations

from PIL import Image

from sdq_core.images.pixels import blurred
from sdq_core.values.safety import Safety


def hidden(picture: Image.Image, safety: Safety) -> Image.Image:
    """Return what to save of a flagged RGB image: itself, its blur or black, in the same size."""
    if safety is Safety.BLACK:
        return Image.new("RGB", picture.size)
    if safety is Safety.BLUR:
        return blurred(picture)
    return picture
