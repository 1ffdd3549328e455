"""A text's clusters: a letter with all that is drawn on or into it, such as accents, vowel signs and joined emoji."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"


def clusters(text: str) -> list[str]:
    """Cut a text where a reader sees one letter end: a simple form of Unicode's grapheme clusters (UAX 29)."""
    found: list[str] = []
    for letter in text:
        if found and (_extends(letter) or found[-1][-1] == _JOINER or _is_flag(found[-1], letter)):
            found[-1] += letter
        else:
            found.append(letter)
    return found


def is_invisible(letter: str) -> bool:
    """Whether a character only says how its neighbours look: a joiner, or a variation selector."""
    return (
        letter in {"\u200c", _JOINER}
        or "\ufe00" <= letter <= "\ufe0f"
        or "\U000e0100" <= letter <= "\U000e01ef"
    )


def _extends(letter: str) -> bool:
    return (
        is_invisible(letter)
        or "\U0001f3fb" <= letter <= "\U0001f3ff"  # the colour of a skin
        or unicodedata.category(letter) in {"Mn", "Mc", "Me"}
    )


def _is_flag(before: str, letter: str) -> bool:
    first, last = "\U0001f1e6", "\U0001f1ff"
    return len(before) == 1 and first <= before <= last and first <= letter <= last
