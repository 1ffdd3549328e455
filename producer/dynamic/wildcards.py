"""A folder of wildcards: names and their values.

    colors.txt             __colors__: a value a line; blank lines and those that begin with # are skipped
    animals/cats.txt       __animals/cats__
    any.yaml, any.json     an object's keys are the names, nested ones joined by /; the file's name does not count
    list.json              __list__: a list without a name has that of its file

Names are looked up, never opened: none leads out of the folder. A value may begin with a weight, `2::red`, and may be a
template itself. Values keep their order, each once.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from typing import Any

from producer.dynamic.template import (
    Option,
    Options,
    Words,
    is_template,
    parse_template,
    split_weight,
)
from producer.reading.characters import tidy
from producer.reading.checks import check_text
from producer.reading.json_objects import NotJSONError, parse
from producer.reading.lines import read_lines
from producer.reading.located import DocumentError, Located, located, parse_yaml, whole_document
from producer.reading.words import did_you_mean
from sdq_core.errors import ALL_KNOWN, InputError, InputMissingError
from sdq_core.printable import printable, quote

MAX_FILES = 10_000
MAX_VALUES = 200_000
_TEXT = ".txt"
_STRUCTURED = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class _Value:
    """A value as written; place: its file and line."""

    text: str
    weight: float | None
    place: str


class Wildcards:
    """The wildcards of a folder, which is read when the first one is asked for.

    named: the folder was named by the user, so it must be there.
    """

    def __init__(self, folder: Path, *, named: bool) -> None:
        if named and not folder.is_dir():
            raise InputMissingError(
                f"There is no wildcard folder {printable(str(folder))}. Name an existing one with --wildcards."
            )
        self.folder = folder
        self._texts: dict[str, list[Path]] | None = None
        self._listed: dict[str, list[_Value]] = {}
        self._options: dict[str, Options] = {}

    def of(self, name: str) -> Options:
        """Return a wildcard's values; raise InputError for one that is missing or cannot be read."""
        name = tidy(name)
        if name not in self._options:
            values = list(self._values(name))
            self._options[name] = Options(tuple(_option(value) for value in values))
        return self._options[name]

    def _values(self, name: str) -> Iterable[_Value]:
        if self._texts is None:
            self._texts = {}
            self._read_folder(self._texts)
        names = sorted({*self._texts, *self._listed})
        matches = re.compile(translate(name)).fullmatch
        found = [one for one in names if one == name or matches(one)]
        if not found:
            raise InputError(self._missing(name, names))
        values: dict[str, _Value] = {}
        for one in found:
            for path in self._texts.get(one, ()):
                _add(values, _values_of_text(path))
            _add(values, self._listed.get(one, ()))
        if not values:
            raise InputError(f"the wildcard {quote(f'__{name}__')} has no values")
        return values.values()

    def _missing(self, name: str, names: list[str]) -> str:
        said = f"there is no wildcard {quote(f'__{name}__')}"
        if not self.folder.is_dir():
            return f"{said}, for there is no folder {printable(str(self.folder))}; name one with --wildcards"
        if not names:
            return f"{said}: the folder {printable(str(self.folder))} has none"
        same_end = [one for one in names if one.endswith(f"/{name}")]
        guess = f"; did you mean {same_end[0]}?" if same_end else did_you_mean(name, names)
        if guess.startswith(ALL_KNOWN):
            guess = f"; put {name}.txt there, or write \\_ for an underscore itself"
        return f"{said} in {printable(str(self.folder))}{guess}"

    def _read_folder(self, texts: dict[str, list[Path]]) -> None:
        for count, path in enumerate(_files(self.folder)):
            if count == MAX_FILES:
                raise InputError(
                    f"the folder {self.folder} has more than {MAX_FILES:,} wildcard files"
                )
            inside = path.relative_to(self.folder)
            if path.suffix.lower() == _TEXT:
                texts.setdefault(tidy(inside.with_suffix("").as_posix()), []).append(path)
                continue
            parent = "" if inside.parent == Path() else f"{tidy(inside.parent.as_posix())}/"
            document = _document(path)
            if isinstance(document.value, list):
                self._keep(f"{parent}{tidy(inside.stem)}", document, path)
            else:
                self._keep_named(parent, document, path)

    def _keep_named(self, prefix: str, found: Located, path: Path) -> None:
        if isinstance(found.value, dict):
            for key, inner in found.value.items():
                name = f"{prefix}{tidy(key)}"
                if isinstance(inner.value, dict):
                    self._keep_named(f"{name}/", inner, path)
                else:
                    self._keep(name, inner, path)

    def _keep(self, name: str, found: Located, path: Path) -> None:
        if isinstance(found.value, list):
            values = [value for item in found.value if (value := _item(item, path))]
        elif isinstance(found.value, str):
            values = [value] if (value := _item(found, path)) else []
        else:
            return  # a setting of the file's own
        if values:
            self._listed.setdefault(name, []).extend(values)


