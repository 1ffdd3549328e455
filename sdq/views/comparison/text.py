"""A comparison as text."""

from __future__ import annotations

from collections.abc import Iterator

from sdq.comparing.comparison import Comparison
from sdq.views.comparison.words import decibels, pairs_of, place_of, without_partner
from sdq_core.printable import printable

_PROMPT_CHARS = 60


def comparison_lines(comparison: Comparison, limit: int) -> Iterator[str]:
    """Yield the lines of a comparison. limit: name at most this many pairs, the least similar first."""
    head = f"{comparison.one} and {comparison.other}: {pairs_of(len(comparison.pairs))}"
    if comparison.equal:
        head += f", {comparison.equal:,} equal"
    if comparison.unmeasured:
        head += f", {comparison.unmeasured:,} not comparable"
    yield printable(head)
    yield f"  median {decibels(comparison.median_db)}, worst {decibels(comparison.worst_db)}"
    for difference in comparison.differences:
        one, other = (" ".join(values) for values in (difference.one, difference.other))
        yield printable(f"  {difference.name}: {one} | {other}")
    if alone := without_partner(comparison):
        yield printable(f"  without a partner: {alone}")
    shown = [pair for pair in comparison.pairs if pair.psnr_db != float("inf")][:limit]
    for pair in shown:
        prompt = " ".join(pair.one.recipe.prompt[: 2 * _PROMPT_CHARS].split())[:_PROMPT_CHARS]
        yield printable(f"  {decibels(pair.psnr_db):>9}  {place_of(pair)}  {prompt}".rstrip())
