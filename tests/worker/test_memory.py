"""Engines leave memory so that another has room, by what they take and when they were used last."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sdq_core.models import DEMO, ModelStore
from sdq_core.values.recipes import DEFAULT_GUIDANCE_SCALE, DEFAULT_SCHEDULER
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant
from worker.engine.budget import Budget, expected_bytes, to_end
from worker.engine.handle import Deadlines, Engine
from worker.engine.memory import _mac_bytes, _of_rusage, memory_bytes
from worker.engine.messages import Launch
from worker.engine.pool import EnginePool
from worker.pipelines.contract import ImageRequest

REQUEST = ImageRequest(
    prompt="the sea at night", negative_prompt="", seed=1, num_inference_steps=1,
    guidance_scale=DEFAULT_GUIDANCE_SCALE, scheduler=DEFAULT_SCHEDULER,
)  # fmt: skip
SHARED_BYTES = 64 << 20
_MAPS = """
import mmap, sys
with open(sys.argv[1], "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
    sum(mapped[::4096])
    print(flush=True)
    sys.stdin.read()
"""


def variant(name: str, attention: str = "original", revision: str = "r") -> Variant:
    return Variant(
        model=name,
        revision=revision,
        attention_implementation=AttentionImplementation(attention),
        compute_unit=ComputeUnit.ALL,
    )


A, B, C, D = map(variant, "abcd")


@pytest.mark.parametrize(
    ("sizes", "room", "ending"),
    [
        ({}, 5, []),
        ({A: 2, B: 3}, 5, []),
        ({A: 2, B: 3}, 4, [A]),
        ({B: 3, A: 2}, 4, [B]),
        ({A: 2, B: 3}, 2, [B]),  # A has room without it
        ({A: 1, B: 6, C: 1}, 3, [B]),
        ({A: 1, B: 1, C: 6}, 6, [A, B]),  # the last that was used stays if the others make room
        ({A: 2, B: 3}, 0, [A, B]),
        ({A: 2, B: 3}, -9, [A, B]),
    ],
)
def test_the_least_recently_used_end_unless_a_larger_one_makes_room(
    sizes: dict[Variant, int], room: int, ending: list[Variant]
) -> None:
    assert to_end(sizes, room) == ending


class Pool:
    """A pool of engines that take what a test says. ended: in this order."""

    def __init__(self, limit: int, expected: dict[Variant, int]) -> None:
        self.takes = dict(expected)
        self.ended: list[Variant] = []
        self._by_pid: dict[int, Variant] = {}
        budget = Budget(
            limit, expected=expected.__getitem__, measure=lambda pid: self.takes[self._by_pid[pid]]
        )
        self.pool = EnginePool(self._start, max_pinned=9, budget=budget)

    def draw(self, variant: Variant) -> None:
        self.pool.get(variant)
        self.pool.look(variant)

    def _start(self, variant: Variant) -> Any:
        pid = len(self._by_pid) + 1
        self._by_pid[pid] = variant
        return _Engine(pid, lambda: self.ended.append(variant))


class _Engine(SimpleNamespace):
    __hash__ = object.__hash__

    def __init__(self, pid: int, close: Any) -> None:
        super().__init__(pid=pid, close=close)


def test_another_variant_finds_room_by_the_size_that_it_is_expected_to_have() -> None:
    pool = Pool(10, {A: 4, B: 4, C: 5})
    pool.draw(A)
    pool.draw(B)
    assert pool.ended == []
    pool.draw(C)
    assert pool.ended == [A]
    assert pool.pool.pinned() == [C, B]


def test_what_an_engine_takes_counts_more_than_what_was_expected() -> None:
    pool = Pool(10, {A: 1, B: 1})
    pool.takes |= {A: 6, B: 6}
    pool.draw(A)
    pool.draw(B)  # there is room, until it is measured
    assert pool.ended == [A]
    pool.draw(A)  # known from before
    assert pool.ended == [A, B]
    assert pool.pool.pinned() == [A]


def test_growth_of_a_former_engine_is_not_expected_of_the_next() -> None:
    pool = Pool(10, {A: 4, B: 4})
    pool.draw(A)
    pool.takes[A] = 9
    pool.draw(B)  # the look at it finds A grown
    assert pool.ended == [A]
    pool.takes[A] = 4
    pool.draw(A)
    assert pool.pool.pinned() == [A, B]


def test_one_that_is_too_large_alone_stays_alone() -> None:
    pool = Pool(10, {A: 4, B: 40})
    pool.draw(A)
    pool.draw(B)
    assert pool.pool.pinned() == [B]
    pool.draw(A)
    assert pool.pool.pinned() == [A]


def test_real_engines_that_do_not_fit_together_are_in_memory_one_at_a_time(
    translations: Path, tmp_path: Path
) -> None:
    store = ModelStore(tmp_path)
    folders = [
        store.find(DEMO, AttentionImplementation(name)) for name in ("original", "split_einsum")
    ]
    first, second = (
        variant(DEMO, folder.attention_implementation, folder.revision) for folder in folders
    )

    def start(variant: Variant) -> Engine:
        launch = Launch(
            folder=store.find_variant(variant), compute_unit=ComputeUnit.ALL, cache=translations, threads=1,
        )  # fmt: skip
        return Engine(launch, Deadlines())

    budget = Budget(10**12, expected=lambda variant: expected_bytes(store.find_variant(variant)))
    pool = EnginePool(start, max_pinned=2, budget=budget)
    try:
        for each in (first, second):
            pool.get(each).wait_until_ready()
            pool.get(each).draw(REQUEST)
            pool.look(each)
        assert pool.pinned() == [second, first]
        both = [pool.get(each) for each in (first, second)]
        sizes = [memory_bytes(engine.pid) for engine in both]
        assert all(size is not None and 30e6 < size < 2e9 for size in sizes)
        budget.limit = max(budget.size(each, pool.get(each)) for each in (first, second)) + 1
        pool.retire(second)
        pool.get(second).wait_until_ready()
        assert pool.pinned() == [second]
        assert memory_bytes(both[0].pid) is None
    finally:
        pool.close()


def test_weights_are_expected_in_memory_as_they_are_computed_with(tmp_path: Path) -> None:
    folder = ModelStore(tmp_path).find(DEMO, AttentionImplementation.ORIGINAL)
    files = sum(
        file.stat().st_size for part in folder.drawing_parts for file in part.rglob("weight.bin")
    )
    assert folder.network.precision == "6-bit"
    assert 4 * files < expected_bytes(folder) < 20 * files


@contextmanager
def mapping(file: Path) -> Iterator[int]:
    """A process that has read a file through a map."""
    with subprocess.Popen(
        [sys.executable, "-SE", "-c", _MAPS, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        yield process.pid
        process.communicate()


@pytest.mark.skipif(sys.platform != "linux", reason="counts as Linux does")
def test_weights_that_engines_map_from_one_file_count_once(tmp_path: Path) -> None:
    shared = tmp_path / "weights"
    shared.write_bytes(bytes(SHARED_BYTES))
    with mapping(shared) as first:
        alone = memory_bytes(first)
        with mapping(shared) as second:
            together = [memory_bytes(first), memory_bytes(second)]
    assert alone is not None
    assert alone > SHARED_BYTES
    assert None not in together
    assert sum(filter(None, together)) < 1.5 * SHARED_BYTES


def test_the_memory_of_a_process_is_found() -> None:
    before = memory_bytes(os.getpid())
    with mmap.mmap(-1, SHARED_BYTES, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as own:
        own.write(bytes(SHARED_BYTES))
        after = memory_bytes(os.getpid())
    assert before is not None
    assert after is not None
    assert 10**7 < before < after - SHARED_BYTES // 2
    assert memory_bytes(2**22 + 1) is None


def test_a_macs_footprint_and_what_its_neural_engine_keeps_are_added() -> None:
    raw = bytearray(512)
    raw[72:80] = (3 << 30).to_bytes(8, sys.byteorder)
    raw[368:376] = (1 << 30).to_bytes(8, sys.byteorder)
    assert _of_rusage(bytes(raw)) == 4 << 30
    if sys.platform != "darwin":
        assert _mac_bytes(os.getpid()) is None
