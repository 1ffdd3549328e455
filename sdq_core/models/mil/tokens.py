"""The pieces of a text: one after the other, in one pass, so that memory does not grow with the text.

A tensor's type is one piece, and so is a list without lists in it: texts have megabytes, most of them these. Every
pattern takes time in proportion to what it reads.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from sdq_core.errors import PackageError
from sdq_core.printable import quote

TENSOR: Final = "tensor"  # tensor<fp16, [1, 4, 16, 16]>
NAME: Final = "name"
NUMBER: Final = "number"
STRING: Final = "string"  # with its quotes
ROW: Final = "row"  # [0, 2, 1]
MARK: Final = "mark"
END: Final = "end"

_TOKEN = re.compile(
    r"""\s*+(?:
    (?P<tensor>tensor\s*+<\s*+\w++\s*+,\s*+\[[\d\s,?]*+\]\s*+>)
    |(?P<name>[A-Za-z_][\w@]*+)
    |(?P<string>"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+")
    |(?P<row>\[[^][(){}<>"=;]*+\])
    |(?P<mark>->|[][(){}<>,=;?])
    |(?P<number>-?[\dA-Za-z.][\w.+-]*+)
    )""",
    re.VERBOSE | re.ASCII,
)
_SPACE = re.compile(r"\s*+", re.ASCII)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_OPENING, _CLOSING = frozenset("([{"), frozenset(")]}")


class Tokens:
    """A text with a place in it; `kind`, `word` and `place` are those of the current piece.

    file: for messages. kind: one of this module's constants. word: the piece itself. place: where it begins, in
    characters.
    """

    def __init__(self, file: Path, text: str) -> None:
        self.file = file
        self.kind: str = END
        self.word = ""
        self.place = 0
        self._text = text
        self._next = 0
        self.advance()

    def advance(self) -> str:
        """Go to the next piece; return the one that was current."""
        former = self.word
        match = _TOKEN.match(self._text, self._next)
        if match is None:
            space = _SPACE.match(self._text, self._next)
            self.place = self._next = space.end() if space else self._next
            self.kind, self.word = END, ""
            if self.place < len(self._text):
                raise self.wrong(f"{quote(self._text[self.place])} begins nothing that is known")
            return former
        self.kind = match.lastgroup or END
        self.place, self._next = match.span(self.kind)
        self.word = match[self.kind]
        return former

    def take(self, word: str) -> None:
        """Go past this very word or mark; raise PackageError at anything else."""
        if self.word != word:
            raise self.unexpected(quote(word))
        self.advance()

    def take_name(self, what: str) -> str:
        """Go past a name and return it. what: it is the name of, for messages."""
        if self.kind != NAME:
            raise self.unexpected(f"the name of {what}")
        return self.advance()

    def skip_brackets(self) -> None:
        """Go past a bracket and everything up to its counterpart; a list in one piece is its own."""
        opened, start = 0, self.place
        while True:
            if self.kind == END:
                raise self.wrong("a bracket is not closed", start)
            if self.kind == MARK:
                opened += (self.word in _OPENING) - (self.word in _CLOSING)
            self.advance()
            if opened <= 0:
                return

    def unexpected(self, wanted: str) -> PackageError:
        """Return the error for a piece that is not the one wanted."""
        found = quote(self.word) if self.kind != END else "the end"
        return self.wrong(f"expected {wanted}, found {found}")

    def wrong(self, what: str, place: int | None = None) -> PackageError:
        """Return an error that says where. place: in characters; None for the current piece."""
        place = self.place if place is None else place
        line = self._text.count("\n", 0, place) + 1
        column = place - self._text.rfind("\n", 0, place)
        return PackageError(
            f"{self.file} is damaged, or in a form that this version does not read (line {line}, column {column}: "
            f"{what}). Download the model again, or use its .mlpackage."
        )


def text_in(word: str) -> str | None:
    r"""Return the text in a string's quotes; None if it has an escape other than ``\"`` and ``\\``: none is known."""
    inside = word[1:-1]
    if "\\" not in inside:
        return inside
    if any(escaped not in '"\\' for escaped in _ESCAPE.findall(inside)):
        return None
    return _ESCAPE.sub(r"\1", inside)
