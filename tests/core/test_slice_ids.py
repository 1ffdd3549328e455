"""A set of ids by bits is a set."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sdq_core.queue.slice_ids import SliceIds

IDS = st.sets(st.one_of(st.integers(1, 2000), st.integers(1, 10**18 - 1)), max_size=60)


@given(IDS, IDS)
def test_it_holds_what_a_set_holds(some: set[int], others: set[int]) -> None:
    ids = SliceIds([*some, *some])
    assert list(ids) == sorted(some)
    assert len(ids) == len(some)
    assert ids == some
    assert all(slice_id in ids for slice_id in some)
    assert not any(slice_id in ids for slice_id in others - some)
    assert ids - others == some - others
    assert SliceIds(others) & ids == some & others
    assert ids | others == some | others
    assert ids.isdisjoint(others) == some.isdisjoint(others)
    assert "1" not in ids
