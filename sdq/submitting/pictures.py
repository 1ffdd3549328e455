"""The pictures of `--init-image` and `--controlnet`: files, folders and patterns."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from producer.reading.controlnets import Following, parse_all
from sdq_core.errors import InputError, InputMissingError, UsageError
from sdq_core.inputs.formats import PICTURE_ENDINGS
from sdq_core.printable import quote
from sdq_core.values.annotators import Annotator

_NUMBERS = re.compile(r"([0-9]+)")


def pictures_named(given: Iterable[str], option: str = "--init-image") -> list[str]:
    """Return the whole paths of the pictures that are named, each once; those of a folder or pattern by their names.

    Raise InputMissingError for a name that is none, InputError for a folder or a pattern without pictures, UsageError
    for an empty name.
    """
    found: dict[str, None] = {}
    for word in given:
        # As of a shell's variable that is empty; a path without a name is the current folder.
        if not word:
            raise UsageError(f"{option} names nothing. Name a picture, a folder or a pattern.")
        try:
            found.update(dict.fromkeys(map(str, _named(word, option))))
        except OSError as error:
            raise InputMissingError(
                f"Cannot look for the picture {quote(word)} ({error.strerror})."
            ) from error
    return list(found)


def followings(
    given: Sequence[str], annotator: Annotator | None = None
) -> list[tuple[Following, ...]]:
    """Return the ControlNets of each image, which differ if one of them names a folder or a pattern of pictures.

    annotator: of those that name none themselves.

    Of several folders, pictures of one name belong together. Raise as `pictures_named`, and InputError for what is no
    ControlNet or if the folders' names differ.
    """
    named = [
        replace(each, annotator=each.annotator or annotator) for each in parse_all(list(given))
    ]
    places = [_by_stem(each) for each in named]
    many = [place for place in places if len(place) > 1]
    stems = list(many[0]) if many else [""]
    for place in many[1:]:
        if alone := sorted(place.keys() ^ many[0].keys()):
            raise InputError(
                f"there is no picture {quote(alone[0])} in all of the folders; those of the same name belong together"
            )
    return [
        tuple(
            replace(each, picture=place[stem] if len(place) > 1 else next(iter(place.values())))
            for each, place in zip(named, places, strict=True)
        )
        for stem in stems
    ]


def _by_stem(following: Following) -> dict[str, str]:
    # No shell takes care of a ~ behind a colon.
    written = os.path.expanduser(following.picture)  # noqa: PTH111  (Path raises for ~NOBODY)
    found: dict[str, str] = {}
    for path in pictures_named([written], "--controlnet"):
        if (other := found.setdefault(Path(path).stem, path)) != path:
            raise InputError(
                f"{quote(path)} and {quote(other)} have the same name; rename one of them"
            )
    return found


def refuse_as_prompts(files: Sequence[str], init_images: Sequence[str]) -> None:
    """Raise UsageError for pictures among the prompt files: a shell made several words of a pattern."""
    for file in files:
        if init_images and Path(file).suffix.lower() in PICTURE_ENDINGS:
            raise UsageError(
                f"{quote(file)} stands where prompt files do. Put quotes around a pattern, as in --init-image '*.png', "
                "and repeat --init-image for each of several files."
            )


def _named(word: str, option: str) -> Iterator[Path]:
    path = Path(word).absolute()
    if path.is_dir():
        inside = [each for each in path.iterdir() if _is_picture(each)]
        if not inside:
            raise InputError(f"{option}: there is no picture in the folder {quote(word)}")
        yield from sorted(inside, key=_in_order)
    elif path.exists() or word.startswith("sha256:"):
        yield path if path.exists() else Path(word)
    elif glob.has_magic(word):
        matching = [Path(each) for each in glob.glob(str(path), recursive=True)]  # noqa: PTH207
        inside = [each for each in matching if _is_picture(each)]
        if not inside:
            raise InputError(f"{option}: no picture fits the pattern {quote(word)}")
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
