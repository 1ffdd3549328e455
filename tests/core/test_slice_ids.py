"""A set of ids by bits is a set, and a list of slices in arrays is a list."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from db.values import SliceRef
from db.values.slices import SliceRefs
from sdq_core.queue.slice_ids import SliceIds
from sdq_core.values.variants import AnyVariant

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


@given(st.lists(st.tuples(st.integers(1, 10**18), st.sampled_from("abc"))), st.integers(-9, 9))
def test_slices_come_back_as_they_were_added(rows: list[tuple[int, str]], start: int) -> None:
    refs = [
        SliceRef(id=id_, batch_id=3, variant=AnyVariant(model=model, revision="r"))
        for id_, model in rows
    ]
    kept = SliceRefs(3, refs)
    assert list(kept) == refs
    assert len(kept) == len(refs)
    assert kept[start:] == refs[start:]
    assert all(kept[index] == ref for index, ref in enumerate(refs))
