"""What of the images is not drawn as they were: one line for each kind of difference, with a count and an example."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from producer.foreign.foreign_image import Lost
from sdq_core.printable import printable

#: Characters of an example, in JSON and in a sentence.
_LONGEST, _SHOWN = 200, 60


@dataclass(kw_only=True)
class _Kind:
    images: int = 0
    source: str
    example: str


class Differences:
    """Collected while images are translated."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[Lost, str], _Kind] = {}

    def note(self, lost: Lost, source: str, example: str = "", *, instead: str = "") -> None:
        """Count an image. source: its file. example: what is lost. instead: what it is drawn with."""
        kind = self._kinds.setdefault((lost, instead), _Kind(source=source, example=example))
        kind.images += 1

    def describe(self) -> list[str]:
        """Return a sentence for each kind."""
        return [
            f"{_counted(kind.images)} {said}{': ' if kind.images == 1 else ', such as '}{printable(kind.source)}"
            + (f" ({_on_one_line(kind.example)})." if kind.example else ".")
            for said, _, kind in self._said()
        ]

    def to_list(self) -> list[dict[str, str | int]]:
        """Return them for JSON."""
        return [
            {"kind": lost.name.lower(), "said": said, "images": kind.images,
             "file": kind.source, "example": kind.example[:_LONGEST]}
            for said, lost, kind in self._said()
        ]  # fmt: skip

    def _said(self) -> Iterator[tuple[str, Lost, _Kind]]:
        order = list(Lost)
        kinds = sorted(self._kinds.items(), key=lambda item: order.index(item[0][0]))
        return ((lost.format(instead), lost, kind) for (lost, instead), kind in kinds)


def _on_one_line(example: str) -> str:
    text = " ".join(printable(example[:_LONGEST]).split())
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _counted(images: int) -> str:
    return "1 image" if images == 1 else f"{images:,} images"
