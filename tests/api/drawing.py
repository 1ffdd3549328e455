"""Draws what a ledger has open, as far as can be seen afterwards: files, rows, finished slices; without a model."""

from __future__ import annotations

import io
from dataclasses import replace
from itertools import islice

from db.ledger import Ledger
from sdq import Queue
from sdq_core.images.root import OutputRoot
from tests.images.image_factory import picture
from tests.ledger.plans import ENGINE, record


def draw(queue: Queue, *, slices: int | None = None, failing: frozenset[int] = frozenset()) -> None:
    """Draw the open slices, or the first few. failing: seeds of images that are given up."""
    file = io.BytesIO()
    picture(32, 24).save(file, "png")
    data = file.getvalue()
    with Ledger.open(f"sqlite:///{queue.home / 'sdq.db'}") as ledger:
        root = OutputRoot(queue.outputs, home=queue.home, ledger_id=ledger.id)
        engine_id = ledger.work.register_engine(ENGINE)
        for ref in islice(ledger.work.open_slices(), slices):
            slice_ = ledger.work.load_slice(ref.id)
            assert slice_ is not None
            ledger.work.note_attempts(
                slice_.recipe_id, slice_.seeds, engine_id=engine_id, slice_id=slice_.id
            )
            for seed in slice_.seeds:
                if seed in failing:
                    ledger.work.record_failure(
                        slice_.recipe_id,
                        seed,
                        slice_id=slice_.id,
                        engine_id=engine_id,
                        error="NaN",
                        final=True,
                    )
                    continue
                path = slice_.filing.path(slice_.path_facts(seed))
                stored = root.store(data, path)
                drawn = record(slice_, seed, engine_id)
                ledger.work.record_and_go_on(
                    replace(drawn, path=path, size_bytes=stored.size_bytes, sha256=stored.sha256)
                )
            ledger.work.finish_slice(slice_.id)
