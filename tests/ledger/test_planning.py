"""Seeds are cut into slices that never overlap, whatever was planned before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from db.seed_cutting import SeedCutter
from sdq_core.values.seeds import MAX_SEED, parse_seeds

seeds = st.integers(0, 60) | st.integers(0, MAX_SEED)
sequences = st.lists(seeds, max_size=60) | st.builds(
    range, st.integers(0, 40), st.integers(0, 90), st.integers(1, 4)
)


@given(submissions=st.lists(sequences, max_size=5), slice_size=st.integers(1, 30))
def test_every_seed_is_in_exactly_one_slice(
    submissions: list[list[int] | range], slice_size: int
) -> None:
    planned: tuple[str, ...] = ()
    in_slices: list[int] = []
    for submission in submissions:
        runs = SeedCutter(slice_size).cut(submission, planned)
        for run in runs:
            assert 1 <= run.size == len(run.seeds) <= slice_size
            assert list(parse_seeds(run.text)) == list(run.seeds)
            in_slices += run.seeds
        planned += tuple(run.text for run in runs)
    wanted = {seed for submission in submissions for seed in submission}
    assert len(in_slices) == len(set(in_slices))
    assert set(in_slices) == wanted


@given(sequences, st.integers(1, 30))
def test_seeds_keep_their_order(submission: list[int] | range, slice_size: int) -> None:
    runs = SeedCutter(slice_size).cut(submission)
    assert [seed for run in runs for seed in run.seeds] == list(dict.fromkeys(submission))


def test_seeds_that_are_shared_are_cut_once() -> None:
    cutter, shared = SeedCutter(25), range(100)
    assert cutter.cut(shared) is cutter.cut(shared)
    assert [run.text for run in cutter.cut(shared)] == ["0-24", "25-49", "50-74", "75-99"]
    assert [run.text for run in cutter.cut(shared, ("0-24", "30-90"))] == ["25-29,91-99"]


def test_a_slice_holds_at_least_one_image() -> None:
    with pytest.raises(ValueError, match="slice_size"):
        SeedCutter(0)
