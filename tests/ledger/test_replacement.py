"""Submitting a model's prompts again after its files changed takes the place of what can no longer be drawn."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from db.ledger import Ledger
from db.values import BatchPlan, BatchState, BatchStatus, Slice, Submission
from sdq_core.values.conditions import Conditions
from sdq_core.values.rng import Rng
from sdq_core.values.variants import RecipeVariant
from tests.ledger.plans import ENGINE, VARIANT, plan, record

FORMER = VARIANT
NOW = replace(VARIANT, revision="fedcba9876543210")
_stories = itertools.count(1)


def plan_of(
    variant: RecipeVariant, prompts: Sequence[str], seeds: Sequence[int], name: str = "b"
) -> BatchPlan:
    made = plan(prompts, seeds, name=name, slice_size=5)
    entries = [
        replace(entry, recipe=replace(entry.recipe, variant=variant)) for entry in made.entries
    ]
    return replace(made, entries=entries, key=f"{made.key}{variant.key}")


def submit_instead(
    ledger: Ledger, planned: BatchPlan, *outdated: RecipeVariant, in_hand: Sequence[int] = ()
) -> Submission:
    found = ledger.submissions.replaceable(planned, outdated) - set(in_hand)
    return ledger.submissions.add(planned, instead_of=found)


def status_of(ledger: Ledger, name: str = "b") -> BatchStatus:
    found = ledger.batches.find(name)
    assert found is not None
    assert ledger.upkeep.counts_agree(name)
    return found


def open_slices(ledger: Ledger) -> list[Slice]:
    found = [ledger.work.load_slice(ref.id) for ref in ledger.work.open_slices()]
    return [slice_ for slice_ in found if slice_]


def draw(ledger: Ledger, slice_: Slice, seeds: Sequence[int]) -> None:
    engine_id = ledger.work.register_engine(ENGINE)
    ledger.work.note_attempts(slice_.recipe_id, seeds, engine_id=engine_id, slice_id=slice_.id)
    for seed in seeds:
        ledger.work.record_and_go_on(record(slice_, seed, engine_id))
    ledger.work.finish_slice(slice_.id)


def test_a_batch_of_which_nothing_is_drawn_keeps_its_size_and_its_numbers(ledger: Ledger) -> None:
    ledger.submissions.add(plan_of(FORMER, ["a", "b"], range(12)))
    planned = plan_of(NOW, ["a", "b"], range(12))
    preview = ledger.submissions.preview(
        planned, instead_of=ledger.submissions.replaceable(planned, [FORMER])
    )
    added = submit_instead(ledger, planned, FORMER)
    for found in (preview, added):
        assert (found.images_new, found.images_known, found.images_replaced) == (24, 0, 24)
    slices = open_slices(ledger)
    assert {slice_.recipe.variant for slice_ in slices} == {NOW}
    assert {slice_.recipe.prompt: slice_.entry for slice_ in slices} == {"a": 1, "b": 2}
    assert status_of(ledger).total == 24
    again = submit_instead(ledger, planned, FORMER)
    assert (again.images_new, again.images_known, again.images_replaced) == (0, 24, 0)


def test_what_is_drawn_or_given_up_stays(ledger: Ledger) -> None:
    ledger.submissions.add(plan_of(FORMER, ["a"], range(10)))
    first, second = open_slices(ledger)
    draw(ledger, first, first.seeds)
    draw(ledger, second, second.seeds[:2])
    ledger.work.record_failure(
        second.recipe_id, 9, slice_id=second.id, engine_id=None, error="NaN", final=True
    )
    added = submit_instead(ledger, plan_of(NOW, ["a"], range(10)), FORMER)
    assert (added.images_new, added.images_replaced) == (10, 2)
    status = status_of(ledger)
    assert (status.total, status.completed, status.failed) == (18, 7, 1)
    entries = {image.entry for image in ledger.batches.images("b")}
    new = open_slices(ledger)
    assert entries == {1}
    assert {slice_.entry for slice_ in new} == {2}, "a file of the former entry must not be hit"
    for slice_ in new:
        draw(ledger, slice_, slice_.seeds)
    assert status_of(ledger).completed_at is not None


def test_what_is_not_asked_for_anew_stays_and_is_queued_again(ledger: Ledger) -> None:
    ledger.submissions.add(plan_of(FORMER, ["a", "b"], range(5)))
    added = submit_instead(ledger, plan_of(NOW, ["a"], range(3)), FORMER)
    assert (added.images_new, added.images_replaced) == (3, 3)
    left = {
        slice_.id: tuple(slice_.seeds)
        for slice_ in open_slices(ledger)
        if slice_.recipe.variant == FORMER
    }
    assert sorted(left.values()) == [(0, 1, 2, 3, 4), (3, 4)]
    cut = next(id_ for id_, seeds in left.items() if seeds == (3, 4))
    assert cut in {ref.id for ref in added.slices}
    assert status_of(ledger).total == 10


def test_what_a_worker_has_in_hand_is_not_touched(ledger: Ledger) -> None:
    ledger.submissions.add(plan_of(FORMER, ["a"], range(10)))
    in_hand = open_slices(ledger)[0]
    added = submit_instead(ledger, plan_of(NOW, ["a"], range(10)), FORMER, in_hand=[in_hand.id])
    assert (added.images_new, added.images_replaced) == (10, 5)
    draw(ledger, in_hand, in_hand.seeds)
    assert status_of(ledger).completed == 5


def test_an_image_that_another_batch_asks_for_too_is_left_to_it(ledger: Ledger) -> None:
    for name in ("b", "other"):
        ledger.submissions.add(plan_of(FORMER, ["a"], range(2), name=name))
    mine, others = sorted(open_slices(ledger), key=lambda slice_: slice_.batch_name)
    assert not ledger.work.reserve(mine.recipe_id, 0, slice_id=mine.id).settled
    submit_instead(ledger, plan_of(NOW, ["a"], range(2)), FORMER)
    draw(ledger, others, others.seeds)
    assert status_of(ledger, "other").completed_at is not None
    assert status_of(ledger).total == 2


@pytest.mark.parametrize("state", [BatchState.PAUSED, BatchState.CANCELLED])
def test_of_a_batch_that_is_not_active(ledger: Ledger, state: BatchState) -> None:
    ledger.submissions.add(plan_of(FORMER, ["a"], range(2)))
    ledger.batches.set_state("b", state)
    added = submit_instead(ledger, plan_of(NOW, ["a"], range(2)), FORMER)
    assert added.images_replaced == 2
    assert len(added.slices) == (state is BatchState.CANCELLED)
    assert status_of(ledger).total == 2


def test_a_batch_that_was_doubled_before_is_mended(ledger: Ledger) -> None:
    ledger.submissions.add(plan_of(FORMER, ["a"], range(5)))
    ledger.submissions.add(plan_of(NOW, ["a"], range(5)))
    (new,) = [slice_ for slice_ in open_slices(ledger) if slice_.recipe.variant == NOW]
    draw(ledger, new, new.seeds)
    assert status_of(ledger).completed_at is None
    again = submit_instead(ledger, plan_of(NOW, ["a"], range(5)), FORMER)
    assert (again.images_new, again.images_known, again.images_replaced) == (0, 5, 5)
    status = status_of(ledger)
    assert (status.total, status.completed) == (5, 5)
    assert status.completed_at is not None


def test_other_noise_or_conditions_are_other_requests(ledger: Ledger) -> None:
    ledger.submissions.add(plan_of(FORMER, ["a"], range(5)))
    for change in ({"rng": Rng.TORCH}, {"conditions": Conditions(weighted=True)}):
        planned = plan_of(NOW, ["a"], range(5))
        (entry,) = planned.entries
        other = [replace(entry, recipe=replace(entry.recipe, **change))]  # type: ignore[arg-type]
        assert not ledger.submissions.replaceable(replace(planned, entries=other), [FORMER])


def test_a_batch_with_nothing_outdated_is_not_looked_at(ledger: Ledger) -> None:
    ledger.submissions.add(plan_of(FORMER, ["a"], range(5)))
    assert not ledger.submissions.replaceable(plan_of(NOW, ["a"], range(5)), ())
    assert not ledger.submissions.replaceable(plan_of(NOW, ["b"], range(5)), [FORMER])
    assert not ledger.submissions.replaceable(plan_of(NOW, ["a"], range(5), name="c"), [FORMER])


# Hundreds of small commits: on PostgreSQL each example took 2 s beside ten busy processes.
@pytest.mark.timeout(300)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(["submit", "change", "draw"]), st.integers(0, 9), st.integers(1, 9)
        ),
        max_size=8,
    )
)
def test_however_often_the_model_changes_nothing_is_lost_and_nothing_undrawable_is_left(
    ledger: Ledger, steps: list[tuple[str, int, int]]
) -> None:
    name = f"story-{next(_stories)}"
    current, former = NOW, [FORMER]
    prompts = [f"{name} a", f"{name} b"]
    wanted: set[tuple[str, int]] = set()
    for what, first, count in [("submit", 0, 7), *steps, ("change", 0, 0), ("submit", 0, 20)]:
        if what == "change":
            former.append(current)
            current = replace(current, revision=f"{name}-{len(former)}")
        elif what == "submit":
            seeds = range(first, first + count)
            wanted |= {(prompt, seed) for prompt in prompts for seed in seeds}
            submit_instead(ledger, plan_of(current, prompts, seeds, name), *former)
        else:
            mine = [slice_ for slice_ in open_slices(ledger) if slice_.batch_name == name]
            if mine:
                slice_ = mine[first % len(mine)]
                draw(ledger, slice_, slice_.seeds[:count])
        status = status_of(ledger, name)
        drawn = {(i.recipe.prompt, i.seed) for i in ledger.batches.images(name)}
        open_ = {
            (slice_.recipe.prompt, seed)
            for slice_ in open_slices(ledger)
            if slice_.batch_name == name
            for seed in slice_.seeds
        }
        assert drawn | open_ == wanted
        entries = [image.entry for image in ledger.batches.images(name)]
        assert status.completed == len(entries)
    left = [slice_ for slice_ in open_slices(ledger) if slice_.batch_name == name]
    assert {slice_.recipe.variant for slice_ in left} == {current}
    for slice_ in left:
        draw(ledger, slice_, slice_.seeds)
    status = status_of(ledger, name)
    assert status.completed == status.total
    assert status.completed_at is not None
