"""Breaks a text into lines: at spaces, between Chinese, Japanese and Korean characters, and inside what is too long."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from sdq_core.images.lettering.clusters import clusters
from sdq_core.images.lettering.lettering import Lettering

#: No line begins with these, and none ends with those.
_NEVER_FIRST = frozenset(
    "、。，．：；！？・…‥ー〜～々ゝゞヽヾぁぃぅぇぉっゃゅょァィゥェォッャュョ）」』】〉》］｝〕”’％"
    ")]},.!?:;"
)
_NEVER_LAST = frozenset("（「『【〈《［｛〔“‘([{")
#: Prompts of tags often have no spaces.
_BREAK_BEHIND = frozenset(",;/|")


@dataclass(frozen=True, kw_only=True)
class Paragraph:
    """Lines of readable text. from_right: it is written from right to left, so the lines begin there."""

    lines: Sequence[str] = ()
    from_right: bool = False


def wrapped(text: str, lettering: Lettering, width: int, most: int) -> Paragraph:
    """Break a text into at most so many lines of so many pixels; what is left becomes an ellipsis."""
    # Prompts can be very long; what no sheet can show is not measured.
    shown = lettering.readable(text[: most * width])
    pieces = _pieces(shown)
    lines: list[str] = []
    while pieces and len(lines) < most:
        line = pieces.pop(0).lstrip(" ")
        while pieces and lettering.length(line + pieces[0]) <= width:
            line += pieces.pop(0)
        if lettering.length(line) > width:  # one word that is wider than all lines
            fitting = _fitting(line, lettering, width)
            line, rest = line[:fitting], line[fitting:]
            pieces[:0] = [rest] if rest else []
        lines.append(line)
    if pieces:
        lines[-1] = _shortened(lines[-1], lettering, width)
    return Paragraph(lines=lines, from_right=lettering.from_right(shown))


def _pieces(text: str) -> list[str]:
    """Cut a text where a line may end; the space before a word is the first letter of its piece."""
    pieces: list[str] = []
    for word in text.split():
        piece = " " if pieces else ""
        before = ""
        for cluster in clusters(word):
            if before and _may_break(before, cluster):
                pieces.append(piece)
                piece = ""
            piece += cluster
            before = cluster
        pieces.append(piece)
    return pieces


def _may_break(before: str, behind: str) -> bool:
    if behind[0] in _NEVER_FIRST or before[0] in _NEVER_LAST:
        return False
    return before[0] in _BREAK_BEHIND or _is_wide(before) or _is_wide(behind)


def _is_wide(cluster: str) -> bool:
    return unicodedata.east_asian_width(cluster[0]) in {"W", "F"}


def _fitting(line: str, lettering: Lettering, width: int) -> int:
    """Return how many characters of a line fit, in whole clusters, at least one."""
    ends = [0]
    for cluster in clusters(line):
        ends.append(ends[-1] + len(cluster))
    low, high = 1, len(ends) - 1
    while low < high:
        middle = (low + high + 1) // 2
        if lettering.length(line[: ends[middle]]) <= width:
            low = middle
        else:
            high = middle - 1
    return ends[low]


def _shortened(line: str, lettering: Lettering, width: int) -> str:
    kept = clusters(line)
    while kept and lettering.length(f"{''.join(kept)}…") > width:
        kept.pop()
    return f"{''.join(kept).rstrip(' ,;')}…"
