"""`sdq doctor` as a whole: what it reports of a well machine and of a used one, and that it leaves both as they are."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from sdq.doctor.drawing import ALIKE_DB
from sdq_core.models import DEMO, ModelStore
from sdq_core.queue.choice import program_for
from tests.acceptance.program import Program
from tests.doctor.reports import examined, facts


def files_below(folder: Path) -> dict[Path, float]:
    return {path: path.stat().st_mtime for path in folder.rglob("*")}


def test_a_fresh_machine_is_well_and_stays_fresh(program: Program) -> None:
    report = examined(program)
    assert report["problems"] == []
    assert not program.home.exists()
    assert facts(report, "redis")["state"] == "not running"
    assert facts(report, "ledger")["state"] == "not created yet"
    assert report["sections"]["redis"]["not_tried"]
    assert report["sections"]["ledger"]["not_tried"]
    shipped = ModelStore(program.home / "models").attention_implementations(DEMO)
    drawn = facts(report, "drawing")
    assert len(drawn) >= len(shipped) >= 2
    for proof in drawn.values():
        assert proof["identical"] or proof["psnr_db"] >= ALIKE_DB
        assert proof["pictures"] >= 2
        assert proof["expected_db"] == ALIKE_DB


def test_the_text_says_what_the_json_says(program: Program) -> None:
    text = program.call("doctor", "--no-draw").stdout
    assert "\nAll is well.\n" in text
    last = text.splitlines()[-1]
    assert last == examined(program, "--no-draw")["in_one_line"]
    assert last.startswith(f"sdq {metadata.version('sdq')}, ")
    assert last.endswith("; nothing drawn; no problems")
    assert "(not tried) Drawing the demo model (--no-draw)." in text
    for heading in ("Machine", "Libraries", "Settings", "Folders", "Redis", "Ledger", "Models"):
        assert f"\n{heading}\n" in f"\n{text}"
    assert f"  {'home':<15}  {program.home}  [environment SDQ_HOME]\n" in text
    broken = program.call("doctor", "--no-draw", SDQ_REDIS_URL="redis://localhost:1", code=1).stdout
    assert "(problem) Redis at redis://localhost:1 does not answer" in broken
    assert "\n1 problem:\n- Redis at redis://localhost:1 does not answer" in broken


def test_a_used_installation_is_looked_at_and_left_as_it_is(program: Program) -> None:
    program.call("submit", "--prompt", "the sea", "--batch", "b")
    before = files_below(program.home)
    report = examined(program, "--no-draw")
    assert report["problems"] == []
    assert facts(report, "redis")["state"] == f"running as process {program.redis.pid()}"
    serving = program_for(program.redis.folder)
    assert facts(report, "redis")["version"] == f"{serving.version} ({serving.kind})"
    assert facts(report, "redis")["program"].endswith(f", from {serving.origin}")
    assert facts(report, "ledger")["state"] == "answers"
    assert facts(report, "ledger")["schema"]
    assert facts(report, "folders")["data folder"].endswith(", exists")
    assert files_below(program.home).keys() == before.keys()
    with program.ledger() as ledger:
        assert ledger.batches.statuses()[0].total == 1


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({"SDQ_REDIS_URL": "redis://localhost:1"}, "localhost:1 does not answer"),
        ({"SDQ_REDIS_URL": "nonsense"}, "SDQ_REDIS_URL is not a Redis URL"),
        ({"SDQ_DATABASE_URL": "postgresql://localhost:1/x"}, "localhost:1/x cannot be reached"),
        ({"SDQ_DATABASE_URL": "nonsense"}, "SDQ_DATABASE_URL is not a database URL"),
        ({"SDQ_DATABASE_URL": f"sqlite:///{__file__}"}, "is not an SQLite database"),
        (
            {"SDQ_HOME": f"{__file__}/home"},
            f"Cannot write to the data folder {__file__}/home (Not a directory). Fix that",
        ),
        ({"SDQ_OUTPUTS": f"{__file__}/outputs"}, "set SDQ_OUTPUTS to another folder"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_its_next_step(
    program: Program, environment: dict[str, str], says: str
) -> None:
    report = examined(program, "--no-draw", code=1, **environment)
    # The outputs lie in the data folder, unless they were put elsewhere.
    expected = 2 if "SDQ_HOME" in environment else 1
    assert len(report["problems"]) == expected
    assert says in report["problems"][0]
    assert not program.home.exists()
