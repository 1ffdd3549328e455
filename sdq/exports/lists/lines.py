"""The lines of a list: what was asked for, by the names that `sdq submit` reads, and under `result` what came of it.

A million lines take seconds: what all images of a slice have in common is put into words once, what one engine drew
with, too, and an image's own values are taken from the stored rows, column by column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from db.columns import COLUMNS
from db.drawn import STORED, DrawnSlice, Stored
from producer.planning.pictures import following_again, kept_name
from sdq.exports.captions import Caption
from sdq.exports.splits import Splits
from sdq_core.values.variants import ANY

BEFORE_SEED = ("custom_id", "prompt", "negative_prompt")
BEHIND_SEED = (
    "num_inference_steps", "guidance_scale", "scheduler", "rng", "weighted", "eta", "width", "height", "model",
    "variant", "compute_unit", "init_image", "strength", "mask", "original_size", "crop", "controlnet", "tags", "meta",
)  # fmt: skip
#: Of these, the columns of that name are of what drew the image, or there is none, or they are for people.
_ASKED_OTHERWISE = frozenset({"variant", "compute_unit", "init_image", "mask", "controlnet"})
#: Columns that name what was drawn with; what was asked for has two of the names, too.
_OF_ENGINE = (
    "attention_implementation", "compute_unit", "pipeline", "runtime", "precision", "versions", "worker", "host", "os",
    "chip",
)  # fmt: skip
_OF_SLICE = tuple(
    name
    for name, column in COLUMNS.items()
    if column.asked and name not in {*BEFORE_SEED, *BEHIND_SEED}
)
#: The highest of `concept_scores`, which are in the line: to look for it takes half as long as all the rest.
_LEFT_OUT = "nsfw_score"
_OF_IMAGE = tuple(
    name
    for name in COLUMNS
    if name not in {*BEFORE_SEED, *BEHIND_SEED, "seed", *_OF_SLICE, *_OF_ENGINE, _LEFT_OUT}
)
_SEED, _ENGINE = STORED["seed"].position, STORED["engine_id"].position


def _kept(drawn: DrawnSlice, field: str) -> str | None:
    """Return a picture's name as `sdq submit` reads it."""
    sha256: str | None = getattr(drawn.recipe.conditions, field)
    pictures = drawn.fields.get("pictures")
    name = pictures.get(field) if isinstance(pictures, Mapping) else None
    return sha256 and kept_name(sha256, str(name) if name else None)


def _followed(drawn: DrawnSlice) -> str | None:
    """Return the ControlNets as `sdq submit` reads them, None for none."""
    pictures = drawn.fields.get("pictures")
    names = pictures if isinstance(pictures, Mapping) else {}
    return "; ".join(map(str, following_again(drawn.recipe.conditions.controlnets, names))) or None


class Notation(Protocol):
    """How a line is written. Its pieces are templates for `%`, in which text has every percent sign twice."""

    def fixed(self, values: Mapping[str, Any], *, result: bool) -> str:
        """Return a piece: columns with their values. result: they are those of the result."""

    def open(self, names: Sequence[str], *, result: bool) -> str:
        """Return a piece with a `%s` in place of each column's value."""

    def line(self, asked: Sequence[str], result: Sequence[str]) -> str:
        """Put a line together, with its end."""

    def texts(self, kind: Stored, values: Sequence[Any]) -> Iterable[Any]:
        """Return what stands for each stored value, or for None."""


class Lines:
    """Makes lines of slices.

    caption, splits: what the results have as `text` and `split`; None leaves them out.
    """

    def __init__(
        self, notation: Notation, *, caption: Caption | None = None, splits: Splits | None = None
    ) -> None:
        self._notation = notation
        self._caption = caption
        self._splits = splits
        self._own = [*_OF_IMAGE]
        if caption is not None and not caption.is_of_slice:
            self._own.append("text")
        self._seed = notation.open(["seed"], result=False)
        self._open = notation.open(self._own, result=True)
        self._engines: dict[int, str] = {}

    @property
    def columns(self) -> tuple[list[str], list[str]]:
        """The names of what was asked for, and of the results, in order."""
        return (
            [*BEFORE_SEED, "seed", *BEHIND_SEED],
            [*self._of_slice_names, *self._own, *_OF_ENGINE],
        )

    def of(self, drawn: DrawnSlice) -> Iterator[str]:
        """Yield the lines of a slice's images."""
        columns = list(zip(*drawn.rows, strict=True))
        engines: Sequence[int] = columns[_ENGINE]
        values = [
            columns[_SEED],
            *(self._texts(name, drawn, columns) for name in self._own),
        ]
        templates = self._templates(drawn, engines)
        if len(templates) == 1:
            (template,) = templates.values()
            return map(template.__mod__, zip(*values, strict=True))
        return (
            templates[engine] % one
            for engine, one in zip(engines, zip(*values, strict=True), strict=True)
        )

    def _templates(self, drawn: DrawnSlice, engines: Sequence[int]) -> dict[int, str]:
        """Return the line by engine, with a place for the seed and for each column of `_own`."""
        notation, recipe = self._notation, drawn.recipe
        unit = recipe.variant.compute_unit
        behind = {
            **{
                name: COLUMNS[name].of(drawn)
                for name in BEHIND_SEED
                if name not in _ASKED_OTHERWISE
            },
            "variant": recipe.variant.attention_implementation,
            "compute_unit": None if unit is ANY else unit,
            "init_image": _kept(drawn, "init_image"),
            "mask": _kept(drawn, "mask"),
            "controlnet": _followed(drawn),
        }
        asked = (
            notation.fixed({name: COLUMNS[name].of(drawn) for name in BEFORE_SEED}, result=False),
            self._seed,
            notation.fixed({name: behind[name] for name in BEHIND_SEED}, result=False),
        )
        of_slice = {name: COLUMNS[name].of(drawn) for name in _OF_SLICE}
        if self._splits is not None:
            of_slice["split"] = self._splits.of(recipe.prompt)
        if self._caption is not None and self._caption.is_of_slice:
            of_slice["text"] = self._caption.of(drawn)
        about = notation.fixed(of_slice, result=True)
        return {
            engine: notation.line(asked, (about, self._open, self._of_engine(engine, drawn)))
            for engine in set(engines)
        }

    @property
    def _of_slice_names(self) -> list[str]:
        names = [*_OF_SLICE]
        if self._splits is not None:
            names.append("split")
        if self._caption is not None and self._caption.is_of_slice:
            names.append("text")
        return names

    def _of_engine(self, engine: int, drawn: DrawnSlice) -> str:
        if engine not in self._engines:
            image = drawn.image(next(row for row in drawn.rows if row[_ENGINE] == engine))
            values = {name: COLUMNS[name].of(image) for name in _OF_ENGINE}
            self._engines[engine] = self._notation.fixed(values, result=True)
        return self._engines[engine]

    def _texts(
        self, name: str, drawn: DrawnSlice, columns: Sequence[Sequence[Any]]
    ) -> Iterable[Any]:
        if name == "text":
            assert self._caption is not None
            texts = [self._caption.of(image) for image in drawn.images()]
            return self._notation.texts(Stored.TEXT, texts)
        stored = STORED[name]
        return self._notation.texts(stored.kind, columns[stored.position])
