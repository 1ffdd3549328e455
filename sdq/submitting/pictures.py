"""The pictures of `--init-image` and `--controlnet`: files, folders and patterns."""

from __future__ import annotations

import glob
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from producer.reading.controlnets import Following, parse_all
from producer.reading.places import KEPT, place_of
from sdq.views.words import counted
from sdq_core.errors import InputError, InputMissingError, UsageError
from sdq_core.inputs.formats import OTHER_ENDINGS, PICTURE_ENDINGS
from sdq_core.printable import printable, quote
from sdq_core.values.annotators import Annotator

_NUMBERS = re.compile(r"([0-9]+)")


def pictures_named(given: Iterable[str]) -> list[str]:
    """Return the whole paths of the pictures that are named, each once; those of a folder or pattern by their names.

    Raise InputMissingError for a name that is none, InputError for a folder or a pattern without pictures, UsageError
    for an empty name.
    """
    found: dict[str, None] = {}
    for word in given:
        # As of a shell's variable that is empty; a path without a name is the current folder.
        if not word:
            raise UsageError("--init-image names nothing. Name a picture, a folder or a pattern.")
        try:
            found.update(dict.fromkeys(map(str, _named(word))))
        except OSError as error:
            raise InputMissingError(
                f"Cannot look for the picture {quote(word)} ({error.strerror})."
            ) from error
    return list(found)


def left_out(given: Iterable[str]) -> list[str]:
    """Return a hint for each folder of pictures that has some that are not read, beside those that are."""
    hints = []
    for word in given:
        folder = Path(place_of(word, Path()))
        found = sorted(folder.iterdir(), key=_in_order) if folder.is_dir() else []
        if others := _ending_in(OTHER_ENDINGS, found):
            count = counted(len(others), "picture")
            hints.append(
                f"{printable(word)}: {count} left out, such as {quote(others[0].name)}; make JPEGs of them"
            )
    return hints


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
    places = [_places(each) for each in named]
    many = [place for place in places if isinstance(place, dict)]
    stems = list(many[0]) if many else [""]
    for place in many[1:]:
        if alone := sorted(place.keys() ^ many[0].keys()):
            raise InputError(
                f"there is no picture {quote(alone[0])} in all of the folders; those of the same name belong together"
            )
    return [
        tuple(
            replace(each, picture=place[stem] if isinstance(place, dict) else place)
            for each, place in zip(named, places, strict=True)
        )
        for stem in stems
    ]


def _places(following: Following) -> str | dict[str, str]:
    """Return the path of a picture that all images follow, or those of a folder or a pattern by their stems."""
    paths = pictures_named([following.picture])
    if paths == [place_of(following.picture, Path())]:
        return paths[0]
    found: dict[str, str] = {}
    for path in paths:
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


def _named(word: str) -> Iterator[Path]:
    path = Path(place_of(word, Path()))
    if path.is_dir():
        inside = _pictures(path.iterdir())
        if not inside:
            raise InputError(f"there is no picture in the folder {quote(word)}")
        yield from inside
    elif path.exists() or word.startswith(KEPT):
        yield path
    elif glob.has_magic(word):
        # The current folder's own name may have brackets, too.
        pattern = place_of(word, Path(glob.escape(str(Path.cwd()))))
        inside = _pictures(map(Path, glob.glob(pattern, recursive=True)))  # noqa: PTH207
        if not inside:
            raise InputError(f"no picture fits the pattern {quote(word)}")
        yield from inside
    else:
        raise InputMissingError(f"There is no picture {quote(word)}.")


def _pictures(paths: Iterable[Path]) -> list[Path]:
    """Return the pictures among files, in order; where none can be read, those that will be refused and say why."""
    found = sorted(paths, key=_in_order)
    return _ending_in(PICTURE_ENDINGS, found) or _ending_in(OTHER_ENDINGS, found)


def _ending_in(endings: Collection[str], paths: Iterable[Path]) -> list[Path]:
    return [
        path
        for path in paths
        if path.suffix.lower() in endings and not path.name.startswith(".") and path.is_file()
    ]


def _in_order(path: Path) -> tuple[list[tuple[bool, int, str]], str]:
    """Sort as people do: 2.png before 10.png."""
    pieces = _NUMBERS.split(str(path).lower())
    return [
        (piece.isdecimal(), int(piece) if piece.isdecimal() else 0, piece) for piece in pieces
    ], str(path)
