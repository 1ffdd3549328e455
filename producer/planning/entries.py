"""The entries of a plan: identical recipes merged, every (recipe, seed) requested once.

Lines with one recipe and the same user fields become one entry with all their seeds. Lines with one recipe and
different fields stay apart, because a `custom_id` belongs to its own seeds. If they ask for the same seed, the first
line owns the image and keeps the other's fields and those seeds under `also`: the image is drawn once, and both find
it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from db.values import JSON, PlannedEntry
from sdq_core.values.recipes import Recipe
from sdq_core.values.seeds import compact_seeds, format_seeds


class _Entry:
    """One entry while it grows."""

    def __init__(
        self, recipe: Recipe, seeds: Sequence[int], fields: Mapping[str, JSON], source: str
    ) -> None:
        self.recipe = recipe
        self.seeds = seeds
        self.fields = fields
        self.source = source
        self.more: list[int] = []
        self.also: list[dict[str, JSON]] = []

    def planned(self) -> PlannedEntry:
        """Return the finished entry."""
        return PlannedEntry(
            recipe=self.recipe,
            seeds=compact_seeds([*self.seeds, *self.more]) if self.more else self.seeds,
            fields={**self.fields, "also": self.also} if self.also else self.fields,
            source=self.source,
        )


class _Group:
    """All entries of one recipe that several lines ask for."""

    def __init__(self, first: _Entry) -> None:
        self.owners = dict.fromkeys(first.seeds, first)
        self.by_fields = {_canonical(first.fields): first}

    def add(
        self, recipe: Recipe, seeds: Sequence[int], fields: Mapping[str, JSON], source: str
    ) -> _Entry | None:
        """Add another line's share; return an entry if it needs one of its own."""
        written = _canonical(fields)
        own = self.by_fields.get(written)
        free: list[int] = []
        taken: dict[int, tuple[_Entry, list[int]]] = {}
        for seed in seeds:
            owner = self.owners.get(seed)
            if owner is None:
                free.append(seed)
            elif owner is not own and fields:
                taken.setdefault(id(owner), (owner, []))[1].append(seed)
        for owner, its_seeds in taken.values():
            owner.also.append({**fields, "seeds": format_seeds(its_seeds)})
        if not free:
            return None
        if own is not None:
            own.more.extend(free)
            self.owners.update(dict.fromkeys(free, own))
            return None
        own = _Entry(recipe, compact_seeds(free), fields, source)
        self.by_fields[written] = own
        self.owners.update(dict.fromkeys(free, own))
        return own


class Entries:
    """Collects recipes with seeds in the order they come."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self._first: dict[str, _Entry] = {}
        self._groups: dict[str, _Group] = {}

    def add(
        self, recipe: Recipe, seeds: Sequence[int], fields: Mapping[str, JSON], source: str = ""
    ) -> None:
        """Add a line's share; seeds that an earlier line asked for stay with that line. source: the line's place."""
        key = recipe.content_key
        first = self._first.get(key)
        entry: _Entry | None
        if first is None:
            entry = _Entry(recipe, seeds, fields, source)
            self._first[key] = entry
        else:
            # Most recipes come only once, so seeds' owners are recorded from the second time on.
            group = self._groups.get(key)
            if group is None:
                group = self._groups[key] = _Group(first)
            entry = group.add(recipe, seeds, fields, source)
        if entry is not None:
            self._entries.append(entry)

    def planned(self) -> list[PlannedEntry]:
        """Return all entries, in the order of their first lines."""
        return [entry.planned() for entry in self._entries]


def _canonical(fields: Mapping[str, JSON]) -> str:
    return json.dumps(fields, sort_keys=True) if fields else ""
