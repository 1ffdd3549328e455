"""What a sheet does not show, in sentences with the option that shows it."""

from __future__ import annotations

from collections.abc import Iterator

from sdq.sheets.cells import Axes, Cells
from sdq_core.printable import quote


def remarks(cells: Cells, axes: Axes) -> Iterator[str]:
    """Yield what a user should know of an X/Y/Z sheet, a sentence each."""
    for hidden in cells.hidden():
        what = hidden.axis.label(hidden.value)
        if hidden.axis.alone:
            what = f"{hidden.axis.short} {quote(what)}"
        shown = f"{what} of {hidden.count} is shown"
        unless = "" if hidden.everywhere else ", unless the tile names another one"
        add = f"add --z {hidden.axis.name}, or choose with --where"
        if axes.z:
            add = "choose with --where"
        yield f"Of images that share a tile, {shown}{unless}; {add}."
    limits = ("--columns shows more", "--rows shows more", "--where chooses others")
    for name, places, more in zip(axes.names, (cells.x, cells.y, cells.z), limits, strict=False):
        if places.count > (first := len(places.values)):
            yield f"The first {first:,} of {places.count_text} values of {name} are shown; {more}."
    if empty := cells.tiles - cells.images:
        yield f"{empty:,} of {cells.tiles:,} tiles are empty: no finished image belongs there."
