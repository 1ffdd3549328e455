"""Wildcards by name.

Names are looked up among those that a folder has, never opened: none leads out of it. Values keep their order, each
once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from fnmatch import translate
from pathlib import Path

from producer.dynamic.template import (
    Option,
    Options,
    Words,
    is_template,
    parse_template,
    split_weight,
)
from producer.dynamic.wildcard_files import Value, WildcardFiles, read_folder
from producer.reading.checks import check_text
from sdq_core.errors import ALL_KNOWN, InputError, InputMissingError
from sdq_core.printable import printable, quote
from sdq_core.values.guesses import did_you_mean
from sdq_core.values.tidying import tidy

MAX_VALUES = 200_000


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
        self._files: WildcardFiles | InputError | None = None
        # By name; what is wrong is remembered as well, for a thousand lines may ask for it.
        self._known: dict[str, Options | InputError] = {}

    def of(self, name: str) -> Options:
        """Return a wildcard's values; raise InputError for one that is missing or cannot be read."""
        name = tidy(name)
        found = self._known.get(name)
        if found is None:
            try:
                found = Options(tuple(_option(value) for value in self._values(name)))
            except InputError as error:
                found = error
            self._known[name] = found
        if isinstance(found, InputError):
            raise InputError(str(found))
        return found

    def _values(self, name: str) -> Iterable[Value]:
        files = self._read()
        names = files.names
        matches = re.compile(translate(name)).fullmatch
        matching = [one for one in names if one == name or matches(one)]
        if not matching:
            raise InputError(self._missing(name, names))
        values: dict[str, Value] = {}
        for one in matching:
            for value in files.of(one):
                values.setdefault(value.text, value)
                if len(values) > MAX_VALUES:
                    raise InputError(
                        f"in {value.place}: a wildcard with more than {MAX_VALUES:,} values"
                    )
        if not values:
            raise InputError(f"the wildcard {quote(f'__{name}__')} has no values")
        return values.values()

    def _read(self) -> WildcardFiles:
        if self._files is None:
            try:
                self._files = read_folder(self.folder)
            except InputError as error:
                self._files = error
        if isinstance(self._files, InputError):
            raise InputError(str(self._files))
        return self._files

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


def _option(value: Value) -> Option:
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
