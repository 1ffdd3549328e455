"""`--seeds` of images that are drawn again: their own, those that follow each, or others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from producer.reading.characters import plain
from producer.reading.fields import seeds_or_random
from producer.reading.prompt_line import PromptLine
from sdq_core.errors import InputError
from sdq_core.printable import quote
from sdq_core.values.seeds import MAX_SEED, MAX_SEEDS, compact_seeds

SAME = "same"


def other_seeds(written: str) -> Callable[[PromptLine], PromptLine]:
    """Return what gives a line the seeds of `--seeds`.

    written: `same`; `+10` for the ten that follow each of the line's own, and are not its own; a seed range, or -1 for
        a random one, in place of them.

    Raise InputError for anything else. What is returned raises it for a line that has no seeds to count from, or none
    that follow.
    """
    text = plain(written).lower()
    if text == SAME:
        return lambda line: line
    if text.startswith("+"):
        if (
            not text[1:].isdecimal()
            or len(text) > 8
            or not 1 <= (count := int(text[1:])) <= MAX_SEEDS
        ):
            raise InputError(f"{quote(written)} is not a number of seeds; write +1 to +{MAX_SEEDS}")
        return lambda line: replace(line, seeds=_following(line, count))
    seeds = seeds_or_random(written)
    if seeds is None:
        return lambda line: replace(line, seeds=None, random_seeds=1, image_count=None)
    return lambda line: replace(line, seeds=seeds, random_seeds=None, image_count=None)


def _following(line: PromptLine, count: int) -> Sequence[int]:
    if line.seeds is None:
        raise InputError("it has no seed to count from; name some with --seeds")
    if len(line.seeds) * count > MAX_SEEDS:
        raise InputError(f"these are more than {MAX_SEEDS:,} seeds of one prompt; ask for fewer")
    own = set(line.seeds)
    found = {
        seed: None
        for first in line.seeds
        for seed in range(first + 1, min(first + count, MAX_SEED) + 1)
        if seed not in own
    }
    if not found:
        raise InputError(f"no seed follows {MAX_SEED}")
    return compact_seeds(sorted(found))
