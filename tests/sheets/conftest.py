from __future__ import annotations

import hashlib
import io
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from db.ledger import Ledger
from db.values import JSON, PlannedEntry
from sdq.cli import cli
from sdq_core.errors import SdqError
from sdq_core.images.root import OutputRoot
from sdq_core.values.recipes import Recipe
from sdq_core.values.variants import AttentionImplementation, Scheduler
from tests.ledger.plans import ENGINE, VARIANT, plan, recipe, record

SPLIT = replace(VARIANT, attention_implementation=AttentionImplementation.SPLIT_EINSUM)


def asked(
    prompt: str,
    *,
    seeds: Sequence[int] = (0,),
    fields: Mapping[str, JSON] | None = None,
    **changes: Any,
) -> PlannedEntry:
    """An entry; changes: of its recipe."""
    if scheduler := changes.get("scheduler"):
        changes["scheduler"] = Scheduler(scheduler)
    return PlannedEntry(
        recipe=replace(recipe(prompt), **changes), seeds=tuple(seeds), fields=fields or {}
    )


def colour_of(recipe: Recipe, seed: int) -> tuple[int, int, int]:
    """The colour of an image: its seed, steps, and the length of its prompt."""
    return (10 * seed % 256, 5 * recipe.num_inference_steps, 10 * len(recipe.prompt) % 256)


@dataclass(frozen=True)
class Said:
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Home:
    """A data folder with drawn batches, and `sdq` in this process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ledger = Ledger.open(f"sqlite:///{folder / 'sdq.db'}")
        self._root = OutputRoot(folder / "outputs", home=folder, ledger_id=self.ledger.id)

    def draw(
        self,
        name: str,
        *entries: PlannedEntry,
        colour: Callable[[Recipe, int], tuple[int, int, int]] = colour_of,
        without: Sequence[tuple[int, int]] = (),
        side: int = 32,
        **changes: Any,
    ) -> None:
        """Submit a batch and draw its images, each of one colour.

        without: entries with seeds that are left out. changes: of the images' rows.
        """
        self.ledger.submissions.add(
            replace(plan([], [], name=name), key=repr(entries), entries=entries)
        )
        for ref in self.ledger.work.open_slices():
            slice_ = self.ledger.work.load_slice(ref.id)
            assert slice_ is not None
            engine_id = self.ledger.work.register_engine(
                replace(ENGINE, variant=slice_.recipe.variant)
            )
            self.ledger.work.note_attempts(
                slice_.recipe_id, slice_.seeds, engine_id=engine_id, slice_id=slice_.id
            )
            for seed in slice_.seeds:
                if (slice_.entry, seed) in without:
                    continue
                shade = colour(slice_.recipe, seed)
                path = f"{slice_.batch_name}/{slice_.entry}-{seed}.png"
                buffer = io.BytesIO()
                Image.new("RGB", (side, side), shade).save(buffer, "PNG")
                stored = self._root.store(buffer.getvalue(), path)
                made = replace(
                    record(slice_, seed, engine_id),
                    path=path,
                    sha256=stored.sha256,
                    pixels_sha256=hashlib.sha256(bytes(shade)).hexdigest(),
                    **{
                        name: value(seed) if callable(value) else value
                        for name, value in changes.items()
                    },
                )
                self.ledger.work.record_and_go_on(made)
            self.ledger.work.finish_slice(ref.id)

    def __call__(self, *arguments: str, code: int = 0) -> Said:
        result = CliRunner().invoke(cli, [*arguments, "--home", str(self.folder)])
        ended = (
            result.exception.exit_code
            if isinstance(result.exception, SdqError)
            else result.exit_code
        )
        assert ended == code, (result.exception, result.output)
        said = result.stderr + (
            str(result.exception) if isinstance(result.exception, SdqError) else ""
        )
        return Said(out=result.stdout, err=re.sub(r"\s+", " ", said))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    for name in ("SDQ_DATABASE_URL", "DATABASE_URL", "SDQ_OUTPUTS"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "home"
    folder.mkdir()
    home = Home(folder)
    yield home
    home.ledger.close()
