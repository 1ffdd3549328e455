"""The seeds of a line: its own, or the submission's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from producer.planning.defaults import Defaults
from producer.reading.prompt_line import PromptLine
from sdq_core.values.seeds import check_seed, random_seeds


def how_many(line: PromptLine, defaults: Defaults) -> int:
    """Count a line's seeds without making them."""
    if line.seeds is not None:
        return len(line.seeds)
    return line.random_seeds or line.image_count or defaults.random_seeds or len(defaults.seeds)


def seeds_of(line: PromptLine, defaults: Defaults) -> Sequence[int]:
    """Return a line's own seeds, else its number of random or of consecutive ones, else the submission's."""
    if line.seeds is not None:
        return line.seeds
    if line.random_seeds is not None:
        return random_seeds(line.random_seeds)
    if defaults.random_seeds is not None:
        return random_seeds(line.image_count or defaults.random_seeds)
    if line.image_count is not None:
        first = defaults.seeds[0]
        check_seed(first + line.image_count - 1)
        return range(first, first + line.image_count)
    return defaults.seeds


def repeatable(lines: Iterable[PromptLine], key: str) -> list[PromptLine]:
    """Return the lines with the random seeds that they ask for chosen by a key, and so always the same ones."""
    made: list[PromptLine] = []
    source, number = None, 0
    for line in lines:
        if line.source is not source:
            source, number = line.source, number + 1
        if line.random_seeds is None:
            made.append(line)
        else:
            seeds = random_seeds(line.random_seeds, f"{key} {number}")
            made.append(replace(line, seeds=seeds, random_seeds=None))
    return made


def settled(lines: Iterable[PromptLine], defaults: Defaults) -> list[PromptLine]:
    """Return the lines with random seeds chosen now, the same ones for all combinations that a line stands for."""
    made: list[PromptLine] = []
    source: str | None = None
    seeds: Sequence[int] = ()
    for line in lines:
        is_random = line.seeds is None and (line.random_seeds or defaults.random_seeds)
        if not is_random:
            made.append(line)
            continue
        if line.source is not source:
            source, seeds = line.source, seeds_of(line, defaults)
        made.append(replace(line, seeds=seeds, random_seeds=None, image_count=None))
    return made
