"""Pictures to measure: the demo model's, and synthetic ones that are the same everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

REFERENCES = Path(__file__).parents[2] / "sdq_core" / "demo_model" / "reference"
SIZES = ((128, 128), (512, 512), (300, 200), (33, 57), (32, 32), (20, 12))


def clouds(seed: int, size: tuple[int, int]) -> Image.Image:
    """Soft colours without any order."""
    colours = np.random.RandomState(seed).randint(0, 256, (9, 9, 3)).astype(np.uint8)
    return Image.fromarray(colours).resize(size, Image.Resampling.BICUBIC)


def pictures() -> Iterator[tuple[str, Image.Image]]:
    """All pictures whose hashes are recorded, each with its name."""
    for file in sorted(REFERENCES.glob("*.png")):
        with Image.open(file) as picture:
            yield file.name, picture.convert("RGB")
    for seed in range(36):
        size = SIZES[seed % len(SIZES)]
        yield f"clouds {seed} {size[0]}x{size[1]}", clouds(seed, size)
    yield "gradient", Image.linear_gradient("L").convert("RGB")
    yield "circles", Image.radial_gradient("L").convert("RGB")
    yield "grey", Image.new("RGB", (64, 64), (120, 120, 120))
    yield "black", Image.new("RGB", (64, 48))
