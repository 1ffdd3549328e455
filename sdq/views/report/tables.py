"""Tables of the page: real ones, with a caption, headings of columns, and a heading of each row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sdq.views.report.markup import Markup, element


@dataclass(frozen=True)
class Column:
    """A column's heading.

    text: not numbers, which stand at the right.
    wide: it takes the room that is left.
    bars: of a chart, which narrow screens leave out.
    """

    name: str
    text: bool = False
    wide: bool = False
    bars: bool = False

    @property
    def style(self) -> str | None:
        """Its cells' class."""
        if self.bars:
            return "bars"
        return "wide" if self.wide else None if self.text else "number"


def table(
    caption: str,
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    *,
    show_caption: bool = False,
) -> Markup:
    """Return a table; its caption is for screen readers unless it is shown, where a section's heading says the same."""
    heads = [element("th", column.name, scope="col", class_=column.style) for column in columns]
    body = [
        element(
            "tr",
            *(
                element("td", cell, class_=column.style)
                if number
                else element("th", cell, scope="row", class_=column.style)
                for number, (column, cell) in enumerate(zip(columns, row, strict=True))
            ),
        )
        for row in rows
    ]
    return element(
        "div",
        element(
            "table",
            element("caption", caption, class_=None if show_caption else "hidden"),
            element("thead", element("tr", *heads)),
            element("tbody", *body),
        ),
        # Narrow screens scroll it sideways, with the keyboard too.
        class_="scroll",
        role="region",
        # A name of its own: that of its section is the caption in most cases.
        aria_label=f"Table: {caption}",
        tabindex=0,
    )
