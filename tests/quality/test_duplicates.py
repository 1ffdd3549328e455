"""Which pictures look alike: exactly what comparing each with each says, however the hashes lie."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from worker.quality.bands import count_ones, count_ones_by_halves
from worker.quality.duplicates import MAX_DISTANCE, kept, near_duplicates

Hashes = NDArray[np.uint64]
MANY = 20_000


def one_by_one(hashes: Hashes, distance: int) -> NDArray[np.intp]:
    """The rule in its simplest form: keep each in its turn, and leave out all later ones that look like it."""
    instead = np.full(len(hashes), -1)
    for place, value in enumerate(hashes):
        if instead[place] < 0:
            alike = count_ones(hashes ^ value) <= distance
            instead[alike & (instead < 0)] = place
    return instead


def random(count: int, seed: int = 0) -> Hashes:
    return np.random.default_rng(seed).integers(0, 1 << 64, count, dtype=np.uint64)


def flipped(hashes: Hashes, most: int, seed: int = 1) -> Hashes:
    """Each with up to so many of its bits flipped."""
    chance = np.random.default_rng(seed)
    found = hashes.copy()
    for _ in range(most):
        found ^= np.uint64(1) << chance.integers(0, 64, len(hashes)).astype(np.uint64)
    return found


def clustered(count: int) -> Hashes:
    """Groups of all sizes around a few hundred hashes, some of them chains."""
    chance = np.random.default_rng(2)
    centres = random(300)[chance.integers(0, 300, count)]
    return flipped(centres, 5)


def in_one_bucket(count: int) -> Hashes:
    """All the same in three of the four bands."""
    return (random(count) & np.uint64(0xFFFF)) | np.uint64(0x1234_5678_9ABC_0000)


def half_in_one_bucket(count: int) -> Hashes:
    """Different ones, of which half share one band."""
    hashes = random(count)
    hashes[::2] &= np.uint64(0xFFFF_FFFF_FFFF_0000)
    return hashes


def with_copies(count: int) -> Hashes:
    """Half random, half what was there before with a few bits flipped, some with none."""
    hashes = random(count)
    half = count // 2
    hashes[half:] = flipped(hashes[:half], 7)
    hashes[half : half + half // 4] = hashes[: half // 4]
    return np.random.default_rng(3).permutation(hashes)


@pytest.mark.parametrize("distance", [0, 1, 2, 3, 4, 5, 6, MAX_DISTANCE])
@pytest.mark.parametrize("made", [clustered, in_one_bucket, half_in_one_bucket, with_copies])
def test_all_look_alikes_are_found_and_no_others(
    made: Callable[[int], Hashes], distance: int
) -> None:
    hashes = made(3000)
    found = near_duplicates(hashes, distance)
    np.testing.assert_array_equal(found, one_by_one(hashes, distance))
    np.testing.assert_array_equal(kept(hashes, distance), found == np.arange(len(hashes)))


@pytest.mark.parametrize("made", [clustered, with_copies])
def test_they_are_found_among_many(made: Callable[[int], Hashes]) -> None:
    hashes = made(MANY)
    np.testing.assert_array_equal(near_duplicates(hashes, 6), one_by_one(hashes, 6))


def test_of_a_million_equal_ones_the_first_is_kept() -> None:
    assert not near_duplicates(np.full(1_000_000, 7, dtype=np.uint64), 6).any()


def test_no_two_kept_ones_look_alike_and_each_other_looks_like_the_one_in_its_place() -> None:
    hashes = clustered(5000)
    instead = near_duplicates(hashes, 6)
    assert (count_ones(hashes ^ hashes[instead]) <= 6).all()
    remaining = hashes[kept(hashes, 6)]
    assert 300 <= len(remaining) < 5000
    apart = count_ones(remaining[:, None] ^ remaining[None, :])
    assert (apart + 64 * np.eye(len(remaining), dtype=np.uint8) > 6).all()


def test_few_or_no_pictures_are_no_special_case() -> None:
    for hashes in ([], [5], [5, 5], [5, 4, 1 << 63]):
        found = near_duplicates(np.array(hashes, dtype=np.uint64), 1)
        assert found.tolist() == [[], [0], [0, 0], [0, 0, 2]][len(hashes)]


def test_a_distance_that_cannot_be_searched_is_refused() -> None:
    for distance in (-1, MAX_DISTANCE + 1):
        with pytest.raises(ValueError, match="0 to 7"):
            near_duplicates(random(3), distance)


def test_bits_are_counted_alike_by_any_numpy() -> None:
    hashes = np.concatenate([random(1000), np.array([0, (1 << 64) - 1], dtype=np.uint64)])
    expected = [int(value).bit_count() for value in hashes]
    assert count_ones(hashes).tolist() == count_ones_by_halves(hashes).tolist() == expected
