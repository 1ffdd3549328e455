"""`metadata.json`: what a compiled model says of itself, for people and for programs that do not read its network.

The file comes from strangers: its size is bounded, a pipe in its place is not waited for, and nothing in it is
evaluated, though Apple's own loader would.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from sdq_core.errors import PackageError
from sdq_core.models.element_types import BY_MIL_NUMBER, ElementType
from sdq_core.models.mlmodel import Shape
from sdq_core.models.unreadable import reason

METADATA_FILE = "metadata.json"

_MAX_BYTES = 1 << 24
_STATED_PRECISION = re.compile(r"[A-Za-z0-9 ,()/-]{1,200}")
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_KINDS_BY_WORD = {
    "float16": BY_MIL_NUMBER[10],
    "float32": BY_MIL_NUMBER[11],
    "double": BY_MIL_NUMBER[12],
    "float64": BY_MIL_NUMBER[12],
    "int32": BY_MIL_NUMBER[23],
}


class Metadata:
    """The description of the function that is run if none is named."""

    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content

    @classmethod
    def read(cls, model: Path) -> Metadata:
        """Read a compiled model's file; raise PackageError if it is missing or damaged."""
        path = model / METADATA_FILE
        try:
            content = json.loads(_text_of(path))
        except FileNotFoundError:
            raise PackageError(
                f"{model} is incomplete: it has no {METADATA_FILE}. Download or convert it again."
            ) from None
        except OSError as error:
            raise PackageError(
                f"Cannot read {path} ({error.strerror}). Check its disk and permissions."
            ) from error
        except (ValueError, RecursionError) as error:
            raise PackageError(
                f"{path} is damaged ({reason(error)}). Download or convert the model again."
            ) from None
        entry = content[0] if isinstance(content, list) and content else content
        if not isinstance(entry, dict):
            raise PackageError(f"{path} does not describe a model. Download or convert it again.")
        return cls(entry)

    @property
    def default_function(self) -> str | None:
        """The function that is run if none is named; None in a model of one function."""
        name = self._content.get("defaultFunctionName")
        return name if isinstance(name, str) and name else None

    @property
    def inputs(self) -> dict[str, Shape]:
        """Name -> shape, an empty one if it was not declared."""
        return self._shapes("inputSchema")

    @property
    def outputs(self) -> dict[str, Shape]:
        """Name -> shape, as `inputs`; nothing if the compiler left them out."""
        return self._shapes("outputSchema")

    @property
    def kinds(self) -> dict[str, ElementType]:
        """Input -> its element type, where it says."""
        words = {
            entry["name"]: str(entry.get("dataType")).lower()
            for entry in self._entries("inputSchema")
        }
        return {
            name: _KINDS_BY_WORD[word] for name, word in words.items() if word in _KINDS_BY_WORD
        }

    @property
    def flexible_input(self) -> str | None:
        """An input of several sizes, None if there is none."""
        entries = self._entries("inputSchema")
        return next((e["name"] for e in entries if e.get("hasShapeFlexibility") == "1"), None)

    @property
    def image_input(self) -> str | None:
        """An input that is an image, None if there is none."""
        entries = self._entries("inputSchema")
        return next((e["name"] for e in entries if e.get("type") == "Image"), None)

    @property
    def operations(self) -> Counter[str]:
        """How often each operation occurs, by its name in MIL; nothing if the compiler did not count."""
        found: Counter[str] = Counter()
        counts = self._content.get("mlProgramOperationTypeHistogram")
        for name, count in counts.items() if isinstance(counts, dict) else ():
            # "Ios16.reduceMean", "SliceByIndex" and "einsum" all occur.
            found[_CAPITAL.sub("_", name.rpartition(".")[2]).lower()] += (
                count if isinstance(count, int) else 0
            )
        return found

    @property
    def stated_precision(self) -> str | None:
        """How weights are kept, in the compiler's words and lower case; None for anything strange."""
        stated = self._content.get("storagePrecision")
        if not isinstance(stated, str) or not _STATED_PRECISION.fullmatch(stated):
            return None
        return stated.lower()

    @property
    def palette_bits(self) -> set[int]:
        """The sizes of palettes, from `Mixed (Float16, Palettized (6 bits))`."""
        stated = self.stated_precision or ""
        return {int(number) for number in re.findall(r"\b(\d{1,2})[ -]bit", stated)}

    def _entries(self, name: str) -> Iterator[Mapping[str, Any]]:
        """Yield the inputs or outputs that are declared, those with a name."""
        entries = self._content.get(name)
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, dict) and isinstance(entry.get("name"), str):
                yield entry

    def _shapes(self, name: str) -> dict[str, Shape]:
        return {entry["name"]: _written(entry.get("shape")) for entry in self._entries(name)}


def _text_of(path: Path) -> str:
    """Return the file's text; raise PackageError for a pipe, OSError or ValueError for what cannot be read."""
    if path.exists() and not path.is_file():  # opening a pipe would never return
        raise PackageError(f"{path} is not a file. Download or convert the model again.")
    if path.stat().st_size > _MAX_BYTES:
        raise ValueError("it is too large to be a model's metadata")
    return path.read_text(encoding="utf-8")


def _written(shape: object) -> Shape:
    """Return the shape written as `"[2, 4, 64, 64]"`; an empty one for anything else."""
    try:
        sizes = json.loads(shape) if isinstance(shape, str) else shape
    except (ValueError, RecursionError):
        return ()
    if isinstance(sizes, list) and all(type(size) is int for size in sizes):
        return tuple(sizes)
    return ()
