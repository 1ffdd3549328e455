"""An X/Y/Z sheet from images that exist: which image stands in which tile.

Of several images that belong into one tile the first is shown: that of the lowest entry and seed, or the first by the
order that the user asked for. Memory is taken for what is shown, however many images come.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from db.values import FinishedImage
from sdq.sheets.axis import SETTINGS, Axis, Value, axis_named
from sdq.sheets.places import Places
from sdq.sheets.rank import Rank
from sdq.sheets.sheet import Grid, Row, Tile

#: Labels that are longer stand above their row instead of beside it.
_LONGEST_LABEL = 24
#: What images of one tile may differ in, and users would look at.
_PARAMETERS = (
    *map(axis_named, ("batch", "prompt", "negative_prompt")),
    *SETTINGS,
    axis_named("seed"),
)

Place = tuple[Value, Value, Value]


@dataclass(frozen=True, kw_only=True)
class Axes:
    """What is across, down, and from grid to grid (None: there is one grid), and how many values of each are shown."""

    x: Axis
    y: Axis
    z: Axis | None
    columns: int
    rows: int
    grids: int

    @property
    def names(self) -> Sequence[str]:
        """The names of the axes."""
        return [axis.name for axis in (self.x, self.y, self.z) if axis]


@dataclass(frozen=True, kw_only=True)
class Hidden:
    """What is not seen of a parameter, as one image of several is shown.

    value: what most tiles show of it; others say what they show.
    count: how many values there are, in words.
    everywhere: no tile shows another one.
    """

    axis: Axis
    value: Value
    count: str
    everywhere: bool


@dataclass(frozen=True, slots=True)
class _Shown:
    image_id: int
    rank: Rank
    path: str
    parameters: tuple[Value, ...]


class Cells:
    """The tiles of a sheet, filled with one image after the other."""

    def __init__(self, axes: Axes) -> None:
        self._axes = axes
        self.x = Places(axes.columns, numeric=axes.x.numeric)
        self.y = Places(axes.rows, numeric=axes.y.numeric)
        self.z = Places(axes.grids, numeric=bool(axes.z and axes.z.numeric))
        self._most = 2 * axes.columns * axes.rows * axes.grids
        self._shown: dict[Place, _Shown] = {}
        self._free = [axis for axis in _PARAMETERS if axis.name not in axes.names]
        self._hidden: dict[str, Places] = {}

    def add(self, image: FinishedImage, rank: Rank) -> None:
        """Take an image; of those that belong into one tile, the one with the lowest rank is shown."""
        axes = self._axes
        place = (axes.x.of(image), axes.y.of(image), axes.z.of(image) if axes.z else None)
        # Each axis sees each value, whatever the others say.
        are_first = [
            places.take(value)
            for places, value in zip((self.x, self.y, self.z), place, strict=True)
        ]
        if not all(are_first):
            return
        found = _Shown(
            image_id=image.id,
            rank=rank,
            path=image.image.path,
            parameters=tuple(axis.of(image) for axis in self._free),
        )
        shown = self._shown.get(place)
        if shown is not None and shown.image_id != found.image_id:
            self._note_hidden(shown, found)
        if shown is None or rank < shown.rank:
            self._shown[place] = found
        if len(self._shown) > self._most:
            self._shown = {at: one for at, one in self._shown.items() if self._is_first(at)}

    @property
    def tiles(self) -> int:
        """How many tiles there are, filled or not."""
        columns, rows, grids = self._filled()
        return len(columns) * len(rows) * len(grids)

    @property
    def images(self) -> int:
        """How many images are shown."""
        return sum(map(self._is_first, self._shown))

    def grids(self, outputs: Path) -> list[Grid]:
        """Return the sheet. outputs: the output folder."""
        axes = self._axes
        columns, rows, grids = self._filled()
        labels = {value: axes.y.label(value) for value in rows}
        usual = self._usual()
        aside = all(len(label) <= _LONGEST_LABEL for label in labels.values())

        def tile(place: Place) -> Tile:
            shown = self._shown.get(place)
            if shown is None:
                return Tile(file=None)
            others = [
                self._free[number].label(shown.parameters[number])
                for number, value in usual.items()
                if shown.parameters[number] != value
            ]
            return Tile(file=outputs / shown.path, note=" · ".join(others))

        return [
            Grid(
                heading=axes.z.label(z) if axes.z else "",
                columns=[axes.x.label(x) for x in columns],
                rows=[
                    Row(
                        tiles=[tile((x, y, z)) for x in columns],
                        label=labels[y] if aside else "",
                        caption="" if aside else labels[y],
                    )
                    for y in rows
                ],
            )
            for z in grids
        ]

    def hidden(self) -> Iterator[Hidden]:
        """Yield what images of one tile differ in."""
        for number, value in self._usual().items():
            axis = self._free[number]
            shown = {one.parameters[number] for one in self._first()}
            yield Hidden(
                axis=axis,
                value=value,
                count=self._hidden[axis.name].count_text,
                everywhere=len(shown) == 1,
            )

    def _usual(self) -> dict[int, Value]:
        """Return the value that most tiles show of each parameter that images of one tile differ in, by its number."""
        return {
            number: Counter(one.parameters[number] for one in self._first()).most_common(1)[0][0]
            for number, axis in enumerate(self._free)
            if axis.name in self._hidden and self._shown
        }

    def _first(self) -> Iterator[_Shown]:
        return (one for at, one in self._shown.items() if self._is_first(at))

    def _note_hidden(self, shown: _Shown, found: _Shown) -> None:
        for axis, *values in zip(self._free, shown.parameters, found.parameters, strict=True):
            if values[0] != values[1]:
                places = self._hidden.setdefault(axis.name, Places(1))
                for value in values:
                    places.take(value)

    def _is_first(self, place: Place) -> bool:
        x, y, z = place
        return x in self.x and y in self.y and z in self.z

    def _filled(self) -> tuple[list[Value], list[Value], list[Value]]:
        """Return the values of each axis that have an image on the sheet."""
        filled = [at for at in self._shown if self._is_first(at)]
        seen = [{at[number] for at in filled} for number in range(3)]
        columns, rows, grids = (
            [value for value in places.values if value in values]
            for places, values in zip((self.x, self.y, self.z), seen, strict=True)
        )
        return columns, rows, grids
