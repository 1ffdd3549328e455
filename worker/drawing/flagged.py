"""What becomes of a picture that the safety checker flags: it stays as it is, or its file shows something else.

It is the worker's choice and no part of a recipe: see `docs/decisions/0010-safety-is-the-workers-choice.md`. A picture
is hidden after it was drawn, checked for being broken and scored, on its way into its file; so a black one of ours can
never be taken for a model's failure.
"""

from __future__ import annotations

from PIL import Image

from sdq_core.values.safety import Safety

#: A blurred picture is interpolated between so many colours on each side, whatever its size: 48 bytes are all that is
#: left of it. A blur by a radius would have to grow with the picture, and what it leaves can be sharpened again.
_COLOURS_A_SIDE = 4


def hidden(picture: Image.Image, safety: Safety) -> Image.Image:
    """Give what the file of a flagged RGB picture shows: the picture, its blur or black, in the same size."""
    if safety is Safety.BLACK:
        return Image.new("RGB", picture.size)
    if safety is Safety.BLUR:
        means = picture.resize((_COLOURS_A_SIDE, _COLOURS_A_SIDE), Image.Resampling.BOX)
        return means.resize(picture.size, Image.Resampling.BICUBIC)
    return picture
