"""The images beside one: the seeds before and after it, and the same seed of the prompts before and after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, select

from db.browsing.prompts import entry_after, entry_before
from db.browsing.tiles import Tile, tiles_after
from db.tables import slices
from sdq_core.values.seeds import parse_seeds

#: Slices of a neighbouring entry that are looked at for the same seed.
_SLICES = 50


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """What is beside an image. row: the images around it in its own entry, itself among them."""

    row: Sequence[Tile]
    above: Tile | None
    below: Tile | None

    def beside(self, seed: int, step: int) -> Tile | None:
        """Return the one so many places after a seed; None beyond the ends."""
        seeds = [tile.seed for tile in self.row]
        place = seeds.index(seed) + step if seed in seeds else -1
        return self.row[place] if 0 <= place < len(self.row) else None


def neighbours(
    connection: Connection, batch_id: int, entry: int, seed: int, around: int
) -> Neighbours:
    """Return what is beside an image of a batch. around: how many before it, and after it, at most."""
    return Neighbours(
        row=_row(connection, batch_id, entry, seed, around),
        above=_same_seed(connection, batch_id, entry_before(connection, batch_id, entry), seed),
        below=_same_seed(connection, batch_id, entry_after(connection, batch_id, entry), seed),
    )


def _row(
    connection: Connection, batch_id: int, entry: int, seed: int, around: int
) -> Sequence[Tile]:
    query = (
        select(slices.c.id, slices.c.seeds)
        .where(slices.c.batch_id == batch_id, slices.c.entry == entry)
        .order_by(slices.c.id)
    )
    before: list[tuple[int, int]] = []  # the places of the seeds before it
    for slice_ in connection.execute(query):
        seeds = parse_seeds(slice_.seeds)
        if seed in seeds:
            before += [(slice_.id, place) for place in range(seeds.index(seed))][-around:]
            start = (before[-around:] or [(slice_.id, 0)])[0]
            count = min(len(before), around) + 1 + around
            return tiles_after(connection, batch_id, entry, start, count).tiles
        before += [(slice_.id, place) for place in range(len(seeds))[-around:]]
        before = before[-around:]
    return ()


def _same_seed(connection: Connection, batch_id: int, entry: int | None, seed: int) -> Tile | None:
    """Return the image of an entry with a seed, else its first."""
    if entry is None:
        return None
    query = (
        select(slices.c.id, slices.c.seeds)
        .where(slices.c.batch_id == batch_id, slices.c.entry == entry)
        .order_by(slices.c.id)
        .limit(_SLICES)
    )
    start = (0, 0)
    for slice_ in connection.execute(query):
        seeds = parse_seeds(slice_.seeds)
        if seed in seeds:
            start = (slice_.id, seeds.index(seed))
            break
    found = tiles_after(connection, batch_id, entry, start, 1).tiles
    return found[0] if found else None
