"""What a format of data sets has to do: write parts, each of which is there whole or not at all.

`sdq.exports.export` decides what goes into which part and when one is full, and keeps the index. A part that is in the
index is never written again: images that come later go into parts of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sdq.exports.sample import Sample


class Part(Protocol):
    """Files while they are written, below `sdq.exports.folder.WORK` in the data set's folder."""

    @property
    def size_bytes(self) -> int:
        """How large it is so far, bytes."""

    def add(self, sample: Sample) -> None:
        """Add a sample, behind those added before; raise OSError if it cannot be written."""

    def close(self) -> Sequence[Path]:
        """Make it durable and put it in its place, over what an export that was killed left there.

        Return its files, or the folder if it has one to itself. Raise OSError if that fails.
        """

    def abort(self) -> None:
        """Remove what there is of it, also after a `close` that failed. Raise nothing."""


@dataclass(frozen=True, kw_only=True)
class SplitState:
    """What a data set has of one split: numbers of parts and samples, and the size of the parts."""

    parts: int
    samples: int
    size_bytes: int


class Format(Protocol):
    """A format of data sets. Its files depend on the samples and the options only: the same again, byte by byte.

    samples_per_part: the most samples of a part.
    bytes_per_part: a part is closed when it has reached this size; None for no limit.
    """

    samples_per_part: int
    bytes_per_part: int | None

    def begin(self, folder: Path, split: str, number: int) -> Part:
        """Begin a part of a split below the data set's folder. number: of the part in its split, from 0."""

    def finish(self, folder: Path, splits: Mapping[str, SplitState]) -> None:
        """Write what is about all parts, such as a list or a card, once they are closed.

        Called at the end of each export that added something; again, if that was killed here. splits: what the data
        set has by now, older parts included, which are numbered from 0. Raise OSError if it cannot be written.
        """
