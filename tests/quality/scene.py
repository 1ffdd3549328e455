"""A batch whose images are real files, drawn without an engine."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

from PIL import Image

from db.ledger import Ledger
from sdq_core.images.encode import encode_image
from sdq_core.images.root import OutputRoot
from tests.ledger.plans import ENGINE, plan, record
from tests.quality.pictures import clouds


def picture_of(seed: int) -> Image.Image:
    """Clouds: those of seed 1 are those of seed 0 in another size, and seed 2 is grey."""
    if seed == 2:
        return Image.new("RGB", (64, 64), (90, 91, 92))
    return clouds(0, (64, 64)) if seed == 0 else clouds(max(seed - 1, 0), (96, 96))


class Scene:
    """A ledger and an output folder below `home`."""

    def __init__(self, home: Path, ledger: Ledger) -> None:
        self.ledger = ledger
        self.root = OutputRoot(home / "outputs", home=home, ledger_id=ledger.id)
        self._engine_id = ledger.work.register_engine(ENGINE)

    def draw(self, name: str, prompts: str, seeds: int) -> None:
        """Submit a batch, one prompt for each letter, and draw what is not drawn for another."""
        self.ledger.submissions.add(plan(list(prompts), range(seeds), name=name))
        for ref in self.ledger.work.open_slices():
            slice_ = self.ledger.work.load_slice(ref.id)
            assert slice_ is not None
            settled = self.ledger.work.progress(slice_).settled
            for seed in set(slice_.seeds) - settled.keys():
                self.ledger.work.note_attempts(
                    slice_.recipe_id, [seed], engine_id=self._engine_id, slice_id=slice_.id
                )
                drawn = record(slice_, seed, self._engine_id)
                data = encode_image(picture_of(seed), None)
                self.root.store(data, drawn.path)
                sha256 = hashlib.sha256(data).hexdigest()
                self.ledger.work.record_and_go_on(
                    replace(drawn, size_bytes=len(data), sha256=sha256)
                )
            self.ledger.work.finish_slice(slice_.id)

    def file(self, path: str) -> Path:
        return self.root.path / path
