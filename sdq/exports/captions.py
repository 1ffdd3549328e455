"""Captions: a sample's text, made of a template such as ``{prompt}, {meta.style}``."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from db.columns.column import AskedImages
from db.columns.named import take_named
from db.columns.words import WordKind, Words
from db.values import FinishedImage
from sdq_core.errors import UsageError
from sdq_core.printable import quote

DEFAULT_TEMPLATE = "{prompt}"

#: What `--dynamic` chose for a prompt: for one wildcard or written choice, or for all of them.
_CHOICE, _CHOICES = "choice.", "choices"
_PIECE = re.compile(r"\{\{|\}\}|\{(?P<name>[^{}]*)\}|(?P<text>[^{}]+)|(?P<lone>[{}])")


@dataclass(frozen=True, kw_only=True)
class _Value:
    """What stands in braces. of: its text. asked: it is the same for all images of a slice."""

    of: Callable[[FinishedImage | AskedImages], str]
    asked: bool


@dataclass(frozen=True)
class Caption:
    """A template of captions; `of` makes them."""

    template: str = DEFAULT_TEMPLATE

    @classmethod
    def parse(cls, template: str) -> Caption:
        """Check a template; raise UsageError for one that cannot be used."""
        caption = cls(template)
        _ = caption._pieces
        return caption

    def of(self, image: FinishedImage | AskedImages) -> str:
        """Return an image's caption, without white space around it. What an image does not have is empty."""
        if self.template == DEFAULT_TEMPLATE:
            return image.recipe.prompt
        return "".join(
            piece if isinstance(piece, str) else piece.of(image) for piece in self._pieces
        ).strip()

    @cached_property
    def is_of_slice(self) -> bool:
        """Whether all images of a slice have the same."""
        return all(piece.asked for piece in self._pieces if isinstance(piece, _Value))

    @cached_property
    def _pieces(self) -> Sequence[str | _Value]:
        pieces: list[str | _Value] = []
        for match in _PIECE.finditer(self.template):
            if match["lone"]:
                raise UsageError(
                    f"--caption: {quote(match['lone'])} stands alone; write it twice where it is text."
                )
            if match["name"] is not None:
                pieces.append(_value(match["name"].strip()))
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


def _value(name: str) -> _Value:
    if name == _CHOICES:
        return _Value(of=lambda image: ", ".join(text for _, text in _choices(image)), asked=True)
    if name.startswith(_CHOICE):
        return _Value(of=_chosen(name.removeprefix(_CHOICE)), asked=True)
    words = Words(name, of="--caption")
    named = take_named(words)
    if words.peek().kind is not WordKind.END:
        raise words.unexpected(words.peek(), "the end of the name")
    return _Value(of=lambda image: written(named.of(image)), asked=named.column.asked)


def _chosen(name: str) -> Callable[[FinishedImage | AskedImages], str]:
    """Return what gives the choice of a wildcard by its name, or the choice with that number, from 1."""
    number = int(name) if name.isascii() and name.isdigit() and len(name) < 6 else None

    def of(image: FinishedImage | AskedImages) -> str:
        choices = _choices(image)
        if number is not None:
            return choices[number - 1][1] if 0 < number <= len(choices) else ""
        return ", ".join(text for what, text in choices if what == f"__{name}__")

    return of


def _choices(image: FinishedImage | AskedImages) -> Sequence[tuple[str, str]]:
    dynamic = image.fields.get("dynamic") or {}
    return [(what, chosen) for what, chosen in dynamic.get("choices", ())]
