"""Killed at each step between "planned" and "finished", nothing is lost, nothing is drawn twice, nothing lies about."""

from __future__ import annotations

from pathlib import Path

import pytest

from sdq_core.images.store import is_temporary
from tests.acceptance.die_at import die
from tests.acceptance.program import Program, assert_whole

IMAGES = 6


@pytest.fixture
def two_prompts(tmp_path: Path) -> Path:
    path = tmp_path / "two.txt"
    path.write_text("the sea at night\na red kite on the left\n")
    return path


def submit(program: Program, prompts: Path) -> list[str]:
    return ["submit", str(prompts), "--seed-range", "0-2", "--steps", "1"]


@pytest.mark.parametrize(
    ("when", "place", "nth"),
    [
        ("after", "db.work:Work.load_slice", 1),
        ("after", "db.work:Work.note_attempts", 1),
        ("after", "worker.engine.handle:Engine.request", 2),
        ("before", "worker.drawing.saving:Gallery.save", 2),
        ("after", "sdq_core.images.store:_write", 2),
        ("before", "sdq_core.images.store:sync_folder", 3),
        ("before", "sdq_core.images.root:OutputRoot._mark", 1),
        ("after", "sdq_core.images.root:OutputRoot._mark", 1),
        ("after", "sdq_core.images.root_record:RootRecord.add", 1),
        ("after", "worker.drawing.saving:Gallery.save", 2),
        ("after", "db.work:Work.record_and_go_on", 2),
        ("before", "db.work:Work.finish_slice", 1),
        ("after", "db.work:Work.finish_slice", 1),
        ("after", "worker.claims.claims:Claims._end", 1),
        ("after", "sdq_core.queue.claims:ClaimTable.take", 2),
        ("after", "worker.claims.claims:Claims._claimed", 2),
        ("after", "worker.claims.intake:Intake._opened", 2),
        ("after", "worker.engine.handle:Engine.request", 4),
        ("after", "worker.drawing.saving:Gallery.save", 3),
    ],
)
def test_a_worker_killed_at_this_point_loses_nothing(
    program: Program, two_prompts: Path, when: str, place: str, nth: int
) -> None:
    program.call(*submit(program, two_prompts))
    die(program, when, place, nth, "worker", "--burst")
    done = {(image.recipe.prompt, image.seed): image for image in program.drawn("two")}
    program.call("worker", "--burst")
    images = program.drawn("two")
    for path in filter(is_temporary, (program.home / "outputs").rglob("*")):
        path.unlink()  # `sdq verify --repair` does; a minute later
    assert_whole(program.home, images, IMAGES)
    for image in images:
        before = done.get((image.recipe.prompt, image.seed))
        if before is not None:  # what was done was not done again
            assert image == before
        assert image.attempts <= 2
    assert "All is well: 6 images" in program.call("verify").stdout


@pytest.mark.parametrize(
    ("when", "place"),
    [
        ("before", "db.submissions:Submissions.add"),
        ("after", "db.submissions:Submissions.add"),
        ("before", "sdq_core.queue.queues:Queues.enqueue"),
        ("after", "sdq_core.queue.queues:Queues.enqueue"),
    ],
)
def test_a_submission_killed_at_this_point_is_all_there_or_not_at_all(
    program: Program, two_prompts: Path, when: str, place: str
) -> None:
    arguments = submit(program, two_prompts)
    die(program, when, place, 1, *arguments)
    stored = place.endswith("enqueue") or when == "after"
    with program.ledger() as ledger:
        assert len(ledger.work.open_slices()) == (2 if stored else 0)
    if stored:  # a worker finds it even if nobody submits again
        program.call("worker", "--burst")
    else:
        program.call(*arguments)
        program.call("worker", "--burst")
    assert_whole(program.home, program.drawn("two"), IMAGES)
