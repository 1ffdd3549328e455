"""An engine's life: loaded, fed, withdrawn, killed, frozen, closed."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from sdq_core.errors import EngineDiedError, EngineHungError, PackageError
from sdq_core.models import DEMO, ModelStore
from sdq_core.values.recipes import DEFAULT_SCHEDULER
from sdq_core.values.variants import AttentionImplementation, ComputeUnit, Variant
from tests.translations import with_translations
from worker.engine.handle import Deadlines, Engine
from worker.engine.messages import (
    Began,
    Drawn,
    Dropped,
    Event,
    Launch,
    LoadFailed,
    Ready,
    Withdrawn,
)
from worker.engine.pipe import Pipe
from worker.engine.pool import EnginePool
from worker.pipelines.contract import ImageRequest

ORIGINAL = AttentionImplementation.ORIGINAL


def launch(cache: Path, attention: AttentionImplementation = ORIGINAL) -> Launch:
    folder = ModelStore(cache / "models").find(DEMO, attention)
    return Launch(folder=folder, compute_unit=ComputeUnit.ALL, cache=cache, threads=1)


@contextlib.contextmanager
def loaded(cache: Path) -> Iterator[Engine]:
    """Start an engine with a short deadline for a step, and end it in whatever state it is."""
    engine = Engine(launch(cache), Deadlines(load_s=60, step_s=2))
    assert isinstance(wait_for(engine, Ready), Ready)
    yield engine
    with contextlib.suppress(ProcessLookupError):
        os.kill(engine.pid, signal.SIGCONT)
    engine.kill()


@pytest.fixture(scope="module")
def engine(translations: Path) -> Iterator[Engine]:
    """A loaded engine for tests that leave it with nothing to do."""
    with loaded(translations) as engine:
        yield engine


@pytest.fixture
def own_engine(translations: Path) -> Iterator[Engine]:
    """A loaded engine for a test that ends it."""
    with loaded(translations) as engine:
        yield engine


def wait_for(engine: Engine, *kinds: type[Event]) -> Event:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        event = engine.poll(0.5)
        if isinstance(event, kinds):
            return event
    raise AssertionError("no such event in time")


def request(seed: int, steps: int = 2) -> ImageRequest:
    return ImageRequest(
        prompt="the sea at night",
        negative_prompt="",
        seed=seed,
        num_inference_steps=steps,
        guidance_scale=7.5,
        scheduler=DEFAULT_SCHEDULER,
    )


def test_it_draws_in_order_and_the_same_for_a_seed(engine: Engine) -> None:
    for number, seed in enumerate((5, 6, 5)):
        engine.request(number, request(seed))
    images = [wait_for(engine, Drawn) for _ in range(3)]
    assert [image.number for image in images] == [0, 1, 2]  # type: ignore[union-attr]
    first, second, third = (image.image.pixels for image in images)  # type: ignore[union-attr]
    assert first.shape == (128, 128, 3)
    assert np.array_equal(first, third)
    assert not np.array_equal(first, second)


def test_one_that_the_system_cannot_start_is_trouble_that_may_pass(translations: Path) -> None:
    what = launch(translations)
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, before[1]))
    try:
        with pytest.raises(EngineDiedError, match="could not be started") as failed:
            Engine(what, Deadlines())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
    assert failed.value.retryable


class _EndedAtOnce(subprocess.Popen[bytes]):
    """A process that is killed before anybody could send it anything."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.kill()
        self.wait()


def test_one_that_is_killed_before_it_is_told_what_to_load_has_died_while_loading(
    translations: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "Popen", _EndedAtOnce)
    engine = Engine(launch(translations), Deadlines())
    with pytest.raises(EngineDiedError, match="SIGKILL"):
        engine.wait_until_ready()


def test_requests_that_have_not_begun_can_be_withdrawn(engine: Engine) -> None:
    for number in range(3):
        engine.request(number, request(number, steps=20))
    wait_for(engine, Began)
    engine.withdraw()
    withdrawn = wait_for(engine, Withdrawn)  # at once, not after the image
    drawn = wait_for(engine, Drawn)
    assert drawn.number == 0  # type: ignore[union-attr]
    assert withdrawn.numbers == (1, 2)  # type: ignore[union-attr]


