"""Images that look like another one that is exported, by their perceptual hashes (`sdq inspect`)."""

from __future__ import annotations

import re
import shlex
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace

from db.drawn import STORED, DrawnSlice
from sdq.exports.sample import name_of
from sdq_core.errors import ConfigurationError, UsageError
from sdq_core.printable import quote

#: The greatest distance that `worker.quality.duplicates` finds.
_MOST = 7
_WRITTEN = re.compile(r"phash:([0-9]{1,2})")
_ID, _SEED, _HASH = (STORED[name].position for name in ("id", "seed", "phash"))


def parse_dedup(text: str) -> int:
    """Return the distance that ``phash:6`` names: bits, of 64; raise UsageError for any other text."""
    found = _WRITTEN.fullmatch(text.strip())
    if found is None or int(found[1]) > _MOST:
        raise UsageError(
            f"--dedup is {quote(text)}; write phash: and a distance, from phash:0 for equal hashes to phash:{_MOST}."
        )
    return int(found[1])


def look_alikes(
    slices: Iterable[DrawnSlice], distance: int, is_known: Callable[[str], bool]
) -> frozenset[int]:
    """Return the ids of the images to leave out, so that no two of the others look alike.

    Of those that look alike, one that is in the data set is kept, else the one that was tried first. So what an export
    left out stays out, and what it took stays.

    distance: the most bits in which the hashes of images that look alike differ.
    is_known: whether an image is in the data set, by its key.

    Takes some 150 bytes an image. Raise UsageError if images are not measured, ConfigurationError without NumPy.
    """
    try:
        import numpy as np

        from worker.quality.duplicates import kept
    except ImportError:
        raise ConfigurationError(
            "--dedup needs NumPy. Run `pip install 'sdq[onnx]'`, or leave it out."
        ) from None
    ids, hashes, new = array("q"), array("Q"), array("b")
    for drawn in slices:
        for row in drawn.rows:
            if row[_HASH] is None:
                raise UsageError(_unmeasured(drawn.batch_name))
            ids.append(row[_ID])
            hashes.append(int.from_bytes(row[_HASH]))
            new.append(not is_known(name_of(drawn.recipe, row[_SEED])))
    numbers, first = np.unique(np.array(ids, dtype=np.int64), return_index=True)
    is_new = np.array(new, dtype=np.bool_)[first]
    order = np.lexsort((numbers, is_new))
    stays = kept(np.array(hashes, dtype=np.uint64)[first][order], distance)
    return frozenset(numbers[order][~stays & is_new[order]].tolist())


def require_measured(slices: Iterable[DrawnSlice]) -> None:
    """Raise UsageError unless all images are measured."""
    for drawn in slices:
        if any(row[_HASH] is None for row in drawn.rows):
            raise UsageError(_unmeasured(drawn.batch_name))


def apart_from(slices: Iterable[DrawnSlice], ids: Collection[int]) -> Iterator[DrawnSlice]:
    """Yield the slices without some of their images."""
    for drawn in slices:
        if not ids:
            yield drawn
        elif rows := [row for row in drawn.rows if row[_ID] not in ids]:
            yield replace(drawn, rows=rows)


def _unmeasured(batch: str) -> str:
    return f"--dedup compares measures, and {batch} has images without. Run `sdq inspect {shlex.quote(batch)}` first."
