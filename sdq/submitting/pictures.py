"""The pictures of `--init-image`: files, folders and patterns."""

from __future__ import annotations

import glob
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from sdq_core.errors import InputError, InputMissingError, UsageError
from sdq_core.inputs.formats import PICTURE_ENDINGS
from sdq_core.printable import quote

_NUMBERS = re.compile(r"([0-9]+)")


def pictures_named(given: Iterable[str]) -> list[str]:
    """Return the whole paths of the pictures that are named, each once; those of a folder or pattern by their names.

    Raise InputMissingError for a name that is none, InputError for a folder or a pattern without pictures.
    """
    found: dict[str, None] = {}
    for word in given:
        found.update(dict.fromkeys(map(str, _named(word))))
    return list(found)


def refuse_as_prompts(files: Sequence[str], init_images: Sequence[str]) -> None:
    """Raise UsageError for pictures among the prompt files: a shell made several words of a pattern."""
    for file in files:
        if init_images and Path(file).suffix.lower() in PICTURE_ENDINGS:
            raise UsageError(
                f"{quote(file)} stands where prompt files do. Put quotes around a pattern, as in --init-image '*.png', "
                "and repeat --init-image for each of several files."
            )


def _named(word: str) -> Iterator[Path]:
    path = Path(word).expanduser().absolute()
    if path.is_dir():
        inside = [each for each in path.iterdir() if _is_picture(each)]
        if not inside:
            raise InputError(f"--init-image: there is no picture in the folder {quote(word)}")
        yield from sorted(inside, key=_in_order)
    elif path.exists() or word.startswith("sha256:"):
        yield path if path.exists() else Path(word)
    elif glob.has_magic(word):
        matching = [Path(each) for each in glob.glob(str(path), recursive=True)]  # noqa: PTH207
        inside = [each for each in matching if _is_picture(each)]
        if not inside:
            raise InputError(f"--init-image: no picture fits the pattern {quote(word)}")
        yield from sorted(inside, key=_in_order)
    else:
        raise InputMissingError(f"There is no picture {quote(word)}.")


def _is_picture(path: Path) -> bool:
    return (
        path.suffix.lower() in PICTURE_ENDINGS and not path.name.startswith(".") and path.is_file()
    )


def _in_order(path: Path) -> tuple[list[tuple[bool, int, str]], str]:
    """Sort as people do: 2.png before 10.png."""
    pieces = _NUMBERS.split(str(path).lower())
    return [
        (piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in pieces
    ], str(path)
