"""One batch's trouble stays its own, and `status` says what it is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sdq_core.models import DEMO, ModelStore
from sdq_core.values.variants import AttentionImplementation
from tests.acceptance.program import Program, assert_whole

STEPS = ("--steps", "1")


@pytest.fixture
def mine(program: Program, tmp_path: Path) -> Path:
    demo = ModelStore(program.home / "models").find(DEMO, AttentionImplementation.ORIGINAL)
    folder = tmp_path / "mine"
    shutil.copytree(demo.parts["unet"].parent, folder)
    for settings in (demo.tokenizer, demo.scheduler_config.parent):
        shutil.copytree(settings, folder / settings.name)
    return folder


def test_another_batchs_missing_model_does_not_end_a_run(program: Program, mine: Path) -> None:
    program.call("submit", "--model", str(mine), "--prompt", "x", "--batch", "bad", *STEPS)
    away = mine.rename(mine.with_name("away"))
    assert "1 image" in program.call("run", "--prompt", "y", "--batch", "good", *STEPS).stdout
    said = program.call("status", "bad").stdout
    assert f"waiting: {mine} original on ALL: There is no model" in said
    assert "no worker is running. Start one with `sdq worker`" in said
    assert "waiting:" not in program.call("status", "good").stdout
    program.call("worker", "--burst", code=66)
    away.rename(mine)
    program.call("worker", "--burst")
    assert json.loads(program.call("status", "bad", "--json").stdout)["status"] == "completed"


def test_a_model_that_changed_is_submitted_again_in_the_place_of_what_was_open(
    program: Program, mine: Path
) -> None:
    request = ("--model", str(mine), "--prompt", "x", "--seed-range", "0-3", "--batch", "b", *STEPS)
    program.call("submit", *request)
    config = mine / "scheduler" / "scheduler_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "beta_end": 0.0121}))
    said = program.call("status", "b").stdout
    assert "has changed since these images were submitted" in said
    assert "submit the same prompts to the same batch again" in said
    dry = json.loads(program.call("submit", *request, "--dry-run", "--json").stdout)
    assert (dry["images_new"], dry["images_replaced"]) == (4, 4)
    again = program.call("submit", *request).stdout
    assert "4 images to draw, in place of 4 that could no longer be drawn." in again
    program.call("worker", "--burst")
    assert_whole(program.home, program.drawn("b"), 4)
    assert "All is well: 4 images" in program.call("verify").stdout


def test_a_burst_is_not_blamed_for_what_was_cancelled(program: Program, mine: Path) -> None:
    program.call("submit", "--model", str(mine), "--prompt", "x", "--batch", "bad", *STEPS)
    shutil.rmtree(mine)
    program.call("cancel", "bad")
    program.call("worker", "--burst")


def test_a_run_whose_own_variant_is_paused_ends_and_says_so(program: Program) -> None:
    program.call("submit", "--prompt", "x", "--batch", "b", *STEPS)
    with program.ledger() as ledger:
        (key,) = ledger.variants.known()
    program.call("pause", "--variant-key", key)
    result = program.call("run", "--prompt", "x", "--batch", "b", *STEPS, code=78)
    assert f"sdq resume --variant-key {key}" in result.stderr
    assert "paused:" in program.call("status", "b").stdout
    program.call("resume", "--variant-key", key)
    program.call("run", "--prompt", "x", "--batch", "b", *STEPS)


def test_a_paused_batch_says_how_to_go_on(program: Program) -> None:
    program.call("submit", "--prompt", "x", "--batch", "b", *STEPS)
    program.call("pause", "b")
    (sentence,) = json.loads(program.call("status", "b", "--json").stdout)["sdq"]["waiting"]
    assert sentence == "waiting: the batch is paused. To continue, run `sdq resume b`."
