"""A worker shows what it has in hand, between two of its duties."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sdq_core.queue.in_hand import InHand
from tests.worker.watch import PromptEngine, Watch, watch
from worker.service import WorkerOptions


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Watch]:
    with watch(tmp_path / "home") as scene:
        yield scene


def test_each_image_is_shown_as_it_is_begun_and_with_its_steps(
    scene: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Some schedulers and networks need more evaluations than steps.
    monkeypatch.setattr(PromptEngine, "evaluated", (3, 5))
    scene.submit(4)
    shown: list[InHand | None] = []
    scene.worker(WorkerOptions(), show=shown.append).work_until(lambda: True)
    images = [image for image in shown if image is not None]
    assert {image.seed for image in images} == {0, 1, 2, 3}
    assert {(image.entry, image.prompt, image.steps) for image in images} == {(1, "the sea", 2)}
    assert {image.step for image in images} == {0, 1}
    assert shown[0] is None
