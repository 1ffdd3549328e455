"""Before a variant's first image after an update, an earlier one is drawn again and compared."""

from __future__ import annotations

import logging
import math
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from db.values import SmokeCheck
from sdq_core.values.part_units import Part
from sdq_core.values.variants import ComputeUnit
from tests.units.double import install
from tests.units.night import MAC, Night
from tests.worker.studio import StoppableShift
from worker.claims.shift import GaveUp

UPDATED = replace(MAC, os="macOS 27.3 (26D1)")
CHANGE = f"{MAC.os} -> {UPDATED.os}"


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory, translations: Path) -> Path:
    """Two images of the batch `before`, drawn on the system as it was; their ledger and outputs, to be copied."""
    folder = tmp_path_factory.mktemp("before")
    with pytest.MonkeyPatch.context() as patch:
        drawn = Night(folder, translations, install(patch, folder / "double"))
        with drawn.ledger:
            drawn.draw("before")
            assert checks(drawn) == []  # there was nothing to compare with
    return folder


@pytest.fixture
def night(
    before: Path, tmp_path: Path, translations: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Night]:
    """The night after."""
    shutil.copy(before / "sdq.db", tmp_path)
    shutil.copytree(before / "outputs", tmp_path / "outputs")
    made = Night(tmp_path, translations, install(monkeypatch, tmp_path / "double"))
    with made.ledger:
        yield made


def checks(night: Night) -> list[SmokeCheck]:
    """What was found of the night's variant, which is only one."""
    return [found.check for found in night.ledger.smoke_checks.newest(MAC)]


def test_an_image_that_is_drawn_as_before_is_no_news(
    night: Night, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = night.ledger.batches.images("before")
    (night.outputs / other.image.path).write_bytes(b"changed since")

    drawn = night.draw("after", machine=UPDATED)

    (check,) = checks(night)
    assert check.path == one.image.path
    assert (check.psnr_db, check.error, check.is_alike) == (math.inf, None, True)
    assert check.changes == [CHANGE]
    assert [image.attempts for image in drawn] == [1, 1]
    assert len(list(night.outputs.rglob("*.png"))) == 4  # the comparison left no file
    assert not [said for said in caplog.records if said.levelno >= logging.WARNING]


def test_a_picture_that_changed_is_said_once_and_kept_and_the_night_goes_on(
    night: Night, caplog: pytest.LogCaptureFixture
) -> None:
    night.double.plan({"vae_decoder ALL": "run negative"})

    night.draw("after", machine=UPDATED, seeds=1)
    night.draw("later", machine=UPDATED, seeds=1)

    (check,) = checks(night)
    assert check.psnr_db is not None
    assert check.psnr_db < 25
    (said,) = [each.message for each in caplog.records if "another picture" in each.message]
    assert (
        f"before the update ({CHANGE}): {check.psnr_db:.1f} dB for {check.path}, 25 dB or" in said
    )
    (found,) = night.ledger.summaries.of("after").changed
    assert found.check == check


def test_an_update_that_breaks_a_unit_is_found_before_the_first_image(night: Night) -> None:
    night.double.plan({"text_encoder CPU_ONLY": "run SIGABRT"})

    [image] = night.draw("after", machine=UPDATED, seeds=1)

    assert image.attempts == 1
    assert image.engine.part_units["text_encoder"] == "CPU_AND_NE"
    assert night.failed(UPDATED) == {"text_encoder CPU_ONLY"}
    (check,) = checks(night)
    assert check.is_alike


class OnceItRuns(StoppableShift):
    """Ends what was planned to fail, or the worker, once that has begun."""

    def __init__(self, night: Night, *, stops: bool) -> None:
        super().__init__()
        self._night = night
        self._stops = stops

    def beat(self, *, now: bool = False) -> None:
        super().beat(now=now)
        if self._night.double.has_run():
            self._night.double.plan({})
            self.told_to_stop = self._stops


def test_what_cannot_be_drawn_again_is_said_and_the_night_goes_on(
    night: Night, caplog: pytest.LogCaptureFixture
) -> None:
    [one, _] = night.ledger.batches.images("before")
    on_all = [(part, ComputeUnit.ALL) for part in Part]
    night.ledger.unit_trials.note_worked(UPDATED, one.engine.variant.revision, on_all)
    night.double.plan({"vae_decoder ALL": "run black"})

    [image] = night.draw("after", machine=UPDATED, seeds=1, shift=OnceItRuns(night, stops=False))

    assert image.attempts == 1
    (check,) = checks(night)
    assert (check.psnr_db, check.is_alike) == (None, False)
    assert f"did not draw {check.path} again after the update" in caplog.text


def test_a_stop_is_obeyed_at_once_and_nothing_is_kept(night: Night) -> None:
    night.double.plan({"unet ALL": "run hang"})

    with pytest.raises(GaveUp):
        night.draw("after", machine=UPDATED, seeds=1, shift=OnceItRuns(night, stops=True))

    assert checks(night) == []
    [one, _] = night.ledger.batches.images("before")
    updated = replace(one.engine, os=UPDATED.os)
    assert night.ledger.smoke_checks.is_due(updated)  # for the next worker
    progress = night.ledger.batches.find("after")
    assert progress is not None
    assert (progress.started_at, progress.completed, progress.failed) == (None, 0, 0)
