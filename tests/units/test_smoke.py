"""Before a variant's first image after an update, an earlier one is drawn again and compared."""

from __future__ import annotations

import logging
import math
from dataclasses import replace

import pytest

from db.values import SmokeCheck
from sdq_core.values.machine import Machine
from sdq_core.values.part_units import Part
from sdq_core.values.variants import ComputeUnit
from tests.units.night import MAC, Night
from tests.worker.studio import StoppableShift
from worker.claims.shift import GaveUp

UPDATED = replace(MAC, os="macOS 27.3 (26D1)")
AGAIN = replace(MAC, os="macOS 27.4 (26E1)")
CHANGES = [f"{MAC.os} -> {UPDATED.os}"]


def checks(night: Night, machine: Machine = MAC) -> list[SmokeCheck]:
    """What was found of the night's variant, which is only one."""
    return [found.check for found in night.ledger.smoke_checks.newest(machine)]


def test_an_image_that_is_drawn_as_before_is_no_news(
    night: Night, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    one, other = night.draw("before")
    assert checks(night) == []
    (night.outputs / other.image.path).write_bytes(b"changed since")

    drawn = night.draw("after", machine=UPDATED)

    (check,) = checks(night)
    assert check.path == one.image.path
    assert (check.psnr_db, check.error, check.is_alike) == (math.inf, None, True)
    assert check.changes == CHANGES
    assert [image.attempts for image in drawn] == [1, 1]
    assert len(list(night.outputs.rglob("*.png"))) == 4  # the comparison left no file
    assert not [said for said in caplog.records if said.levelno >= logging.WARNING]
    caplog.clear()
    night.draw("later", machine=UPDATED, seeds=1)
    assert "to compare" not in caplog.text  # once for each update


def test_a_picture_that_changed_is_said_once_and_kept_and_the_night_goes_on(
    night: Night, caplog: pytest.LogCaptureFixture
) -> None:
    night.draw("before", seeds=1)
    night.double.plan({"vae_decoder ALL": "run negative"})

    night.draw("after", machine=UPDATED)
    night.draw("later", machine=UPDATED, seeds=1)

    (check,) = checks(night)
    assert check.psnr_db is not None
    assert check.psnr_db < 25
    (said,) = [each.message for each in caplog.records if "another picture" in each.message]
    assert (
        f"than before the update ({CHANGES[0]}): {check.psnr_db:.1f} dB for {check.path}, 25 dB"
        in said
    )
    (found,) = night.ledger.summaries.of("after").changed
    assert found.check == check
    night.double.plan({})
    night.draw("mended", machine=AGAIN, seeds=1)
    (mended,) = checks(night)
    # Not with what the changed system drew.
    assert mended.changes == [f"{MAC.os} -> {AGAIN.os}"]
    assert mended.is_alike


def test_an_update_that_breaks_a_unit_is_found_before_the_first_image(night: Night) -> None:
    night.draw("before", seeds=1)
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
    [before] = night.draw("before", seeds=1)
    on_all = [(part, ComputeUnit.ALL) for part in Part]
    night.ledger.unit_trials.note_worked(UPDATED, before.engine.variant.revision, on_all)
    night.double.plan({"vae_decoder ALL": "run black"})

    [image] = night.draw("after", machine=UPDATED, seeds=1, shift=OnceItRuns(night, stops=False))

    assert image.attempts == 1
    (check,) = checks(night)
    assert (check.psnr_db, check.is_alike) == (None, False)
    assert f"did not draw {check.path} again after the update" in caplog.text


def test_a_stop_is_obeyed_at_once_and_the_next_worker_compares(night: Night) -> None:
    night.draw("before", seeds=1)
    night.double.plan({"unet ALL": "run hang"})

    with pytest.raises(GaveUp):
        night.draw("after", machine=UPDATED, seeds=1, shift=OnceItRuns(night, stops=True))

    assert checks(night) == []
    [image] = night.draw("once more", machine=UPDATED, seeds=1)
    assert image.attempts == 1
    (check,) = checks(night)
    assert check.is_alike
