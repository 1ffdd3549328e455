"""What an update changed, as the doctor and the morning's report tell it."""

from __future__ import annotations

import json
from dataclasses import replace

from db.values import SmokeCheck
from sdq_core.values.machine import this_machine
from tests.acceptance.program import Program
from tests.doctor.reports import examined, facts
from tests.ledger.drawn import Drawn
from tests.ledger.plans import ENGINE, VARIANT

CHANGED = SmokeCheck(path="a/1-0.png", changes=["macOS 1 -> macOS 2"], psnr_db=12.25)


def test_a_picture_that_changed_is_in_both_until_it_is_as_before(program: Program) -> None:
    machine = this_machine()
    engine = replace(ENGINE, host=machine.host, chip=machine.chip, os="macOS 2")
    program.home.mkdir()
    with program.ledger() as ledger:
        drawn = Drawn(ledger)
        ledger.smoke_checks.note(drawn.by(engine), CHANGED)

        found = facts(examined(program, "--no-draw"), "updates")[str(VARIANT)]
        assert (found["alike"], found["psnr_db"], found["expected_db"]) == (False, 12.2, 25.0)
        said = program.call("doctor", "--no-draw").stdout
        assert (
            "draws another picture than before the update (macOS 1 -> macOS 2): 12.2 dB for a/1-0.png"
            in said
        )
        (told,) = json.loads(program.call("report", "a", "--json").stdout)[
            "changed_since_an_update"
        ]
        assert (told["path"], told["psnr_db"], told["error"]) == ("a/1-0.png", 12.25, None)
        sentence = f"{VARIANT} on {machine.host} draws another picture than before the update (macOS 1 -> macOS 2)"
        assert sentence in program.call("report", "a").stdout

        as_before = replace(CHANGED, changes=["macOS 1 -> macOS 3"], psnr_db=float("inf"))
        ledger.smoke_checks.note(drawn.by(replace(engine, os="macOS 3")), as_before)
        found = facts(examined(program, "--no-draw"), "updates")[str(VARIANT)]
        assert (found["alike"], found["identical"], found["psnr_db"]) == (True, True, None)
