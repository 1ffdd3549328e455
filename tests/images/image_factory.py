"""Recipes and pictures for tests."""

from __future__ import annotations

from PIL import Image

from sdq_core.images.metadata import ImageMetadata
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant


def recipe(**changes: object) -> Recipe:
    values: dict[str, object] = {
        "variant": Variant(
            model="demo",
            revision="abc123",
            attention_implementation=AttentionImplementation.SPLIT_EINSUM,
            compute_unit=ComputeUnit.CPU_AND_NE,
        ),
        "prompt": "a red house, by the sea",
        "negative_prompt": "fog",
        "width": 64,
        "height": 48,
    }
    return Recipe(**{**values, **changes})  # type: ignore[arg-type]


def metadata(**changes: object) -> ImageMetadata:
    return ImageMetadata(
        recipe=recipe(**changes), seed=42, version="0.1.0", provenance={"engine": "onnx", "ms": 1.5}
    )


def picture(width: int = 64, height: int = 48) -> Image.Image:
    red = Image.linear_gradient("L").resize((width, height))
    green = Image.radial_gradient("L").resize((width, height))
    return Image.merge("RGB", (red, green, red.transpose(Image.Transpose.FLIP_TOP_BOTTOM)))
