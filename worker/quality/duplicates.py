"""Near-duplicates among many pictures, by their perceptual hashes.

Two pictures look alike if their hashes differ in few bits. Of the pictures in their order, each is kept unless it looks
like one that is kept already, which is then kept in its place. So no two kept pictures are within the distance of each
other, and each left out one is within the distance of the one in its place: there are no chains, as there would be if
every picture that looks like any of a group belonged to it.

Exact, by multi-index hashing (Norouzi, Punjani and Fleet 2012, https://arxiv.org/abs/1307.2982): cut into four bands of
16 bits, hashes within distance 7 agree in one band but for one bit, so each is compared only with those that share a
band. Where many share one, as do pictures that are hardly more than one colour, more are compared, in no more memory.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from worker.quality.bands import BandIndex, Hashes, Indices

#: The greatest distance that four bands with one differing bit allow.
MAX_DISTANCE = 7

#: Differing bits up to which `sdq inspect` takes two pictures for alike.
USUAL_DISTANCE = 6

_LOOKED_UP_AT_ONCE = 1024


def kept(hashes: Hashes, distance: int) -> NDArray[np.bool_]:
    """Return which pictures to keep, so that no two of them look alike; for the rest see `near_duplicates`."""
    instead = near_duplicates(hashes, distance)
    return np.asarray(instead == np.arange(len(instead)))


def near_duplicates(hashes: Hashes, distance: int) -> Indices:
    """Return for each picture the index of the one that is kept in its place, its own if it is kept itself.

    hashes: uint64 [n]; of pictures that look alike, the first is kept.
    distance: the most bits in which the hashes of pictures that look alike differ, 0 to 7.

    Takes some 130 bytes a picture while it runs. Raise ValueError for another distance.
    """
    if not 0 <= distance <= MAX_DISTANCE:
        raise ValueError(f"A distance is 0 to {MAX_DISTANCE}, not {distance}.")
    # Equal hashes count once, at the place of the first of them.
    distinct, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    order = np.argsort(first)
    instead = _thinned(distinct[order], distance) if distance else np.arange(len(order))
    kept_first = np.empty_like(first)
    kept_first[order] = first[order][instead]
    return kept_first[which]


def _thinned(hashes: Hashes, distance: int) -> Indices:
    """Do as `near_duplicates` for hashes that all differ."""
    instead = np.arange(len(hashes))
    undecided = instead.copy()
    while len(undecided):
        undecided = _decided(hashes, undecided, distance, instead)
    return instead


def _decided(hashes: Hashes, members: Indices, distance: int, instead: Indices) -> Indices:
    """Decide on the first of some hashes, and return those that are left to decide on.

    It ends when an eighth is decided: an index of fewer answers sooner, and costs little to make.

    members: which hashes, those that are neither kept nor left out yet. instead: what is found is written here.
    """
    index = BandIndex(hashes[members], distance)
    is_open = np.ones(len(members), dtype=np.bool_)
    decided = 0
    while np.count_nonzero(is_open[decided:]) > len(members) * 7 // 8:
        ahead = is_open[decided : decided + _LOOKED_UP_AT_ONCE]
        queries = decided + np.flatnonzero(ahead)
        if not len(queries):
            decided += len(ahead)
            continue
        answered, ones, others = index.near(queries)
        starts = np.flatnonzero(np.diff(ones, prepend=-1))
        for start, end in pairwise([*starts, len(ones)]):
            one = ones[start]
            if is_open[one]:
                left_out = others[start:end]
                left_out = left_out[is_open[left_out]]
                instead[members[left_out]] = members[one]
                is_open[left_out] = False
        decided = int(queries[answered - 1]) + 1
    return members[decided:][is_open[decided:]]
