"""Where a batch's own files are: the paths that its slices' images have if they are drawn for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Connection, Row

from db.walk import load_recipes
from sdq_core.images.filing import Filing
from sdq_core.images.path import image_path
from sdq_core.images.tokens import PathFacts
from sdq_core.values.seeds import parse_seeds


class OwnPaths:
    """The paths of the images of some slices of a batch. Recipes are read only if its paths depend on them."""

    def __init__(
        self,
        connection: Connection,
        batch_name: str,
        filing: Filing,
        slice_rows: Sequence[Row[Any]],
    ) -> None:
        self._batch_name = batch_name
        self._filing = filing
        self._slices = slice_rows
        self._entries = {slice_.recipe_id: slice_.entry for slice_ in slice_rows}
        self._recipes = {} if filing.has_default_paths else load_recipes(connection, self._entries)
        self._custom_ids: dict[tuple[int, int], str | None] | None = None

    def path(self, recipe_id: int, seed: int) -> str:
        """Return the path of an image of one of the recipes."""
        if self._filing.has_default_paths:
            suffix = self._filing.image_format.suffix
            return image_path(self._batch_name, self._entries[recipe_id], seed, suffix)
        if self._custom_ids is None:
            self._custom_ids = {
                (slice_.recipe_id, other): slice_.fields.get("custom_id")
                for slice_ in self._slices
                for other in parse_seeds(slice_.seeds)
            }
        return self._path(recipe_id, seed, self._custom_ids.get((recipe_id, seed)))

    def __iter__(self) -> Iterator[tuple[int, int, str]]:
        """Yield recipe id, seed and path of each image."""
        for slice_ in self._slices:
            for seed in parse_seeds(slice_.seeds):
                path = (
                    self.path(slice_.recipe_id, seed)
                    if self._filing.has_default_paths
                    else self._path(slice_.recipe_id, seed, slice_.fields.get("custom_id"))
                )
                yield slice_.recipe_id, seed, path

    def _path(self, recipe_id: int, seed: int, custom_id: str | None) -> str:
        return self._filing.path(
            PathFacts(
                batch_name=self._batch_name,
                entry=self._entries[recipe_id],
                seed=seed,
                recipe=self._recipes[recipe_id],
                custom_id=custom_id,
                date=self._filing.date,
            )
        )
