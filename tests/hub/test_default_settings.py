"""Models that are shared without tokenizer and scheduler get those that their U-Net tells."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from sdq_core.errors import InputMissingError
from sdq_core.models import ModelStore, VariantFolder
from sdq_core.models.defaults import defaults_for
from sdq_core.models.keep import add
from sdq_core.values.variants import AttentionImplementation
from tests.core.small_packages import PARTS, write_model
from tests.hub.conftest import BASE, DEMO, Station
from tests.hub.server import Repository, tree
from worker.pipelines.tokenizer import ClipTokenizer

GOLDEN = Path(__file__).parent.parent / "golden"
ORIGINAL = AttentionImplementation.ORIGINAL
#: As OpenAI's own tokenizer encodes it.
PROMPT = "a photo of an astronaut riding a horse on mars"
NUMBERS = [320, 1125, 539, 550, 18376, 6765, 320, 4558, 525, 7496]


def bare(folder: Path, width: int) -> Path:
    """Write a model without settings, whose U-Net attends to so many channels."""
    parts = dict(PARTS)
    unet, given = PARTS["unet"]
    parts["unet"] = ({**unet, "encoder_hidden_states": (2, width, 1, 77)}, given)
    parts["text_encoder"] = ({"input_ids": (1, 77)}, {"last_hidden_state": (1, 77, width)})
    write_model(folder, parts)
    for name in ("tokenizer", "scheduler", "feature_extractor"):
        shutil.rmtree(folder / name)
    return folder


def added(source: Path, models: Path) -> tuple[VariantFolder, list[str]]:
    said: list[str] = []
    add(source, models, name="m", attention=None, base=None, copy=False, say=said.append)
    return ModelStore(models).find("m", ORIGINAL), said


@pytest.mark.parametrize(("width", "name", "pad"), [(768, "1", 49407), (1024, "2", 0)])
def test_the_context_width_tells_which_stable_diffusion_it_is(
    width: int, name: str, pad: int, tmp_path: Path
) -> None:
    folder, (said,) = added(bare(tmp_path / "m", width), tmp_path / "models")
    assert (
        f"no tokenizer and no scheduler: the built-in ones of Stable Diffusion {name} are" in said
    )
    assert ("v-prediction" in said) == (name == "2")
    encoded = ClipTokenizer(folder.tokenizer)(PROMPT)
    assert encoded.input_ids.ravel().tolist() == [49406, *NUMBERS, 49407, *[pad] * (77 - 12)]
    scheduler = json.loads(folder.scheduler_config.read_text())
    assert (scheduler["_class_name"], scheduler["beta_end"]) == ("PNDMScheduler", 0.012)


@pytest.mark.parametrize(
    ("name", "kind", "settings"),
    [
        ("sd-turbo", "EulerDiscreteScheduler", {"timestep_spacing": "trailing"}),
        ("hyper-sd15-2steps", "DDIMScheduler", {"timestep_spacing": "trailing"}),
        ("hyper-sdxl-1step-unet", "LCMScheduler", {"timesteps": [800]}),
        ("sdxl-lightning-1step", "EulerDiscreteScheduler", {"prediction_type": "sample"}),
    ],
)
def test_a_name_of_few_steps_tells_the_scheduler(
    name: str, kind: str, settings: dict[str, Any], tmp_path: Path
) -> None:
    said: list[str] = []
    source = bare(tmp_path / "m", 768)
    add(source, tmp_path / "models", name=name, attention=None, base=None, copy=False, say=said.append)  # fmt: skip
    assert "with the scheduler that its name tells" in said[0]
    folder = ModelStore(tmp_path / "models").find(name, ORIGINAL)
    scheduler = json.loads(folder.scheduler_config.read_text())
    assert scheduler["_class_name"] == kind
    assert settings.items() <= scheduler.items()
    assert scheduler["clip_sample"] is False
    assert not folder.usual.lacks


def test_the_scheduler_of_xl_is_all_of_its_bases() -> None:
    unet = next((GOLDEN / "xl").glob("*_unet.mlpackage"))
    defaults = defaults_for(unet)
    assert defaults is not None
    # DDIM would clip the latents without the first, and PNDM would take Runge-Kutta steps without the second.
    assert defaults.scheduler["clip_sample"] is False
    assert defaults.scheduler["skip_prk_steps"] is True
    assert defaults.scheduler["set_alpha_to_one"] is False


def test_only_what_is_missing_is_built_in(tmp_path: Path) -> None:
    source = bare(tmp_path / "m", 1024)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(DEMO / "tokenizer" / name, source)
    folder, (said,) = added(source, tmp_path / "models")
    assert "has no scheduler: the built-in one of" in said
    assert (folder.tokenizer / "vocab.json").read_bytes() == (source / "vocab.json").read_bytes()
    special = json.loads((folder.tokenizer / "special_tokens_map.json").read_text())
    assert special["pad_token"] == "!"


def test_another_width_needs_its_base(tmp_path: Path) -> None:
    with pytest.raises(InputMissingError, match="--base OWNER/NAME"):
        added(bare(tmp_path / "m", 32), tmp_path / "models")
    assert list((tmp_path / "models").iterdir()) == []


def test_a_pull_has_them_among_its_checked_files(station: Station, tmp_path: Path) -> None:
    source = bare(tmp_path / "m", 768)
    for name in ("vocab.json", "merges.txt"):
        shutil.copy(DEMO / "tokenizer" / name, source)
    files = tree(source, "original/packages/")
    station.hub.repositories["me/mine"] = Repository(files=files)
    result = station.models("pull", "me/mine")
    assert (
        "me/mine has no scheduler: the built-in one of Stable Diffusion 1 is used." in result.stderr
    )
    (facts,) = [facts for facts in station.listed() if facts["name"] == "mine"]
    assert facts["problem"] is None
    assert "already here" in station.models("pull", "me/mine").stdout
    config = Path(facts["folder"]) / "scheduler" / "scheduler_config.json"
    station.models("pull", "me/mine", "--base", BASE)
    assert config.read_bytes() == (DEMO / "scheduler" / "scheduler_config.json").read_bytes()
    assert "already here" in station.models("pull", "me/mine", "--base", BASE).stdout
    config.write_text("{}")
    hurt = station.program.call("models", "verify", "mine", code=74)
    assert "scheduler_config.json has" in hurt.stdout
