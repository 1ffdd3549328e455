"""`sdq inspect --clip`: a model of two encoders scores each image once, and scores of two models never mix."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from db.columns import COLUMNS
from db.ledger import Ledger
from sdq.upkeep import scoring
from sdq.upkeep.pictures import Unfit
from sdq.upkeep.scoring import ScoringFindings
from sdq_core.models.scoring import ScoringModel, read_scoring_model
from tests.core.commands import Commands
from tests.quality.encoders import SIDE, expected_score, write_encoders
from tests.quality.pictures import clouds
from tests.quality.scene import Scene, picture_of
from worker.quality.clip import ClipScorer
from worker.runtimes.onnx import OnnxRuntime

MOST_APART = 2e-4


@pytest.fixture(scope="module")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_encoders(tmp_path_factory.mktemp("models") / "tiny_clip")


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> OnnxRuntime:
    return OnnxRuntime(tmp_path_factory.mktemp("translations"), threads=1)


@pytest.fixture
def scene(ledger: Ledger, tmp_path: Path) -> Scene:
    """A batch `night` of two prompts with two images each."""
    scene = Scene(tmp_path, ledger)
    scene.draw("night", "ab", 2)
    return scene


def score(scene: Scene, model: ScoringModel, runtime: OnnxRuntime, **more: Any) -> ScoringFindings:
    return scoring.score(
        scene.ledger, scene.root, [None], model=model, runtime=runtime, threads=2, **more
    )


def columns(scene: Scene, name: str) -> list[Any]:
    return [COLUMNS[name].of(image) for image in scene.ledger.batches.images("night")]


@pytest.mark.parametrize("layout", ["RGB", "BGR"])
def test_a_score_is_the_cosine_of_both_embeddings(
    tmp_path: Path, runtime: OnnxRuntime, layout: str
) -> None:
    model = read_scoring_model(write_encoders(tmp_path, layout=layout))
    scorer = ClipScorer(model, runtime)
    for seed, prompt in enumerate(("a red house", "", "word " * 100)):
        picture = clouds(seed, (SIDE, SIDE))
        expected = expected_score(np.asarray(picture), prompt, layout=layout)
        assert scorer.score(scorer.prepare(picture), prompt) == pytest.approx(
            expected, abs=MOST_APART
        )


def test_an_image_that_gets_no_score_is_asked_about_once(
    scene: Scene, encoders: Path, runtime: OnnxRuntime
) -> None:
    model = read_scoring_model(encoders)
    scorer = ClipScorer(model, runtime)
    black = scorer.prepare(Image.new("RGB", (SIDE, SIDE)))
    assert scorer.score(black, "a") is None, "its embedding has no direction"
    files = list(scene.ledger.scores.unscored(None, model.key))
    scene.ledger.scores.store([(files[0], None)], model.key)
    assert list(scene.ledger.scores.unscored(None, model.key)) == files[1:]
    scene.ledger.scores.forget("night")
    assert list(scene.ledger.scores.unscored("night", model.key)) == files


def test_of_a_picture_that_is_not_square_the_middle_is_looked_at(
    encoders: Path, runtime: OnnxRuntime
) -> None:
    scorer = ClipScorer(read_scoring_model(encoders), runtime)
    wide = Image.new("RGB", (3 * SIDE * 2, SIDE * 2), "blue")
    wide.paste("red", (SIDE * 2 - 8, 0, SIDE * 4 + 8, SIDE * 2))
    prepared = scorer.prepare(wide)
    assert prepared.shape == (1, 3, SIDE, SIDE)
    assert np.unique(prepared[0].reshape(3, -1), axis=1).tolist() == [[255], [0], [0]]


def test_each_image_is_scored_once_by_its_own_prompt(
    scene: Scene, encoders: Path, runtime: OnnxRuntime
) -> None:
    model = read_scoring_model(encoders)
    scorer = ClipScorer(model, runtime)
    assert score(scene, model, runtime).scored == 4
    for image in scene.ledger.batches.images("night"):
        prepared = scorer.prepare(picture_of(image.seed))
        assert COLUMNS["clip_score"].of(image) == scorer.score(prepared, image.recipe.prompt)
    assert len(set(columns(scene, "clip_score"))) > 2
    assert set(columns(scene, "clip_model")) == {f"tiny_clip@{model.revision}"}
    assert score(scene, model, runtime).scored == 0


def test_another_model_scores_everything_anew(
    scene: Scene, encoders: Path, runtime: OnnxRuntime, tmp_path: Path
) -> None:
    score(scene, read_scoring_model(encoders), runtime)
    other = read_scoring_model(shutil.copytree(encoders, tmp_path / "other"))
    assert score(scene, other, runtime).scored == 4
    assert set(columns(scene, "clip_model")) == {other.key}


def test_an_interrupted_scoring_is_resumed(
    scene: Scene, encoders: Path, runtime: OnnxRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scoring, "_STORE_AT_ONCE", 1)
    seen: list[None] = []

    def interrupt() -> None:
        seen.append(None)
        if len(seen) == 3:
            raise KeyboardInterrupt

    model = read_scoring_model(encoders)
    with pytest.raises(KeyboardInterrupt):
        score(scene, model, runtime, on_image=interrupt)
    assert score(scene, model, runtime).scored == 2


def test_an_image_that_is_drawn_again_and_one_that_is_gone_are_without_a_score(
    scene: Scene, encoders: Path, runtime: OnnxRuntime
) -> None:
    model = read_scoring_model(encoders)
    score(scene, model, runtime)
    [first, *_] = scene.ledger.batches.images("night")
    scene.ledger.upkeep.take_back([(first.image.recipe_id, first.seed)])
    scene.draw("night", "ab", 2)
    assert columns(scene, "clip_score").count(None) == 1
    scene.file(first.image.path).unlink()
    assert score(scene, model, runtime).unfit[Unfit.MISSING] == [first.image.path]
    assert columns(scene, "clip_model").count(None) == 1


def test_the_command_scores_with_an_added_model(sdq: Commands, encoders: Path) -> None:
    with sdq.ledger() as ledger:
        Scene(sdq.home, ledger).draw("night", "ab", 2)
    assert "There is no model 'tiny_clip'" in sdq("inspect", "--clip", "tiny_clip", code=66).err
    sdq("models", "add", str(encoders))
    said = sdq("inspect", "night", "--clip", "tiny_clip").out
    assert "4 images measured" in said
    assert "4 images scored" in said
    found = sdq("inspect", "--clip", "tiny_clip", "--again", "--json").json
    assert (found["images_measured"], found["images_scored"], found["without_score"]) == (4, 4, [])
    assert found["clip_model"].startswith("tiny_clip@")
    shown = sdq("show", "night/1/1", "--json").json["quality"]
    assert (shown["clip_model"], -1 <= shown["clip_score"] <= 1) == (found["clip_model"], True)
    assert "CLIP score" in sdq("show", "night/1/1").out
    best = sdq("ls", "night", "--sort=-clip_score", "--json").json
    assert len(best) == 4
    assert sdq("ls", "night", "--where", "clip_score > 1", "--json").json == []
