"""HTML by construction: whatever is not markup already is escaped when it is put into an element.

Not Jinja2: this is the one page of the light install, which would grow by two packages for it, and a template escapes
only what nobody marked as safe. Here text cannot become markup, because only `element` makes markup.
"""

from __future__ import annotations

import html
from collections.abc import Iterable

from sdq_core.printable import printable

_WITHOUT_END = frozenset({"col", "img", "input", "meta"})


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, /, *content: str | None, **attributes: str | int | float | None) -> Markup:
    """Return an element. Attributes that are None are left out; ``class_`` is class, ``aria_label`` is aria-label."""
    begin = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escaped(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _WITHOUT_END:
        return Markup(f"<{name}{begin}>")
    return Markup(f"<{name}{begin}>{joined(content)}</{name}>")


def joined(content: Iterable[str | None]) -> Markup:
    """Return several pieces of content after each other."""
    return Markup("".join(escaped(piece) for piece in content if piece is not None))


def escaped(text: str) -> Markup:
    """Return a text as markup, with what no page can show as escapes such as ``\\x1b``; markup as it is."""
    return text if isinstance(text, Markup) else Markup(html.escape(printable(text)))
