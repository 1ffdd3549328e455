"""Pieces that the page's sections share."""

from __future__ import annotations

from db.summaries.values import Summary
from db.values import FinishedImage
from sdq.views.report.markup import Markup, element

#: Longer texts end with an ellipsis.
_MOST_CHARS = 500


def section(name: str, heading: str, note: str | None, *content: Markup | None) -> Markup:
    """Return a section with its heading and a note at the side. name: its id."""
    side = element(
        "div",
        element("h2", heading, id=name),
        element("p", note) if note else None,
        class_="side",
    )
    return element(
        "section", side, element("div", *content, class_="content"), aria_labelledby=name
    )


def prompt_of(prompt: str) -> Markup:
    """Return a prompt, in its own direction of writing."""
    return element("span", short(prompt), class_="prompt", dir="auto")


def short(text: str) -> str:
    """Return a text on one line and of bounded length."""
    whole = " ".join(text[: 2 * _MOST_CHARS].split())
    return whole if len(whole) <= _MOST_CHARS else f"{whole[: _MOST_CHARS - 1]}…"


def path_of(shown: FinishedImage) -> Markup:
    """Return an image's path, which may be broken behind its slashes."""
    parts = shown.image.path.split("/")
    spans = [element("span", f"{part}/") for part in parts[:-1]]
    return element("code", *spans, element("span", parts[-1]), class_="path")


def place_of(summary: Summary, batch_name: str, entry: int, seed: int | None = None) -> Markup:
    """Return where an image or a prompt stands, with its batch if there are several."""
    where = f"prompt {entry}" if seed is None else f"prompt {entry} · seed {seed}"
    if summary.batch is not None:
        return element("span", where, class_="place")
    return element("span", batch_name, element("small", where, class_="place"), dir="auto")


def first_of(shown: int, count: int) -> str | None:
    """Return a note for a list that does not show all."""
    return f"The first {shown:,} of {count:,}." if shown < count else None
