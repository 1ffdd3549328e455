"""Which image is drawn again after an update, and what came of it; on both databases."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from db.ledger import Ledger
from db.values import EngineRecord, SmokeCheck
from sdq_core.values.machine import Machine
from sdq_core.values.variants import ComputeUnit
from tests.ledger.drawn import Drawn
from tests.ledger.plans import ENGINE, VARIANT

NOW = replace(ENGINE, os="Linux 2")
CHANGED = SmokeCheck(path="a/1-0.png", changes=["Linux -> Linux 2"], psnr_db=12.25)


def with_version(**versions: str) -> EngineRecord:
    return replace(ENGINE, versions={**ENGINE.versions, **versions})


def test_what_other_software_drew_of_the_variant_is_offered_the_newest_first(
    ledger: Ledger,
) -> None:
    drawn = Drawn(ledger)
    drawn.by(ENGINE)
    drawn.by(replace(ENGINE, variant=replace(VARIANT, compute_unit=ComputeUnit.CPU_ONLY)))
    drawn.by(replace(ENGINE, chip="another"))
    drawn.by(ENGINE, nsfw_flagged=True)
    drawn.by(ENGINE, nsfw_flagged=None)
    drawn.by(NOW)
    drawn.by(with_version(numpy="2"))

    assert drawn.earlier(NOW) == [6, 4, 0]
    assert drawn.earlier(with_version(safety="black")) == [6, 5]
    (image, *_) = ledger.smoke_checks.earlier_images(NOW)
    assert (image.recipe.prompt, image.path) == ("a", "a/1-6.png")
    assert image.engine.versions["numpy"] == "2"


def test_it_is_due_until_an_engine_with_the_same_software_has_an_answer(ledger: Ledger) -> None:
    checks, drawn = ledger.smoke_checks, Drawn(ledger)
    drawn.by(ENGINE)
    engine_id = drawn.by(NOW)
    assert checks.is_due(NOW)

    checks.note(engine_id, SmokeCheck())

    assert not checks.is_due(replace(NOW, host="another", worker="another"))
    assert not checks.is_due(replace(NOW, versions={**NOW.versions, "safety": "off"}))
    others: Mapping[str, object] = {
        "os": "3",
        "chip": "y",
        "runtime": "coreml",
        "versions": {"sdq": "1"},
    }
    for name, value in others.items():
        assert checks.is_due(replace(NOW, **{name: value}))  # type: ignore[arg-type]
    assert checks.newest(Machine(host="h", chip="x", os="Linux 2")) == []  # nothing was compared


def test_what_changed_is_kept_and_nothing_is_compared_with_it(ledger: Ledger) -> None:
    checks, drawn = ledger.smoke_checks, Drawn(ledger)
    drawn.by(ENGINE)
    checks.note(drawn.by(NOW), CHANGED)
    anew = replace(ENGINE, os="Linux 3")
    machine = Machine(host="h", chip="x", os="Linux 3")

    assert drawn.earlier(anew) == [0]
    (found,) = checks.newest(machine)
    assert (found.variant, found.host, found.check) == (VARIANT, "h", CHANGED)
    (changed,) = ledger.summaries.of("a").changed
    assert changed == found
    same = SmokeCheck(path="a/1-0.png", changes=["Linux -> Linux 3"], psnr_db=math.inf)
    checks.note(drawn.by(anew), same)
    assert [each.check for each in checks.newest(machine)] == [same]
