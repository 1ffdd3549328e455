"""The system's fonts: which file has these letters.

Each file is looked into once. On a Mac fonts are in three folders; elsewhere where fontconfig looks.
"""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Collection, Iterator
from pathlib import Path

from sdq_core.images.lettering.coverage import Coverage, coverage_of

_SUFFIXES = {".ttf", ".otf", ".ttc", ".otc"}
#: Parts of the names of fonts with many letters and a plain face; they are asked before all others.
_PREFERRED = (
    "notosanscjk",
    "hiragino",
    "ヒラギノ角ゴシック w3",
    "pingfang",
    "applesdgothicneo",
    "arial unicode",
    "notosans",
    "droidsansfallback",
)
#: Of two fonts with a letter, the plain one is taken.
_NOT_PLAIN = ("bold", "black", "italic", "oblique", "light", "thin", "condensed", "mono", "serif")
#: These have a glyph for every character, a box.
_BOXES = ("lastresort", "adobeblank")
#: Files to look into for a letter that the bundled font lacks.
_MOST_FONTS = 2000


def font_folders() -> tuple[str, ...]:
    """Return the folders of fonts, those of the user last; some may not be there."""
    if sys.platform == "darwin":
        return ("/System/Library/Fonts", "/Library/Fonts", "~/Library/Fonts")
    shared = os.environ.get("XDG_DATA_DIRS") or "/usr/local/share:/usr/share"
    own = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return (*(f"{folder}/fonts" for folder in [*shared.split(":"), own]), "~/.fonts")


class SystemFonts:
    """Font files by what they have, those most likely to be plain first."""

    def __init__(self, folders: Collection[str] | None = None) -> None:
        self._folders = font_folders() if folders is None else folders
        self._files: list[Path] | None = None
        self._coverage: dict[Path, Coverage | None] = {}

    def with_all(self, letters: str) -> Iterator[Path]:
        """Yield the files that may have all these letters."""
        if self._files is None:
            self._files = _ranked(self._folders)
        for path in self._files:
            coverage = self._of(path)
            if coverage is not None and all(letter in coverage for letter in letters):
                yield path

    def _of(self, path: Path) -> Coverage | None:
        if path not in self._coverage:
            try:
                self._coverage[path] = coverage_of(path)
            except (OSError, ValueError):  # damaged, or without a table of Unicode
                self._coverage[path] = None
        return self._coverage[path]


def _ranked(folders: Collection[str]) -> list[Path]:
    found: dict[Path, None] = {}
    for folder in folders:
        for place, _, names in os.walk(os.path.expanduser(folder)):  # noqa: PTH111  no home is no error
            for name in names:
                if Path(name).suffix.lower() in _SUFFIXES:
                    found[Path(place, name)] = None

    def rank(path: Path) -> tuple[int, int, str]:
        name = unicodedata.normalize("NFC", path.name).lower()
        likely = (n for n, part in enumerate(_PREFERRED) if name.startswith(part))
        unplain = sum(word in name for word in _NOT_PLAIN)
        return next(likely, len(_PREFERRED)), unplain, name

    ranked = sorted(found, key=rank)[:_MOST_FONTS]
    return [path for path in ranked if not path.name.lower().startswith(_BOXES)]
