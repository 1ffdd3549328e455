"""How well pictures show their prompts, for `sdq inspect --clip`: which images a model has not scored, and its scores.

The model is kept with each score, because scores of different models do not compare: whoever scores with another model
scores everything that was asked for anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from sqlalchemy import or_, select

from db.connection import Database
from db.finished_rows import AT_ONCE, FILE, ImageFile, finished_rows, forget, store
from db.tables import images, recipes
from sdq_core.values.weighted_text import words_of


@dataclass(frozen=True, kw_only=True, slots=True)
class PromptedFile(ImageFile):
    """A finished image's file, and what it was drawn from."""

    prompt: str


class Scores:
    """Scores of finished images. Changes are durable and may be repeated; batches are as in `db.measures.Measures`.

    model: the name of a model with its revision.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def unscored(self, batch: str | int | None, model: str) -> Iterator[PromptedFile]:
        """Yield the files of the images that a model has not scored, without those that it could give no score."""
        rows = finished_rows(
            self._database,
            batch,
            FILE,
            or_(images.c.clip_model.is_(None), images.c.clip_model != model),
        )
        while some := list(islice(rows, AT_ONCE)):
            prompts = self._prompts({row.recipe_id for row in some})
            for row in some:
                # One that was removed meanwhile has no recipe left.
                if (prompt := prompts.get(row.recipe_id)) is not None:
                    yield PromptedFile(
                        id=row.id,
                        path=row.path,
                        size_bytes=row.size_bytes,
                        sha256=row.sha256,
                        prompt=prompt,
                    )

    def store(self, scored: Iterable[tuple[PromptedFile, float | None]], model: str) -> None:
        """Store a model's scores; images that have another file by now stay without."""
        values = ((file, {"clip_score": score, "clip_model": model}) for file, score in scored)
        store(self._database, values)

    def forget(self, batch: str | int | None) -> None:
        """Forget all scores, so that they are made again."""
        # One without a score has a model, too.
        forget(self._database, batch, (images.c.clip_model, images.c.clip_score))

    def _prompts(self, recipe_ids: set[int]) -> dict[int, str]:
        query = select(recipes.c.id, recipes.c.prompt, recipes.c.conditions).where(
            recipes.c.id.in_(recipe_ids)
        )
        with self._database.reading() as connection:
            return {
                row.id: words_of(row.prompt) if row.conditions.get("weighted") else row.prompt
                for row in connection.execute(query)
            }
