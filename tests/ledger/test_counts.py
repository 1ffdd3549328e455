"""Whatever happens in whatever order, the counts that are kept agree with the images; on both databases."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from db.connection import Database
from db.ledger import Ledger
from db.tables import images, recipes
from db.values import BatchState, BatchStatus, ImageStatus, Slice
from tests.ledger.plans import ENGINE, plan, record

_stories = itertools.count(1)


@dataclass(frozen=True)
class Submit:
    """Submit the two prompts with a range of seeds to one of two batches."""

    batch: int
    first: int
    count: int


@dataclass(frozen=True)
class Draw:
    """Take one of the open slices, and bring some of its images to an end: D(one), F(ailed for good), f(ailed once)."""

    which: int
    endings: str
    finish: bool


@dataclass(frozen=True)
class Retry:
    """Take a batch's failed images up again."""

    batch: int


submits = st.builds(Submit, st.integers(0, 1), st.integers(0, 12), st.integers(1, 12))
draws = st.builds(Draw, st.integers(0, 9), st.text("DDFf-", min_size=1, max_size=5), st.booleans())
actions = st.lists(submits | draws | draws | st.builds(Retry, st.integers(0, 1)), max_size=14)


def _draw(ledger: Ledger, slice_: Slice, endings: str, engine_id: int) -> None:
    for seed, ending in zip(slice_.seeds, endings, strict=False):
        if not ledger.work.note_attempts(
            slice_.recipe_id, [seed], engine_id=engine_id, slice_id=slice_.id
        ):
            continue
        if ending == "D":
            ledger.work.record_and_go_on(record(slice_, seed, engine_id))
        elif ending in "Ff":
            ledger.work.record_failure(
                slice_.recipe_id,
                seed,
                slice_id=slice_.id,
                engine_id=engine_id,
                error="NaN",
                final=ending == "F",
            )


def _open_slices(ledger: Ledger, batches: list[str]) -> Iterator[Slice]:
    for ref in ledger.work.open_slices():
        slice_ = ledger.work.load_slice(ref.id)
        assert slice_ is not None
        if slice_.batch_name in batches:
            yield slice_


def _status(ledger: Ledger, batch: str) -> BatchStatus:
    found = ledger.batches.find(batch)
    assert found is not None
    return found


@pytest.fixture
def database(ledger_url: str) -> Iterator[Database]:
    """A second look at the ledger's tables."""
    opened = Database(ledger_url)
    yield opened
    opened.close()


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(story=actions)
def test_counts_agree_with_the_images(
    ledger: Ledger, database: Database, story: list[Submit | Draw | Retry]
) -> None:
    number = next(_stories)  # its own batches and recipes, in the one ledger of this test
    names = [f"{number}-a", f"{number}-b"]
    prompts = [f"cat {number}", f"dog {number}"]
    planned: dict[str, set[tuple[str, int]]] = {}
    engine_id = ledger.work.register_engine(ENGINE)
    for action in [Submit(0, 3, 7), *story]:
        if isinstance(action, Submit):
            seeds = range(action.first, action.first + action.count)
            name = names[action.batch]
            before = planned.setdefault(name, set())
            wanted = {(prompt, seed) for prompt in prompts for seed in seeds}
            added = ledger.submissions.add(plan(prompts, seeds, name=name, slice_size=5))
            assert added.images_known == len(wanted & before)
            new = added.images_new + added.images_drawn + added.images_failed
            assert new == len(wanted - before)
            before |= wanted
        elif isinstance(action, Retry):
            if names[action.batch] in planned:
                ledger.batches.retry_failed(names[action.batch])
        elif open_slices := list(_open_slices(ledger, names)):
            slice_ = open_slices[action.which % len(open_slices)]
            _draw(ledger, slice_, action.endings, engine_id)
            if action.finish:
                settled = len(ledger.work.progress(slice_).settled) == len(slice_.seeds)
                assert ledger.work.finish_slice(slice_.id) == settled

    for slice_ in list(_open_slices(ledger, names)):
        ledger.work.finish_slice(slice_.id)
    states = _images(database, prompts)
    for name, wanted in planned.items():
        status = _status(ledger, name)
        ended = [states.get(image) for image in wanted]
        assert status.total == len(wanted)
        done, failed = ended.count(ImageStatus.DONE), ended.count(ImageStatus.FAILED)
        assert (status.completed_at is not None) == (done + failed == len(wanted))
        if status.completed_at:
            assert (status.completed, status.failed) == (done, failed)
            assert len(ledger.batches.failed_images(name)) == failed
        else:  # what was drawn for the other batch is counted when its own slice is finished
            assert status.completed <= done
            assert status.failed <= failed
        assert len(list(ledger.batches.images(name))) == done
        ledger.batches.set_state(name, BatchState.CANCELLED)  # the next story's look is short


def _images(database: Database, prompts: list[str]) -> dict[tuple[str, int], str]:
    with database.reading() as connection:
        rows = connection.execute(
            select(recipes.c.prompt, images.c.seed, images.c.status)
            .join_from(images, recipes)
            .where(recipes.c.prompt.in_(prompts))
        )
        return {(row.prompt, row.seed): row.status for row in rows}
