"""A pipeline that draws nothing: its engine answers at once, so that a worker does its own work at full rate.

Everything else is the product's: the engine's process and loop, the pipe, files, rows and slices. The picture is small,
and comes with the seventeen scores of Stable Diffusion's safety checker.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from worker.pipelines.contract import DrawnImage, ImageRequest, StepReport

SIZE = 64
CONCEPTS = 17

_SITE = """
import sys
if "worker.engine.main" in sys.orig_argv:
    from benchmarks import at_once
    at_once.install()
"""


def environment(folder: Path) -> dict[str, str]:
    """Give the variables with which a worker's engines answer at once. folder: an empty one for what Python imports."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_SITE)
    return {"PYTHONPATH": f"{folder}:{Path(__file__).resolve().parents[1]}"}


def install() -> None:
    """Let this process load the pipeline below instead of any other."""
    from worker.pipelines import choice

    choice.load_pipeline = lambda *_: AtOnce()


class AtOnce:
    """Satisfies `worker.pipelines.contract.Pipeline`."""

    name = "at once"
    width = height = SIZE

    def draw(
        self,
        request: ImageRequest,
        on_step: StepReport,
        upcoming: ImageRequest | None = None,  # noqa: ARG002
    ) -> DrawnImage:
        """Return a picture and scores that depend on the seed only."""
        rng = np.random.default_rng(request.seed)
        on_step(1, 1)
        known: dict[str, Any] = {"text_encode_ms": 0.0, "denoise_ms": 1.0, "decode_ms": 1.0}
        return DrawnImage(
            pixels=rng.integers(0, 256, (SIZE, SIZE, 3), dtype=np.uint8),
            pipeline="none",
            truncated_tokens=0,
            nsfw_flagged=False,
            concept_scores={
                f"concept_{number:02}": float(score)
                for number, score in enumerate(rng.uniform(-0.3, -0.01, CONCEPTS))
            },
            num_unet_calls=1,
            safety_ms=1.0,
            **known,
        )
