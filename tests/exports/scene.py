"""A ledger of finished images with small real files, which are drawn without a model."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from PIL import Image

from db.ledger import Ledger
from db.values import JSON, PlannedEntry
from sdq.exports.export import Exported, export
from sdq.exports.options import ExportOptions
from sdq_core.images.root import OutputRoot
from tests.ledger.plans import ENGINE, plan, recipe, record


class Scene:
    """A data folder with a ledger in SQLite and its images."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.url = f"sqlite:///{home / 'sdq.db'}"
        self.outputs = home / "outputs"
        #: The perceptual hash of a prompt's image, as if it had been measured; None for none.
        self.phash: Callable[[str, int], str | None] = lambda _prompt, _seed: None

    def ledger(self) -> Ledger:
        return Ledger.open(self.url)

    def root(self, ledger: Ledger) -> OutputRoot:
        return OutputRoot(self.outputs, home=self.home, ledger_id=ledger.id)

    def add(
        self,
        batch: str,
        prompts: list[str],
        seeds: range,
        *,
        fields: Mapping[str, JSON] | None = None,
        slice_size: int = 3,
        **own: Any,
    ) -> None:
        """Submit images to a batch and draw them. own: of the recipes, such as `negative_prompt`."""
        entries = [
            PlannedEntry(
                recipe=replace(recipe(prompt), width=4, height=2, **own),
                seeds=tuple(seeds),
                fields=fields or {},
            )
            for prompt in prompts
        ]
        planned = plan(prompts, seeds, name=batch, slice_size=slice_size)
        with self.ledger() as ledger:
            ledger.submissions.add(replace(planned, entries=entries, key=repr(entries)))
        self.draw()

    def draw(self) -> None:
        """Draw what is open."""
        with self.ledger() as ledger:
            self._draw(ledger)

    def _draw(self, ledger: Ledger) -> None:
        engine_id = ledger.work.register_engine(ENGINE)
        root = self.root(ledger)
        for ref in list(ledger.work.open_slices()):
            slice_ = ledger.work.load_slice(ref.id)
            assert slice_ is not None
            for seed in set(slice_.seeds) - ledger.work.progress(slice_).settled.keys():
                ledger.work.note_attempts(
                    slice_.recipe_id, [seed], engine_id=engine_id, slice_id=slice_.id
                )
                data = picture(slice_.recipe.prompt, seed)
                path = slice_.filing.path(slice_.path_facts(seed))
                root.store(data, path)
                drawn = replace(
                    record(slice_, seed, engine_id),
                    path=path,
                    size_bytes=len(data),
                    sha256=hashlib.sha256(data).hexdigest(),
                    phash=self.phash(slice_.recipe.prompt, seed),
                )
                ledger.work.record_and_go_on(drawn)
            ledger.work.finish_slice(slice_.id)

    def export(
        self,
        out: Path,
        *batches: str,
        distance: int | None = None,
        on_image: Callable[[], object] = lambda: None,
        **options: Any,
    ) -> Exported:
        options = {"format": "imagefolder", **options}
        with self.ledger() as ledger:
            found = [ledger.batches.find(batch) for batch in batches or ("night",)]
            ids = [status.id for status in found if status is not None]
            root, made = self.root(ledger), ExportOptions(**options)
            return export(ledger, ids, root, out, made, distance=distance, on_image=on_image)

    def paths(self, batch: str = "night") -> list[Path]:
        """The images' files, in the order of the ledger."""
        with self.ledger() as ledger:
            return [self.outputs / image.image.path for image in ledger.batches.images(batch)]


def picture(prompt: str, seed: int) -> bytes:
    shade = hashlib.sha256(f"{prompt} {seed}".encode()).digest()
    written = io.BytesIO()
    Image.frombytes("RGB", (4, 2), shade[:24]).save(written, "PNG")
    return written.getvalue()


def tree(folder: Path) -> dict[str, bytes]:
    """The files of a data set and what is in them, without what is hidden at its top."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.relative_to(folder).parts[0].startswith(".")
    }
