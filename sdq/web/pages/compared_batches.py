"""Batches side by side: the images of the same prompts and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from db.browsing import Partner, Prompt, Tile
from db.values import BatchStatus
from sdq.web.pages.compared_images import LETTERS
from sdq.web.pages.lines import joined, lines_of, recipe_facts
from sdq.web.pages.shown import ShownImage, shown_batch, shown_tile
from sdq.web.reading import Sources

#: Prompts on a page, with so many seeds each, of two batches and of more.
_PROMPTS, _SEEDS_OF_TWO, _SEEDS = 12, 8, 4


@dataclass(frozen=True, kw_only=True)
class _Group:
    """The images of one seed, one of each batch, None where it has none.

    address: below the root, where they are compared; None if not two of them are drawn.
    equal: all that are drawn have the same pixels.
    """

    seed: int
    images: Sequence[ShownImage | None]
    address: str | None
    equal: bool


@dataclass(frozen=True, kw_only=True)
class _Row:
    """A prompt of the first batch. missing: the letters of the batches without it."""

    entry: int
    prompt: str
    groups: Sequence[_Group]
    missing: Sequence[str]


def batches_beside(
    sources: Sources, statuses: Sequence[BatchStatus], first: int
) -> Mapping[str, Any]:
    """Return what a page shows of two batches or more. first: the entry of the first one that it begins with."""
    browsing = sources.ledger.browsing
    one, *others = statuses
    each = _SEEDS_OF_TWO if len(statuses) == 2 else _SEEDS
    found = browsing.prompts(one.id, first, _PROMPTS + 1, each)
    shown = found[:_PROMPTS]
    beside = [browsing.partners(other.id, shown) for other in others]
    ids = [status.id for status in statuses]
    facts = [[recipe_facts(prompt.recipe) for prompt in shown]] + [
        [recipe_facts(partner.recipe) for partner in partners.values()] for partners in beside
    ]
    names = [(letter, status.name) for letter, status in zip(LETTERS, statuses, strict=False)]
    lines = lines_of([joined(some) for some in facts if some])
    before = browsing.entry_before(one.id, shown[0].entry if shown else first, _PROMPTS)
    address = f"?batches={','.join(map(str, ids))}"
    return {
        "batches": [
            (letter, shown_batch(status)) for letter, status in zip(LETTERS, statuses, strict=False)
        ],
        "heads": [name for name, some in zip(names, facts, strict=True) if some],
        "ids": ",".join(map(str, ids)),
        "rows": [
            _row(ids, prompt, [some.get(prompt.entry) for some in beside]) for prompt in shown
        ],
        "different": [line for line in lines if line.differs],
        "alike": [line for line in lines if not line.differs],
        "is_alone": bool(shown) and not any(beside),
        "former": None if before is None else f"{address}&entry={before}",
        "following": f"{address}&entry={found[_PROMPTS].entry}" if len(found) > _PROMPTS else None,
    }


def _row(ids: Sequence[int], prompt: Prompt, beside: Sequence[Partner | None]) -> _Row:
    return _Row(
        entry=prompt.entry,
        prompt=prompt.recipe.prompt,
        groups=[_group(ids, prompt, tile, beside) for tile in prompt.images.tiles],
        missing=[LETTERS[place] for place, each in enumerate(beside, 1) if each is None],
    )


def _group(
    ids: Sequence[int], prompt: Prompt, tile: Tile, beside: Sequence[Partner | None]
) -> _Group:
    partners = [each.tiles.get(tile.seed) if each else None for each in beside]
    recipes = [prompt.recipe, *(each.recipe if each else prompt.recipe for each in beside)]
    tiles = [tile, *partners]
    drawn = [one for one in tiles if one and one.pixels_sha256]
    return _Group(
        seed=tile.seed,
        images=[
            shown_tile(one, batch_id, recipe) if one else None
            for one, batch_id, recipe in zip(tiles, ids, recipes, strict=True)
        ],
        address=f"/compare?images={','.join(str(one.id) for one in drawn)}"
        if len({one.id for one in drawn}) > 1
        else None,
        equal=len(drawn) > 1 and len({one.pixels_sha256 for one in drawn}) == 1,
    )
