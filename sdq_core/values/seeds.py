"""Seeds: unsigned 32-bit integers, written as ranges.

    0-99        inclusive            0-99(+10)   every tenth: 0, 10, ... 90
    0-100[5]    five, evenly spread  1,5,9-12    lists of any of these

Invariant: `parse_seeds(format_seeds(seeds))` returns the same seeds in the same order. Everything is bounded: a text
that names more than `MAX_SEEDS` is refused before a single one is made. "-1" (a random seed) is not a seed: planning
replaces it with one from `random_seeds` and stores that, so that the image can be drawn again.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence

from sdq_core.errors import InputError
from sdq_core.printable import quote

#: The largest seed: what ``numpy.random.RandomState`` takes.
MAX_SEED = 2**32 - 1

#: The most seeds that one text may name. A million images of one prompt are weeks of drawing.
MAX_SEEDS = 1_000_000

_PIECE = re.compile(
    r"(?P<first>[0-9]+)"
    r"(?:\s*-\s*(?P<last>[0-9]+)"
    r"(?:\s*\(\s*\+\s*(?P<step>[0-9]+)\s*\)|\s*\[\s*(?P<count>[0-9]+)\s*\])?)?"
)
_HELP = "write seeds like 7, 0-99, 0-99(+10), 0-100[5] or 1,5,9-12"


def parse_seeds(text: str) -> Sequence[int]:
    """Return the seeds in the order they are written, each once; an even run as a `range`.

    Raise InputError for anything else, a seed beyond `MAX_SEED` or more than `MAX_SEEDS` seeds.
    """
    pieces: list[Sequence[int]] = []
    total = 0
    for piece in text.split(","):
        seeds = _parse_piece(piece.strip())
        total += len(seeds)
        if total > MAX_SEEDS:
            raise InputError(
                f"seeds {quote(text)}: {total:,} seeds or more, but one prompt can have at most {MAX_SEEDS:,}; "
                "use a shorter range"
            )
        pieces.append(seeds)
    if len(pieces) == 1:
        return pieces[0]
    return compact_seeds(seed for piece in pieces for seed in piece)


def compact_seeds(seeds: Iterable[int]) -> Sequence[int]:
    """Remove duplicates and keep the order; return a `range` if the seeds rise evenly."""
    if isinstance(seeds, range) and seeds.step > 0:
        return seeds
    unique = tuple(dict.fromkeys(seeds))
    if len(unique) > 1 and (step := unique[1] - unique[0]) > 0:
        even = range(unique[0], unique[0] + step * len(unique), step)
        if unique[-1] == even[-1] and unique == tuple(even):
            return even
    return unique


def check_seed(seed: int) -> int:
    """Return the seed; raise InputError unless it is an unsigned 32-bit integer."""
    if not 0 <= seed <= MAX_SEED:
        raise InputError(f"seed {quote(str(seed))} is not between 0 and {MAX_SEED}")
    return seed


def format_seeds(seeds: Iterable[int]) -> str:
    """Write seeds as briefly as `parse_seeds` can read them, in their order."""
    return ",".join(
        str(run[0])
        if len(run) == 1
        else f"{run[0]}-{run[-1]}" + (f"(+{run.step})" if run.step > 1 else "")
        for run in _runs(seeds)
    )


def random_seeds(count: int, key: str | None = None) -> tuple[int, ...]:
    """Return `count` different seeds from the operating system's randomness; of a key, always the same ones."""
    if not 1 <= count <= MAX_SEEDS:
        raise InputError(f"{count} random seeds: ask for 1 to {MAX_SEEDS:,}")
    chance = random.SystemRandom() if key is None else random.Random(key)
    return tuple(chance.sample(range(MAX_SEED + 1), count))


def _parse_piece(piece: str) -> Sequence[int]:
    match = _PIECE.fullmatch(piece)
    if match is None:
        if not piece:
            raise InputError(f"seeds: one is missing; {_HELP}")
        if re.fullmatch(r"-[0-9]+", piece):
            raise InputError(f"seed {quote(piece)} is not between 0 and {MAX_SEED}")
        raise InputError(f"seeds {quote(piece)} cannot be read; {_HELP}")
    first = _number(match["first"], piece)
    if match["last"] is None:
        return range(first, first + 1)
    last = _number(match["last"], piece)
    if last < first:
        raise InputError(f"seeds {quote(piece)} run backwards; write {last}-{first}")
    available = last - first + 1
    if match["step"] is not None:
        step = _number(match["step"], piece)
        if step == 0:
            raise InputError(f"seeds {quote(piece)}: a step of 0 never ends; use 1 or more")
        return range(first, last + 1, step)
    if match["count"] is None:
        return range(first, last + 1)
    count = _number(match["count"], piece)
    if not 1 <= count <= available:
        raise InputError(
            f"seeds {quote(piece)}: between {first} and {last} there are "
            f"1 to {available} seeds, not {count}"
        )
    if count in {1, available}:
        return range(first, first + count)
    if count > MAX_SEEDS:
        return range(first, first + count)  # the caller refuses its length
    return compact_seeds(first + i * (last - first) // (count - 1) for i in range(count))


def _number(digits: str, piece: str) -> int:
    # Long digit strings are refused before int(): its time grows with their square.
    digits = digits.lstrip("0") or "0"
    if len(digits) > 10 or (number := int(digits)) > MAX_SEED:
        raise InputError(f"seeds {quote(piece)}: {quote(digits)} is more than {MAX_SEED}")
    return number


def _runs(seeds: Iterable[int]) -> Iterator[range]:
    """Cut into runs: singles, two or more neighbours, three or more with a wider step."""
    if isinstance(seeds, range) and (len(seeds) > 2 or seeds.step == 1) and seeds.step > 0:
        if seeds:
            yield seeds
        return
    run: list[int] = []
    for seed in seeds:
        if len(run) == 1 and seed <= run[0]:
            yield range(run[0], run[0] + 1)
            run = [seed]
        elif len(run) >= 2 and seed - run[-1] != run[1] - run[0]:
            if len(run) == 2 and run[1] - run[0] > 1:
                # Two numbers are shorter than a range with a step, and the second may begin a run.
                yield range(run[0], run[0] + 1)
                run = [run[1]]
                if seed <= run[0]:
                    yield range(run[0], run[0] + 1)
                    run = []
            else:
                yield range(run[0], run[-1] + 1, run[1] - run[0])
                run = []
            run.append(seed)
        else:
            run.append(seed)
    if len(run) == 2 and run[1] - run[0] > 1:
        yield from (range(seed, seed + 1) for seed in run)
    elif run:
        yield range(run[0], run[-1] + 1, run[1] - run[0] if len(run) > 1 else 1)