def test_an_image_that_has_begun_can_be_dropped(engine: Engine) -> None:
    for number in range(2):
        engine.request(number, request(number, steps=200 if number == 0 else 2))
    wait_for(engine, Began)
    engine.drop(0)
    assert wait_for(engine, Dropped).number == 0  # type: ignore[union-attr]
    engine.drop(0)  # too late: without effect
    assert wait_for(engine, Drawn).number == 1  # type: ignore[union-attr]


def test_an_engine_says_which_image_it_begins(engine: Engine) -> None:
    for number in range(2):
        engine.request(number, request(number))
    told = []
    while len(told) < 4:
        event = engine.poll(30)
        if isinstance(event, Began | Drawn):
            told.append((type(event), event.number))
    assert told == [(Began, 0), (Drawn, 0), (Began, 1), (Drawn, 1)]


def test_a_killed_engine_is_noticed_at_once(own_engine: Engine) -> None:
    own_engine.request(0, request(0, steps=50))
    os.kill(own_engine.pid, signal.SIGKILL)
    started = time.monotonic()
    with pytest.raises(EngineDiedError, match="SIGKILL"):
        wait_for(own_engine, Drawn)
    assert time.monotonic() - started < 10


def test_an_engine_found_dead_by_a_request_is_dead_for_the_next_poll_too(
    own_engine: Engine,
) -> None:
    os.kill(own_engine.pid, signal.SIGKILL)
    # not psutil's zombie state: the main thread shows it while others still hold the pipe open
    os.waitid(os.P_PID, own_engine.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(EngineDiedError):
        own_engine.request(0, request(0))
    with pytest.raises(EngineDiedError, match="SIGKILL"):
        own_engine.poll(1)


def test_a_frozen_engine_is_ended_at_its_deadline(own_engine: Engine) -> None:
    own_engine.request(0, request(0, steps=1000))
    os.kill(own_engine.pid, signal.SIGSTOP)
    with pytest.raises(EngineHungError, match="sent nothing"):
        wait_for(own_engine, Drawn)
    assert not psutil.pid_exists(own_engine.pid)


def test_a_damaged_package_fails_to_load_with_its_reason(
    translations: Path, tmp_path: Path
) -> None:
    demo = ModelStore(tmp_path).find(DEMO, ORIGINAL)
    folder = tmp_path / "broken_original_packages"
    shutil.copytree(demo.parts["unet"].parent, folder)
    shutil.copytree(demo.tokenizer, folder / "tokenizer")
    shutil.copytree(demo.scheduler_config.parent, folder / "scheduler")
    broken = ModelStore(tmp_path).find("broken", ORIGINAL)
    (broken.parts["unet"] / "Data/com.apple.CoreML/weights/weight.bin").write_bytes(b"\0" * 100)
    cache = with_translations(tmp_path / "home", translations) / "cache"
    order = Launch(folder=broken, compute_unit=ComputeUnit.ALL, cache=cache, threads=1)
    engine = Engine(order, Deadlines())
    failed = wait_for(engine, LoadFailed)
    assert isinstance(failed, LoadFailed)
    assert isinstance(failed.error, PackageError)
    assert "weight.bin" in str(failed.error)
    engine.close()


def test_the_pool_ends_the_least_recently_used_before_it_starts_another(translations: Path) -> None:
    def start(variant: Variant) -> Engine:
        return Engine(launch(translations, variant.attention_implementation), Deadlines())

    variants = [
        Variant(
            model=DEMO, revision="", attention_implementation=word, compute_unit=ComputeUnit.ALL
        )
        for word in (ORIGINAL, AttentionImplementation.SPLIT_EINSUM)
    ]
    pool = EnginePool(start, max_pinned=1)
    first = pool.get(variants[0])
    assert pool.get(variants[0]) is first
    pool.get(variants[1])
    assert not psutil.pid_exists(first.pid)
    assert pool.pinned() == [variants[1]]
    pool.close()
    assert pool.pinned() == []


def test_half_a_message_does_not_block_beyond_the_timeout() -> None:
    ours, theirs = socket.socketpair()
    pipe, other = Pipe(ours), Pipe(theirs)
    other.send("whole")
    assert pipe.receive(1) == "whole"
    theirs.sendall(b"\0\0\0\0\0\0\1\0half")
    assert pipe.receive(0.1) is None
    other.close()
    with pytest.raises(EOFError):
        pipe.receive(1)
    pipe.close()
