"""Captions: a sample's text, made of a template such as ``{prompt}, {meta.style}``."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from db.columns import COLUMNS
from db.values import FinishedImage
from sdq_core.errors import UsageError
from sdq_core.printable import quote

DEFAULT_TEMPLATE = "{prompt}"

_META = "meta."
#: What `--dynamic` chose for a prompt: for one wildcard or written choice, or for all of them.
_CHOICE, _CHOICES = "choice.", "choices"
_PIECE = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|(?P<text>[^{}]+)|(?P<lone>[{}])")
#: The columns that all images of a slice share.
_OF_SLICE = frozenset({"batch", "entry", "custom_id", "tags", "meta", "dynamic"})

_Write = Callable[[FinishedImage], str]


@dataclass(frozen=True)
class Caption:
    """A template of captions; `of` makes them."""

    template: str = DEFAULT_TEMPLATE

    @classmethod
    def parse(cls, template: str) -> Caption:
        """Check a template; raise UsageError for one that cannot be used."""
        caption = cls(template)
        assert caption._pieces is not None
        return caption

    def of(self, image: FinishedImage) -> str:
        """Return an image's caption, without white space around it. What an image does not have is empty."""
        if self.template == DEFAULT_TEMPLATE:
            return image.recipe.prompt
        return "".join(
            piece if isinstance(piece, str) else piece(image) for piece in self._pieces
        ).strip()

    @cached_property
    def is_of_slice(self) -> bool:
        """Whether all images of a slice have the same."""
        return all(
            name.startswith((_META, _CHOICE))
            or name in _OF_SLICE | {_CHOICES}
            or COLUMNS[name].of_recipe
            for name in self._names
        )

    @cached_property
    def _names(self) -> Sequence[str]:
        return [
            match["name"].strip()
            for match in _PIECE.finditer(self.template)
            if match["name"] is not None
        ]

    @cached_property
    def _pieces(self) -> Sequence[str | _Write]:
        pieces: list[str | _Write] = []
        for match in _PIECE.finditer(self.template):
            if match["lone"]:
                raise UsageError(
                    f"--caption: {quote(match['lone'])} stands alone; write it twice where it is text."
                )
            if match["name"] is not None:
                pieces.append(_writer(match["name"].strip()))
            else:
                pieces.append(match["text"] or match[0][0])
        return pieces


def one_line(text: str) -> str:
    """Return a text with a space for every run of white space."""
    return " ".join(text.split())


def written(value: Any) -> str:
    """Return a column's value as text: nothing for none, a list with commas, an object as JSON, a time in UTC."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return rfc3339(value)
        case list() | tuple():
            return ", ".join(written(one) for one in value)
        case dict():
            return json.dumps(value, ensure_ascii=False)
    return str(value)


def rfc3339(moment: datetime) -> str:
    """Return a time in UTC, as ``2026-11-26T02:51:33.417Z``."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _writer(name: str) -> _Write:
    if name.startswith(_META) and len(name) > len(_META):
        return _of_meta(name.removeprefix(_META))
    if name.startswith(_CHOICE) and len(name) > len(_CHOICE):
        return _of_choice(name.removeprefix(_CHOICE))
    if name == _CHOICES:
        return lambda image: ", ".join(chosen for _, chosen in _choices(image))
    column = COLUMNS.get(name)
    if column is None:
        near = difflib.get_close_matches(name, COLUMNS, n=1)
        hint = f"did you mean {near[0]}?" if near else "see docs/datasets.md for the names."
        raise UsageError(f"--caption: there is no {quote('{' + name + '}')}; {hint}")
    of = column.of
    return lambda image: written(of(image))


def _of_meta(path: str) -> _Write:
    def write(image: FinishedImage) -> str:
        value: Any = image.fields.get("meta") or {}
        if path in value:
            return written(value[path])
        for key in path.split("."):
            value = value.get(key) if isinstance(value, Mapping) else None
        return written(value)

    return write


def _of_choice(name: str) -> _Write:
    """Return what was chosen for a wildcard by its name, or for the choice with that number, from 1."""
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 6 else None

    def write(image: FinishedImage) -> str:
        choices = _choices(image)
        if number is not None:
            return choices[number - 1][1] if 0 < number <= len(choices) else ""
        return ", ".join(chosen for what, chosen in choices if what == f"__{name}__")

    return write


def _choices(image: FinishedImage) -> Sequence[tuple[str, str]]:
    dynamic = image.fields.get("dynamic") or {}
    return [(what, chosen) for what, chosen in dynamic.get("choices", ())]
