"""Settings and where they came from, and the folders that they name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.acceptance.program import Program
from tests.doctor.reports import examined, facts


def test_every_setting_says_where_it_came_from(program: Program, tmp_path: Path) -> None:
    program.home.mkdir()
    toml = program.home / "sdq.toml"
    toml.write_text(
        f'outputs = "{tmp_path}/pictures"\nsteps = 30\nmodel = "gone"\n'
        '[notify]\nwebhook = "https://h.example/s3cret"\nmac = true\nwebhook_secret = "whsec_c2VjcmV0"\n'
        f'[report]\nhtml = "{toml}/x.html"\n'
    )
    report = examined(
        program, "--no-draw", "--database-url", f"sqlite:///{tmp_path}/my.db", code=1,
        HF_HUB_OFFLINE="1", SDQ_SCHEDULER="Eulr",
    )  # fmt: skip
    shown = facts(report, "settings")
    assert shown["home"]["origin"] == "environment SDQ_HOME"
    assert shown["outputs"] == {"value": f"{tmp_path}/pictures", "origin": str(toml)}
    assert shown["database_url"]["origin"] == "option --database-url"
    assert shown["redis_url"] == {"value": "embedded", "origin": "default: embedded"}
    assert shown["steps"] == {"value": "30", "origin": str(toml)}
    assert shown["scheduler"] == {"value": "Eulr", "origin": "environment SDQ_SCHEDULER"}
    assert shown["guidance_scale"] == {"value": "7.5", "origin": "default"}
    assert shown["notify.webhook"] == {"value": "https://h.example/***", "origin": str(toml)}
    assert shown["notify.webhook_secret"]["value"] == "***"
    assert shown["notify.mac"]["value"] == "true"
    assert "s3cret" not in str(report)
    assert report["problems"] == [
        "SDQ_SCHEDULER: unknown scheduler 'Eulr'; did you mean Euler?",
        f"The reports of [report] in sdq.toml cannot be written: {toml} is not a folder. Name another file there.",
        f"The model 'gone' of {toml} is not here. Run `sdq models` for those that are.",
    ]
    assert {"SDQ_HOME", "HF_HUB_OFFLINE"} <= set(shown["environment"])


def test_a_settings_file_that_cannot_be_read_is_said_at_once(program: Program) -> None:
    program.home.mkdir()
    (program.home / "sdq.toml").write_text("redis_url = [")
    said = program.run("doctor", code=78).stderr
    assert "is not TOML in line 1" in said
    assert "sdq.toml" in said


@pytest.mark.skipif(os.getuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_named(program: Program) -> None:
    program.home.mkdir(mode=0o500)
    (problem, _) = examined(program, "--no-draw", code=1)["problems"]
    assert f"Cannot write to the data folder {program.home} (Permission denied)" in problem
