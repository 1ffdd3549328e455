"""Parts that fail on a compute unit are tried on the next one, and the night goes on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sdq_core.errors import EngineDiedError
from sdq_core.images.read import read_record
from sdq_core.values.part_units import Part, UnitRules
from sdq_core.values.safety import Safety
from sdq_core.values.variants import AttentionImplementation, ComputeUnit
from tests.units.night import MAC, Night
from worker.choosing.unusable import VariantUnusable


def test_text_encoder_and_safety_checker_run_on_the_cpu_and_the_file_says_so(night: Night) -> None:
    image, _ = night.draw()

    assert image.engine.part_units == {
        "text_encoder": "CPU_ONLY",
        "unet": "ALL",
        "vae_decoder": "ALL",
        "vae_encoder": "CPU_ONLY",
        "safety_checker": "CPU_ONLY",
        "controlnet": "ALL",
    }
    record = read_record(night.outputs / image.image.path)
    assert record.provenance["part_units"] == image.engine.part_units
    assert night.failed() == set()


@pytest.mark.parametrize(
    "how", ["run SIGABRT", "run SIGSEGV", "load SIGSEGV", "load hang", "run hang"]
)
def test_a_crash_is_the_units_fault(night: Night, how: str) -> None:
    night.double.plan({"text_encoder CPU_ONLY": how})
    if "hang" in how:
        night.patience_s = 8

    drawn = night.draw("first")

    assert [image.attempts for image in drawn] == [1, 1]
    assert {image.engine.part_units["text_encoder"] for image in drawn} == {"CPU_AND_NE"}
    assert night.failed() == {"text_encoder CPU_ONLY"}


def test_what_failed_is_remembered_until_the_next_build(night: Night) -> None:
    night.double.plan({"text_encoder CPU_ONLY": "load refuse"})
    night.draw("first", seeds=1)
    night.double.loaded()
    night.draw("second", seeds=1)
    assert "text_encoder CPU_ONLY" not in night.double.loaded()
    night.double.plan({})
    [image] = night.draw("third", machine=replace(MAC, os="macOS 27.3 (26D1)"), seeds=1)
    assert image.engine.part_units["text_encoder"] == "CPU_ONLY"


@pytest.mark.parametrize("how", ["load refuse", "run nan"])
def test_what_another_unit_does_better_is_remembered(night: Night, how: str) -> None:
    night.double.plan({"unet ALL": how})

    drawn = night.draw()

    assert [image.attempts for image in drawn] == [1, 1]
    assert drawn[0].engine.part_units["unet"] == "CPU_AND_NE"
    # The same image tells the units apart, so it is the next to be drawn.
    assert [image.seed for image in sorted(drawn, key=lambda image: image.finished_at)] == [0, 1]
    assert night.failed() == {"unet ALL"}


def test_a_first_picture_that_is_black_switches_the_vae(night: Night) -> None:
    night.double.plan({"vae_decoder ALL": "run black", "vae_decoder CPU_AND_NE": "run black"})

    drawn = night.draw(seeds=1)

    assert drawn[0].attempts == 1
    assert drawn[0].engine.part_units["vae_decoder"] == "CPU_AND_GPU"
    assert night.failed() == {"vae_decoder ALL", "vae_decoder CPU_AND_NE"}


def test_pictures_that_are_black_on_every_unit_are_the_images_fault(night: Night) -> None:
    night.double.plan({f"vae_decoder {unit}": "run black" for unit in ComputeUnit})

    assert night.draw(seeds=1) == []

    [failed] = night.ledger.batches.failed_images("the sea at night")
    assert failed.attempts == 3
    assert night.failed() == set()


def test_the_unet_goes_to_the_cpu_only_if_allowed(night: Night) -> None:
    night.double.plan({f"unet {unit}": "load SIGABRT" for unit in ("ALL", "CPU_AND_GPU")})
    original = AttentionImplementation.ORIGINAL

    with pytest.raises(VariantUnusable) as unusable:
        night.draw("no", attention=original)
    assert isinstance(unusable.value.cause, EngineDiedError)
    # It never runs on the Neural Engine.
    assert {line for line in night.double.loaded() if line.startswith("unet")} == {
        "unet ALL",
        "unet CPU_AND_GPU",
    }

    drawn = night.draw("yes", attention=original, rules=UnitRules(unet_on_cpu=True))
    assert drawn[0].engine.part_units["unet"] == "CPU_ONLY"


def test_a_unit_that_has_worked_gets_a_second_chance_and_is_not_given_up_for_good(
    night: Night,
) -> None:
    night.draw("good")
    night.double.plan({"unet ALL": "run SIGABRT"})

    drawn = night.draw("stuck")

    # The first crash counts against the image: it may be its fault.
    assert sorted(image.attempts for image in drawn) == [1, 2]
    assert drawn[0].engine.part_units["unet"] == "CPU_AND_NE"
    assert night.failed() == set()
    night.double.plan({})
    [image] = night.draw("after a restart", seeds=1)
    assert image.engine.part_units["unet"] == "ALL"


def test_a_broken_picture_from_a_unit_that_has_worked_is_the_images_fault(night: Night) -> None:
    night.draw("good")
    night.double.plan({"unet ALL": "run nan"})

    assert night.draw("bad", seeds=1) == []

    assert night.failed() == set()
    [failed] = night.ledger.batches.failed_images("bad")
    assert failed.attempts == 3


def test_a_want_of_memory_is_no_units_fault(night: Night) -> None:
    night.double.plan({"unet ALL": "load memory"})

    with pytest.raises(VariantUnusable) as unusable:
        night.draw()

    assert unusable.value.cause.retryable  # there may be more a minute later
    assert {line for line in night.double.loaded() if line.startswith("unet")} == {"unet ALL"}


def test_a_safety_checker_that_is_off_has_not_worked(night: Night) -> None:
    night.draw(safety=Safety.OFF, seeds=1)

    worked = {trial.part for trial in night.ledger.unit_trials.of(MAC)}
    assert worked == set(Part) - {Part.SAFETY_CHECKER, Part.VAE_ENCODER, Part.CONTROLNET}


def test_an_engine_killed_from_outside_proves_nothing(night: Night) -> None:
    night.double.plan({"unet ALL": "load SIGKILL"})

    with pytest.raises(VariantUnusable):
        night.draw()

    assert night.failed() == set()
    assert {line for line in night.double.loaded() if line.startswith("unet")} == {"unet ALL"}
