"""The files of a wildcard folder.

    colors.txt             __colors__: a value a line; blank lines and those that begin with # are skipped
    animals/cats.txt       __animals/cats__
    any.yaml, any.json     an object's keys are the names, nested ones joined by /; the file's name does not count
    list.json              __list__: a list without a name has that of its file

A value may begin with a weight, `2::red`, and may be a template itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from producer.reading.json_objects import NotJSONError, parse
from producer.reading.lines import read_lines
from producer.reading.located import DocumentError, Located, located, parse_yaml, whole_document
from sdq_core.errors import InputError, InputMissingError
from sdq_core.printable import printable
from sdq_core.values.tidying import tidy

MAX_FILES = 10_000
_TEXT = ".txt"
_STRUCTURED = frozenset({".yaml", ".yml", ".json"})


@dataclass(frozen=True, slots=True)
class Value:
    """A value as written; weight: None for one that may stand in its text; place: its file and line."""

    text: str
    weight: float | None
    place: str


@dataclass(frozen=True, slots=True)
class WildcardFiles:
    """Where a folder has the values of each name: text files, which are read when asked for, and values of others."""

    texts: dict[str, list[Path]] = field(default_factory=dict)
    values: dict[str, list[Value]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """All names, sorted."""
        return sorted({*self.texts, *self.values})

    def of(self, name: str) -> Iterator[Value]:
        """Yield the values of a name in order; raise InputError for a file that cannot be read."""
        for path in self.texts.get(name, ()):
            yield from _values_of_text(path)
        yield from self.values.get(name, ())


def read_folder(folder: Path) -> WildcardFiles:
    """Return what a folder has, which is nothing where it is missing; raise InputError for a file that is wrong."""
    found = WildcardFiles()
    for count, path in enumerate(_files(folder)):
        if count == MAX_FILES:
            raise InputError(f"the folder {folder} has more than {MAX_FILES:,} wildcard files")
        inside = path.relative_to(folder)
        if path.suffix.lower() == _TEXT:
            name = tidy(inside.with_suffix("").as_posix())
            found.texts.setdefault(name, []).append(path)
            continue
        parent = "" if inside.parent == Path() else f"{tidy(inside.parent.as_posix())}/"
        document = _document(path)
        if isinstance(document.value, list):
            _keep(f"{parent}{tidy(inside.stem)}", document, path, found)
        elif isinstance(document.value, dict):
            _keep_named(parent, document.value, path, found)
    return found


def _keep_named(prefix: str, named: dict[str, Located], path: Path, found: WildcardFiles) -> None:
    for key, inner in named.items():
        name = f"{prefix}{tidy(key)}"
        if isinstance(inner.value, dict):
            _keep_named(f"{name}/", inner.value, path, found)
        else:
            _keep(name, inner, path, found)


def _keep(name: str, listed: Located, path: Path, found: WildcardFiles) -> None:
    if isinstance(listed.value, list):
        values = [value for item in listed.value if (value := _item(item, path))]
    elif isinstance(listed.value, str):
        values = [value] if (value := _item(listed, path)) else []
    else:
        return  # a setting of the file's own
    if values:
        found.values.setdefault(name, []).extend(values)


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


def _values_of_text(path: Path) -> Iterator[Value]:
    for number, line in _lines(path):
        text = line.strip()
        if text and not text.startswith("#"):
            text = text.removeprefix("\\") if text.startswith("\\#") else text
            yield Value(text, None, f"{path}:{number}")


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


def _item(item: Located, path: Path) -> Value | None:
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
    return Value(text, weight, place) if text else None


def _weight(written: Any, place: str) -> float:
    try:
        weight = float(written)
    except (TypeError, ValueError):
        raise InputError(f"in {place}: the weight is not a number") from None
    if not 0 < weight < 1e9:
        raise InputError(f"in {place}: the weight must be more than 0")
    return weight
