"""The exact edges of a rendered scene: the outline of every shape that `scenes.py` paints, hidden where it is."""

from __future__ import annotations

from random import Random

import numpy as np
import scenes
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scenes import SCALE, Colour, Scene, _Painter

WIDTH = 3
"""Of a line, at `SCALE` times the size."""


class _Outliner(_Painter):
    """Paints a scene and, beside it, white outlines on black; a shape covers the lines behind it."""

    def __init__(self, scene: Scene, rng: Random) -> None:
        super().__init__(scene, rng)
        self.lines = Image.new("L", self.image.size)
        self.liner = ImageDraw.Draw(self.lines)

    def shape(self, points: list[tuple[float, float]], colour: Colour) -> None:
        super().shape(points, colour)
        self._outline(points)

    def disc(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        super().disc(x, y, rx, ry, colour)
        s = self.side
        box = ((x - rx) * s, (y - ry) * s, (x + rx) * s, (y + ry) * s)
        self.liner.ellipse(box, fill=0, outline=255, width=WIDTH)

    def _sea(self, far: Colour, near: Colour) -> None:
        self._outline([(0, self.horizon), (1, self.horizon), (1, 1), (0, 1)])
        super()._sea(far, near)

    def _outline(self, points: list[tuple[float, float]]) -> None:
        scaled = [(x * self.side, y * self.side) for x, y in points]
        self.liner.polygon(scaled, fill=0)
        self.liner.line([*scaled, scaled[0]], fill=255, width=WIDTH)


def draw(rng: Random, scene: Scene) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Paint a scene as `scenes.draw` does: its picture [128,128,3] and its edges [128,128], both uint8."""
    painter = _Outliner(scene, rng)
    painter.heaven()
    painter.ground()
    for thing in sorted(scene.things, key=lambda t: t.kind not in scenes.FLYING):
        painter.thing(thing)
    painter.weather()
    edges = np.array(painter.lines.reduce(SCALE))
    edges[[0, -1]] = 0  # the borders of the picture are none of the scene's
    edges[:, [0, -1]] = 0
    return np.asarray(painter.image.reduce(SCALE)), (edges > 85).astype(np.uint8) * 255
