"""What a user of `sdq` with a strict type checker writes; mypy checks it with the product."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, assert_type

from PIL.Image import Image as Picture

from sdq import Batch, Image, Queue, SdqError, Status, Submission

if TYPE_CHECKING:
    from sdq import Quue  # type: ignore[attr-defined]  # noqa: F401  (what is not there is found)


def submit_and_count(queue: Queue) -> dict[str, int]:
    """Submit, look, and count what is drawn of each prompt."""
    rows = [{"prompt": "a boat", "seed": 7, "meta": {"album": 3}}]
    added = queue.submit(rows, guidance_scale=[5, 7.5], steps=20, variant="original", batch="typed")
    assert_type(added, Submission)
    batch = added.batch
    assert_type(batch, Batch)
    status = batch.status()
    assert_type(status, Status)
    assert_type(status.eta_s, float | None)
    counts = {"a boat": 0}
    images = batch.images()
    assert_type(images, Iterator[Image])
    for image in images:
        counts[image.prompt] += 1
        assert_type(image.path, Path)
        assert_type(image.picture(), Picture)
    try:
        batch.wait(timeout=0, on_progress=lambda status: status.completed)
    except (TimeoutError, SdqError):
        return counts
    return counts


def refused_by_the_type_checker(queue: Queue) -> None:
    """Never called."""
    queue.submit("a boat", seed=7)  # type: ignore[call-arg]
    queue.submit("a boat", steps=object())  # type: ignore[arg-type]
