"""Whether two images of a batch would be one file, found before anything is queued.

A template with `{index}` and `{seed}` standing alone is sure without a look at the images, as is the default. Otherwise
the paths are compared as the coarsest file system does: those of prompts if the seed stands alone, which takes 110
bytes for each, else those of images, with as much. Other batches are not looked at: where their paths meet, the second
image gets the next free one when it is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from db.values import JSON, KnownEntry, PlannedEntry
from sdq_core.errors import InputError
from sdq_core.images.filing import Filing
from sdq_core.images.safe_names import folded
from sdq_core.images.tokens import PathFacts
from sdq_core.printable import quote

#: Where a name becomes a device's with some seeds, which is changed (`sdq_core.images.safe_names`).
_DEVICE = re.compile("(com|lpt)[\0-\x14]")

#: Which token to name where nothing that a template lacks differs, such as where a text was cut.
_SURE = ("index", "seed", "recipe")


@dataclass(frozen=True)
class _Asked:
    """What is asked for: some seeds of a recipe, and where. facts: with the first of the seeds."""

    facts: PathFacts
    seeds: Sequence[int]
    place: str


def check_paths(
    entries: Sequence[PlannedEntry],
    filing: Filing,
    batch_name: str,
    known: Callable[[], Iterable[KnownEntry]] = tuple,
) -> None:
    """Raise InputError, with a sentence, if two images of a batch would have the same path.

    known: what the batch was asked for before; called only if its paths have to be compared.
    """
    template = filing.template
    if "custom_id" in template.tokens:
        for entry in entries:
            if not entry.fields.get("custom_id"):
                raise InputError(
                    f"{_place(entry)} has no custom_id, which the path template asks for. Add one, or use {{index}}."
                )
    if template.tells_apart("seed") and template.tells_apart("index"):
        return
    comparison = _Comparison(filing, batch_name, entries, known)
    if "seed" not in template.tokens:
        comparison.refuse_several_seeds()
    if repeated := comparison.repeated():
        comparison.refuse(repeated)


class _Comparison:
    def __init__(
        self,
        filing: Filing,
        batch_name: str,
        entries: Sequence[PlannedEntry],
        known: Callable[[], Iterable[KnownEntry]],
    ) -> None:
        self._filing = filing
        self._batch_name = batch_name
        self._entries = entries
        self._known = known
        self._by_prompt = filing.template.tells_apart("seed")

    def refuse_several_seeds(self) -> None:
        """Raise InputError if a prompt has several seeds, without making all of their paths."""
        for asked in self._asked():
            if len(asked.seeds) > 1:
                first, second = (replace(asked, seeds=(seed,)) for seed in asked.seeds[:2])
                raise InputError(self._sentence(first, second))

    def repeated(self) -> set[int]:
        """Return the hashes of paths that come more than once, perhaps by chance."""
        seen: set[int] = set()
        repeated: set[int] = set()
        for key, _, _ in self._keys():
            digest = hash(key)
            if digest in seen:
                repeated.add(digest)
            seen.add(digest)
        return repeated

    def refuse(self, repeated: set[int]) -> None:
        """Raise InputError for the first two images that have a path of these in common."""
        owners: dict[str, dict[int, _Asked]] = {}
        for key, asked, seeds in self._keys():
            if hash(key) not in repeated:
                continue
            taken = owners.setdefault(key, {})
            for seed in seeds:
                # Where the seed tells images apart, only the same one is the same path.
                at = seed if self._by_prompt else 0
                other = taken.get(at)
                if other is None:
                    taken[at] = replace(asked, seeds=(seed,))
                elif not _same_image(other, asked, seed):
                    raise InputError(self._sentence(other, replace(asked, seeds=(seed,))))

    def _keys(self) -> Iterator[tuple[str, _Asked, Sequence[int]]]:
        template = self._filing.template
        for asked in self._asked():
            key = folded(template.prompt_key(asked.facts))
            if self._by_prompt:
                yield key, asked, asked.seeds
                continue
            for seed in asked.seeds:
                path = template.with_seed(key, seed)
                if _DEVICE.search(key):
                    path = folded(template.stem(replace(asked.facts, seed=seed)))
                yield path, asked, (seed,)

    def _asked(self) -> Iterator[_Asked]:
        """Yield what the batch was asked for before and what the plan asks for."""
        # Only if the paths have them: a million numbers take more memory than all the rest.
        numbers: dict[str, int] | None = {} if "index" in self._filing.template.tokens else None
        last = 0
        for known in self._known():
            if numbers is not None:
                numbers[known.recipe.content_key] = known.number
                last = max(last, known.number)
            place = f"prompt {known.number} of batch {self._batch_name}"
            yield _Asked(self._facts(known, known.number), known.seeds, place)
        for entry in self._entries:
            number = 0
            if numbers is not None:
                number = numbers.setdefault(entry.recipe.content_key, last + 1)
                last = max(last, number)
            yield _Asked(self._facts(entry, number), entry.seeds, _place(entry))

    def _facts(self, entry: PlannedEntry | KnownEntry, number: int) -> PathFacts:
        return PathFacts(
            batch_name=self._batch_name,
            entry=number,
            seed=entry.seeds[0],
            recipe=entry.recipe,
            custom_id=_custom_id(entry.fields),
            date=self._filing.date,
        )

    def _sentence(self, one: _Asked, other: _Asked) -> str:
        facts = [replace(asked.facts, seed=asked.seeds[0]) for asked in (one, other)]
        path = quote(self._filing.path(facts[0]))
        token = self._that_differs(*facts)
        if one.place != other.place:
            who = f"{one.place} and {other.place}"
        elif facts[0].seed != facts[1].seed:
            who = f"Seeds {facts[0].seed} and {facts[1].seed} of {one.place}"
        else:
            who = f"Two images of {one.place}"
        return f"{who} would both be {path}; add {{{token}}} to --path-template."

    def _that_differs(self, one: PathFacts, other: PathFacts) -> str:
        """Return the token that tells two images apart and that the template has not."""
        mine, others = _values(one), _values(other)
        missing = [token for token in mine if token not in self._filing.template.tokens]
        for token in missing:
            if mine[token] and others[token] and folded(mine[token]) != folded(others[token]):
                return token
        return next(
            (token for token in _SURE if token not in self._filing.template.tokens), "index:05d"
        )


def _values(facts: PathFacts) -> dict[str, str]:
    """Return what may tell two images apart, by token: what says most about an image first."""
    recipe = facts.recipe
    return {
        "custom_id": facts.custom_id or "",
        "steps": str(recipe.num_inference_steps),
        "guidance": f"{recipe.guidance_scale:g}",
        "scheduler": str(recipe.scheduler),
        "variant": str(recipe.variant.attention_implementation),
        "model": recipe.variant.model,
        "seed": str(facts.seed),
        "index": str(facts.entry or ""),
    }


def _same_image(one: _Asked, other: _Asked, seed: int) -> bool:
    """Whether a seed of one is the same image as that of the other: a plan may ask for what a batch has."""
    same_recipe = one.facts.recipe.content_key == other.facts.recipe.content_key
    return same_recipe and one.seeds[0] == seed


def _place(entry: PlannedEntry) -> str:
    return entry.source or quote(entry.recipe.prompt)


def _custom_id(fields: Mapping[str, JSON]) -> str | None:
    return fields.get("custom_id")
