"""Names with what is known of them, one to a line."""

from __future__ import annotations

from collections.abc import Iterable

from sdq_core.printable import printable


def fact_lines(facts: Iterable[tuple[str, str | None]]) -> list[str]:
    """Align names and texts; leave out those without a text."""
    known = [(name, text) for name, text in facts if text]
    width = max((len(name) for name, _ in known), default=0)
    return [printable(f"{name:<{width}}  {' '.join(text.split())}") for name, text in known]
