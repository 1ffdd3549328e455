"""Text in one size: what of it can be shown, how wide it is, and drawing it.

The bundled DejaVu Sans has Latin, Greek, Cyrillic, Hebrew, Arabic and more; what it lacks comes from the system's
fonts. A cluster is drawn with one font, as an accent from another would stand beside its letter.

Text from right to left and the scripts whose letters change with their neighbours need Raqm. Pillow's wheels have it,
but it needs the library FriBiDi of the system, which Macs lack (`brew install fribidi`). Without it such letters are
escaped: they would stand in the wrong order, or in forms that nobody reads.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, features

from sdq_core.images.lettering.clusters import clusters, is_invisible
from sdq_core.images.lettering.face import Face, PictureFace, opened
from sdq_core.images.lettering.fonts import SystemFonts

_BUNDLED = Path(__file__).parents[1] / "font" / "DejaVuSans.ttf"
#: No caption may turn the text around that follows it.
_DIRECTIONS = frozenset("\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: Scripts of India, Tibet, Myanmar, Cambodia, Mongolia, Indonesia.
_SHAPED = (
    ("\u0900", "\u0dff"),
    ("\u0f00", "\u109f"),
    ("\u1780", "\u18af"),
    ("\u1900", "\u1cff"),
    ("\ua800", "\ua95f"),
    ("\ua980", "\ua9df"),
)
#: Of the size of the letters: free space above and below a line, which some scripts and stacked accents need.
_ABOVE, _BELOW = 0.25, 0.45


class Lettering:
    """Measures and draws text of one size, in pixels."""

    def __init__(self, size: int, fonts: SystemFonts | None = None) -> None:
        """fonts: those of the system, to share what is known of them."""
        self._size = size
        self._fonts = fonts or SystemFonts()
        self._bundled = Face(_BUNDLED, size)
        self._others: dict[Path, Face | None] = {}
        self._face_of: dict[str, Face | None] = {}
        self._shapes = bool(features.check("raqm"))

    def of_size(self, size: int) -> Lettering:
        """Return lettering of another size with the same fonts."""
        return Lettering(size, self._fonts)

    def readable(self, text: str) -> str:
        """Return a text with escapes in place of what no font here can show."""
        undirected = "".join(letter for letter in text if letter not in _DIRECTIONS)
        composed = unicodedata.normalize("NFC", undirected)
        return "".join(map(self._shown, clusters(composed)))

    def length(self, text: str) -> float:
        """Return the width of a readable text."""
        return sum(face.length(run) for face, run in self._runs(text))

    def from_right(self, text: str) -> bool:
        """Whether a readable text is written from right to left: as its first letter with a direction is."""
        for letter in text if self._shapes else "":
            if (kind := unicodedata.bidirectional(letter)) in {"L", "R", "AL"}:
                return kind != "L"
        return False

    def draw(
        self,
        on: Image.Image,
        place: tuple[int, int],
        text: str,
        fill: tuple[int, int, int],
        *,
        from_right: bool = False,
    ) -> None:
        """Draw a line of readable text; place: the left end of its top.

        from_right: the direction of the paragraph. Nothing is drawn beyond the line, however high accents are stacked.
        """
        above = round(_ABOVE * self._size)
        baseline = above + self._bundled.ascent
        height = baseline + round(_BELOW * self._size)
        side = self._size // 4  # some letters reach out to the left
        line = Image.new("RGBA", (int(self.length(text)) + self._size, height), (*fill, 0))
        x = float(side)
        runs = list(self._runs(text))
        direction = ("rtl" if from_right else "ltr") if self._shapes else None
        for face, run in reversed(runs) if from_right else runs:
            face.draw(line, (x, baseline), run, fill, direction)
            x += face.length(run)
        on.paste(line, (place[0] - side, place[1] - above), line)

    def _runs(self, text: str) -> Iterator[tuple[Face, str]]:
        """Yield the parts of a text with their fonts. Letters are put in their order within a part only."""
        face, begun, place = self._bundled, 0, 0
        for cluster in clusters(text):
            own = self._face(cluster) or self._bundled
            if cluster.isspace() and not isinstance(face, PictureFace):
                own = face
            if own is not face:
                if place > begun:
                    yield face, text[begun:place]
                face, begun = own, place
            place += len(cluster)
        if text[begun:]:
            yield face, text[begun:]

    def _shown(self, cluster: str) -> str:
        if cluster.isspace():
            return " "  # Raqm refuses some of the others
        if not self._shapes:  # which also hides what joins letters
            cluster = "".join(letter for letter in cluster if not is_invisible(letter))
        if self._face(cluster):
            return cluster
        if len(cluster) != 1:
            return "".join(self._shown(letter) for letter in cluster if not is_invisible(letter))
        if unicodedata.category(cluster) == "Cf" or is_invisible(cluster):
            return ""
        return cluster.encode("unicode_escape").decode()

    def _face(self, cluster: str) -> Face | None:
        """Return the first font that has all of a cluster, None if none has."""
        if cluster not in self._face_of:
            self._face_of[cluster] = self._found(cluster)
        return self._face_of[cluster]

    def _found(self, cluster: str) -> Face | None:
        letters = "".join(letter for letter in cluster if not is_invisible(letter))
        if not letters or any(map(self._cannot_be_shown, letters)):
            return None
        if self._bundled.has(letters):
            return self._bundled
        for path in self._fonts.with_all(letters):
            if path not in self._others:
                self._others[path] = opened(path, self._size)
            face = self._others[path]
            if face is not None and face.has(letters):
                return face
        return None

    def _cannot_be_shown(self, letter: str) -> bool:
        if unicodedata.category(letter) in {"Cc", "Cs", "Co", "Cn", "Cf"}:
            return True
        if self._shapes:
            return False
        return unicodedata.bidirectional(letter) in {"R", "AL"} or any(
            first <= letter <= last for first, last in _SHAPED
        )
