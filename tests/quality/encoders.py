"""A CLIP model of two tiny encoders: a picture's mean colour, and the sum of its text's tokens in a table."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.core.small_packages import DEMO
from tests.translator.building import TARGETS, ct, mb
from worker.pipelines.tokenizer import ClipTokenizer

from coremltools.converters.mil.mil import types  # isort: skip

SIDE = 24
_TOKENS = 952
_RANDOM = np.random.RandomState(5)
#: Of one colour each; MIL's `linear` is x @ w.T.
COLOURS = _RANDOM.randn(4, 3).astype(np.float32)
TABLE = _RANDOM.randn(_TOKENS, 4).astype(np.float32)


def write_encoders(
    folder: Path, *, stem: str = "tiny_clip", layout: str = "RGB", with_tokenizer: bool = True
) -> Path:
    """Write `STEM_image.mlpackage` and `STEM_text.mlpackage`, laid out as those of apple/coreml-mobileclip."""
    save_image_encoder(folder / f"{stem}_image.mlpackage", layout)
    save_text_encoder(folder / f"{stem}_text.mlpackage")
    if with_tokenizer:
        shutil.copytree(DEMO / "tokenizer", folder / "tokenizer")
    return folder


def save_image_encoder(path: Path, layout: str = "RGB") -> None:
    shape = (1, 3, SIDE, SIDE)

    @mb.program(input_specs=[mb.TensorSpec(shape=shape)], opset_version=TARGETS["macOS13"])
    def program(image: Any) -> Any:
        colour = mb.reduce_mean(x=image, axes=[2, 3], keep_dims=False)
        return mb.linear(x=colour, weight=COLOURS, name="final_emb_1")

    image = ct.ImageType(
        name="image", shape=shape, scale=1 / 255, color_layout=ct.colorlayout[layout]
    )
    _save(program, path, inputs=[image])


def save_text_encoder(path: Path) -> None:
    tokens = mb.TensorSpec(shape=(1, 77), dtype=types.int32)

    @mb.program(input_specs=[tokens], opset_version=TARGETS["macOS13"])
    def program(text: Any) -> Any:
        rows = mb.gather(x=TABLE, indices=text, axis=0)
        return mb.reduce_sum(x=rows, axes=[1], keep_dims=False, name="final_emb_1")

    _save(program, path)


def expected_score(pixels: NDArray[np.uint8], prompt: str, *, layout: str = "RGB") -> float:
    """Return the score of RGB pixels [h, w, 3] of the encoders' own size."""
    colour = pixels.reshape(-1, 3).mean(axis=0) / 255
    image = COLOURS @ (colour if layout == "RGB" else colour[::-1])
    ids = ClipTokenizer(DEMO / "tokenizer")(prompt).input_ids[0]
    length = (
        int(np.argmax(ids == ids.max())) + 1
    )  # the token that ends a text has the highest number
    text = TABLE[ids[:length]].sum(axis=0) + (77 - length) * TABLE[0]
    return float(image @ text / np.linalg.norm(image) / np.linalg.norm(text))


def _save(program: Any, path: Path, **settings: Any) -> None:
    ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=TARGETS["macOS13"],
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
        **settings,
    ).save(str(path))
