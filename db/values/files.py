"""What is known of images' files, for checks and clean-ups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class CheckedFile(NamedTuple):
    """The file of a finished image, as far as it is compared. A tuple, because millions are made one after the other.

    path: relative to the output folder.
    sha256: None if it is not to be compared.
    """

    recipe_id: int
    seed: int
    path: str
    size_bytes: int
    sha256: str | None


@dataclass(frozen=True, kw_only=True)
class CheckedPage:
    """What some slices of a batch say, for `sdq verify`.

    files: of their finished images, by slice and seed.
    closed_too_early: those of the slices that are finished and have images which are not settled.
    """

    files: Sequence[CheckedFile]
    closed_too_early: Sequence[int]


class FileStanding(StrEnum):
    """What a file is that is at a batch's own path for one of its images.

    EXPECTED: the file of a finished image, or of one that is still to be drawn.
    SPARE: a second copy of an image that has its file elsewhere.
    UNKNOWN: neither.
    """

    EXPECTED = "expected"
    SPARE = "spare"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class PrunedPage:
    """The finished images that removing a part of a batch removed.

    images: how many.
    paths: their files, which are no longer needed.
    spares: where a second copy of an image may be, whose file is elsewhere.
    last: the batch was removed too.
    """

    images: int
    paths: tuple[str, ...]
    spares: tuple[str, ...] = ()
    last: bool
