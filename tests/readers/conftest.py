"""One drawn batch, and its exports in every format."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from db.values import FinishedImage
from tests.acceptance.program import Program
from tests.translations import with_translations

# Nothing may be looked up on the Hub, nor kept in the user's cache.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_DATASETS_OFFLINE"] = "1"

BATCH = "read"
_PROMPTS = (
    {"prompt": "a red house on the left in a meadow by day", "custom_id": "house", "tags": ["red", "day"]},
    {"prompt": "the sea at night", "negative_prompt": "fog", "meta": {"place": "sea", "n": 1}},
    {"prompt": "a tent in the snow", "guidance_scale": 3.5},
    {"prompt": "a village test in the rain, \"quoted\", with a comma", "num_inference_steps": 3},
    {"prompt": "the mountains at sunset"},
)  # fmt: skip
#: As many of the prompts as two splits need to be both of some size.
SPLIT = "train=0.6,test=0.4"


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory, translations: Path) -> Iterator[Program]:
    home = tmp_path_factory.mktemp("readers") / "home"
    program = Program(with_translations(home, translations))
    lines = home.parent / "prompts.jsonl"
    lines.write_text("\n".join(json.dumps(line) for line in _PROMPTS))
    program.run("run", str(lines), "--seed-range", "0-3", "--steps", "2", "--batch", BATCH)
    yield program
    program.close()


@pytest.fixture(scope="session")
def drawn(program: Program) -> dict[str, FinishedImage]:
    """The batch's images by their key in every data set."""
    from sdq.exports.sample import key_of

    images = {key_of(image): image for image in program.drawn(BATCH)}
    assert len(images) == 20
    return images


@pytest.fixture(scope="session")
def folders(program: Program) -> dict[str, Path]:
    """The batch's data sets, by format."""
    found = {}
    for name in ("imagefolder", "webdataset", "parquet", "kohya", "diffusiondb"):
        folder = found[name] = program.home.parent / name
        split = () if name == "kohya" else ("--split", SPLIT)
        program.call("export", BATCH, str(folder), "--format", name, *split)
    return found


@pytest.fixture
def cache(tmp_path: Path) -> str:
    return str(tmp_path / "cache")