def _files(folder: Path) -> Iterator[Path]:
    """Yield wildcard files in the order of their names; links are followed, but no folder is entered twice."""
    entered: set[str] = set()
    for where, folders, files in os.walk(folder, followlinks=True):
        real = os.path.realpath(where)
        if real in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            path = Path(where, name)
            is_ours = not name.startswith(".") and path.suffix.lower() in {_TEXT, *_STRUCTURED}
            if is_ours and path.is_file():  # a pipe would be waited for
                yield path


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    problems: list[str] = []
    try:
        for line in read_lines(str(path), problems):
            if problems:
                break
            yield line
    except (InputMissingError, IsADirectoryError) as error:
        raise InputError(
            f"the wildcard file {printable(str(path))} cannot be read; check its permissions"
        ) from error
    if problems:
        raise InputError(f"in {problems[0]}")


def _values_of_text(path: Path) -> Iterator[_Value]:
    for number, line in _lines(path):
        text = line.strip()
        if text and not text.startswith("#"):
            text = text.removeprefix("\\") if text.startswith("\\#") else text
            yield _Value(text, None, f"{path}:{number}")


def _document(path: Path) -> Located:
    try:
        text = whole_document(_lines(path))
    except DocumentError as error:
        raise InputError(f"in {path}:{error.line}: {error}") from None
    try:
        if path.suffix.lower() == ".json":
            return located(parse(text), 1)
        return parse_yaml(text, only_texts=True)
    except NotJSONError as error:
        line = text.count("\n", 0, error.position) + 1
        raise InputError(f"in {path}:{line}: {error}") from None
    except InputError as error:
        line = error.line if isinstance(error, DocumentError) else 1
        raise InputError(f"in {path}:{line}: {error}") from None


def _item(item: Located, path: Path) -> _Value | None:
    """Return a list's value, None for an empty one; raise InputError for what is no text."""
    place = f"{path}:{item.line}"
    value: Any = item.value
    weight: float | None = None
    if isinstance(value, dict):
        inner = {key: one.value for key, one in value.items()}
        value = inner.get("text", inner.get("content"))
        if not isinstance(value, str):
            raise InputError(
                f"in {place}: a value is an object without text; put quotes around a text that begins with a brace"
            )
        weight = _weight(inner.get("weight", 1), place)
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InputError(f"in {place}: a value must be a text")
    # A text of several lines may have comments, as in collections that are shared.
    kept = [line for line in value.split("\n") if not line.lstrip().startswith("#")]
    text = "\n".join(kept).strip()
    return _Value(text, weight, place) if text else None


def _weight(written: Any, place: str) -> float:
    try:
        weight = float(written)
    except (TypeError, ValueError):
        raise InputError(f"in {place}: the weight is not a number") from None
    if not 0 < weight < 1e9:
        raise InputError(f"in {place}: the weight must be more than 0")
    return weight


def _add(values: dict[str, _Value], more: Iterable[_Value]) -> None:
    for value in more:
        values.setdefault(value.text, value)
        if len(values) > MAX_VALUES:
            raise InputError(f"in {value.place}: a wildcard with more than {MAX_VALUES:,} values")


def _option(value: _Value) -> Option:
    try:
        weight, text = (
            split_weight(value.text) if value.weight is None else (value.weight, value.text)
        )
        text = check_text("the value", text)
        if not is_template(text):
            return Option((Words(text),), weight)
        return Option(parse_template(text), weight)
    except InputError as error:
        raise InputError(f"in {value.place}: {error}") from None
