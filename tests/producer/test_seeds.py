"""Seeds: what can be written, what is refused, and that writing and reading agree."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sdq_core.errors import InputError
from sdq_core.values.seeds import (
    MAX_SEED,
    MAX_SEEDS,
    compact_seeds,
    format_seeds,
    parse_seeds,
    random_seeds,
)

SEED = st.integers(min_value=0, max_value=MAX_SEED)


@pytest.mark.parametrize(
    ("text", "seeds"),
    [
        ("7", [7]),
        ("0-3", [0, 1, 2, 3]),
        (" 0 - 3 ", [0, 1, 2, 3]),
        ("5-5", [5]),
        ("0-99(+10)", list(range(0, 100, 10))),
        ("0-9 (+ 5)", [0, 5]),
        ("0-100[5]", [0, 25, 50, 75, 100]),
        ("1-10[5]", [1, 3, 5, 7, 10]),
        ("3-9[1]", [3]),
        ("1,5,9-12", [1, 5, 9, 10, 11, 12]),
        ("9,1,1-3,9", [9, 1, 2, 3]),
        ("4294967295", [MAX_SEED]),
        ("0007", [7]),
    ],
)
def test_seeds_are_read(text: str, seeds: list[int]) -> None:
    assert list(parse_seeds(text)) == seeds


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "missing"),
        ("1,,2", "missing"),
        ("-1", "not between 0 and 4294967295"),
        ("1.5", "cannot be read"),
        ("abc", "cannot be read"),
        ("٣", "cannot be read"),
        ("0-9(-1)", "cannot be read"),
        ("9-0", "run backwards; write 0-9"),
        ("0-9(+0)", "step of 0"),
        ("0-3[5]", "there are 1 to 4 seeds, not 5"),
        ("0-3[0]", "not 0"),
        ("4294967296", "more than 4294967295"),
        ("9" * 1_000_000, "more than 4294967295"),
        ("0-4294967295", "4,294,967,296 seeds or more"),
        ("0-4294967295[2000000]", "2,000,000 seeds or more"),
        ("0-999999,5", "1,000,001 seeds or more"),
    ],
)
def test_what_is_no_seed_is_refused_at_once(text: str, says: str) -> None:
    started = time.monotonic()
    with pytest.raises(InputError, match="seed") as caught:
        parse_seeds(text)
    assert says in str(caught.value)
    assert len(str(caught.value)) < 250
    assert time.monotonic() - started < 1


def test_a_long_range_costs_nothing() -> None:
    seeds = parse_seeds("0-999999")
    assert isinstance(seeds, range)
    assert len(seeds) == MAX_SEEDS
    assert format_seeds(seeds) == "0-999999"


@pytest.mark.parametrize(
    ("seeds", "text"),
    [
        ([], ""),
        ([7], "7"),
        ([0, 1], "0-1"),
        ([0, 2], "0,2"),
        (range(0, 4, 2), "0,2"),
        ([0, 10, 20], "0-20(+10)"),
        ([1, 5, 9, 10, 11], "1-9(+4),10-11"),
        ([3, 2, 1], "3,2,1"),
        ([0, 5, 6, 7], "0,5-7"),
    ],
)
def test_seeds_are_written_briefly(seeds: list[int], text: str) -> None:
    assert format_seeds(seeds) == text


@settings(deadline=None)
@given(st.lists(SEED | st.integers(0, 12), min_size=1, unique=True))
def test_what_is_written_is_read_back_in_order(seeds: list[int]) -> None:
    assert list(parse_seeds(format_seeds(seeds))) == seeds


@settings(deadline=None)
@given(st.lists(st.integers(0, 20)))
def test_compact_seeds_keep_order_and_lose_duplicates(seeds: list[int]) -> None:
    compact = compact_seeds(seeds)
    assert list(compact) == list(dict.fromkeys(seeds))
    assert format_seeds(compact) == format_seeds(list(compact))


@settings(deadline=None)
@given(st.text(alphabet="0123456789-,()[]+ ", max_size=30))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        seeds = parse_seeds(text)
    except InputError:
        return
    assert 1 <= len(seeds) <= MAX_SEEDS
    assert all(0 <= seed <= MAX_SEED for seed in (seeds[0], seeds[-1]))


def test_random_seeds_differ() -> None:
    seeds = random_seeds(1000)
    assert len(set(seeds)) == 1000
    assert all(0 <= seed <= MAX_SEED for seed in seeds)
    with pytest.raises(InputError, match="0 random seeds"):
        random_seeds(0)
