"""Record what OpenCV's Canny finds, for `tests/core/test_canny.py`: tests/golden/edges.npz.

    pip install opencv-python-headless
    python tools/record_edges.py

Recorded with OpenCV 5.0.0.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "tests" / "golden" / "edges.npz"


def pictures() -> dict[str, np.ndarray]:
    """Return pictures with soft and hard edges, noise, equal neighbours, and sides of one pixel."""
    state = np.random.RandomState(0)
    coarse = Image.fromarray(state.randint(0, 256, (9, 12, 3)).astype(np.uint8))
    drawn = Image.open(ROOT / "docs" / "grid.jpg").convert("RGB").crop((0, 0, 140, 100))
    return {
        "soft": np.asarray(coarse.resize((120, 90), Image.Resampling.BICUBIC)),
        "drawn": np.asarray(drawn),
        "noise": state.randint(0, 256, (40, 50, 3)).astype(np.uint8),
        "steps": (state.randint(0, 3, (60, 60, 3)) * 40).astype(np.uint8),
        "blocks": (state.randint(0, 4, (12, 12, 3)) * 50)
        .astype(np.uint8)
        .repeat(5, 0)
        .repeat(5, 1),
        "row": state.randint(0, 256, (1, 30, 3)).astype(np.uint8),
        "pixel": np.zeros((1, 1, 3), np.uint8),
    }


def main() -> None:
    """Write each picture and its edges."""
    print(f"OpenCV {cv2.__version__}")
    recorded = {}
    for name, pixels in pictures().items():
        recorded[name] = pixels
        recorded[f"{name}_edges"] = np.packbits(cv2.Canny(pixels, 100, 200) > 0)
    np.savez_compressed(TARGET, **recorded)
    print(f"{TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main()
