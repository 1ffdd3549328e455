"""`tensor<int32, [2]>([1, 1])`, `string("same")`, `tensor<fp16, [8]>(BLOBFILE(...))`: reading constants."""

from __future__ import annotations

import re

from sdq_core.models.mil.syntax import BlobPlace, MilType, Value
from sdq_core.models.mil.tokens import MARK, NAME, NUMBER, ROW, STRING, Tokens, text_in
from sdq_core.models.mil.types import TypeReader

_OFFSET = re.compile(r"\d{1,19}", re.ASCII)
_STRING = "string"


class ValueReader:
    """Reads constants: a type, and in parentheses what it is."""

    def __init__(self, tokens: Tokens, types: TypeReader) -> None:
        self._tokens = tokens
        self._types = types

    def read(self) -> Value:
        """Go past a constant and return it; raise PackageError for anything else."""
        place = self._tokens.place
        return self.after(self._types.read(), place)

    def after(self, kind: MilType, place: int) -> Value:
        """Return the constant whose type was read already. place: where that began."""
        return self._after(kind, place, may_be_blob=True)

    def _after(self, kind: MilType, place: int, *, may_be_blob: bool) -> Value:
        tokens = self._tokens
        sizes = tuple(size for size in kind.sizes if size is not None)
        if kind.element is None or len(sizes) != len(kind.sizes):
            raise tokens.wrong("a constant is not a tensor of one size", place)
        tokens.take("(")
        if may_be_blob and tokens.kind == NAME and tokens.word == "BLOBFILE":
            value = Value(kind.element, sizes, place, blob=self._blob())
        elif kind.element.name == _STRING:
            value = Value(kind.element, sizes, place, texts=tuple(self._texts(sizes)))
        elif sizes:
            rows: list[str] = []
            self._read_rows(sizes, 0, rows)
            value = Value(kind.element, sizes, place, rows=tuple(rows))
        elif tokens.kind in {NUMBER, NAME}:
            value = Value(kind.element, sizes, place, rows=(tokens.advance(),))
        else:
            raise tokens.unexpected("a number")
        tokens.take(")")
        return value

    def _blob(self) -> BlobPlace:
        """Go past `BLOBFILE(path = ..., offset = ...)`."""
        tokens = self._tokens
        tokens.advance()
        tokens.take("(")
        tokens.take("path")
        tokens.take("=")
        path = self._in_place()
        tokens.take(",")
        tokens.take("offset")
        tokens.take("=")
        offset = self._in_place()
        tokens.take(")")
        if path.sizes or len(path.texts) != 1:
            raise tokens.wrong("a file's name is not a string", path.place)
        if offset.sizes or len(offset.rows) != 1 or not _OFFSET.fullmatch(offset.rows[0]):
            raise tokens.wrong("an offset is not a number", offset.place)
        return BlobPlace(path.texts[0], int(offset.rows[0]))

    def _in_place(self) -> Value:
        place = self._tokens.place
        return self._after(self._types.read(), place, may_be_blob=False)

    def _read_rows(self, sizes: tuple[int, ...], depth: int, rows: list[str]) -> None:
        """Go past lists in lists, as deep as there are sizes."""
        tokens = self._tokens
        if depth == len(sizes) - 1 or sizes[depth] == 0:
            if tokens.kind != ROW:
                raise tokens.unexpected("a list of numbers")
            rows.append(tokens.advance()[1:-1])
            return
        tokens.take("[")
        for index in range(sizes[depth]):
            if index:
                tokens.take(",")
            self._read_rows(sizes, depth + 1, rows)
        tokens.take("]")

    def _texts(self, sizes: tuple[int, ...]) -> list[str]:
        tokens = self._tokens
        if not sizes:
            return [self._text()]
        if len(sizes) > 1:
            raise tokens.wrong("strings are in more than one dimension")
        if tokens.kind == ROW and not tokens.word[1:-1].strip():
            tokens.advance()
            return []
        found = []
        tokens.take("[")
        while True:
            found.append(self._text())
            if tokens.kind == MARK and tokens.word == "]":
                tokens.advance()
                return found
            tokens.take(",")

    def _text(self) -> str:
        tokens = self._tokens
        if tokens.kind != STRING:
            raise tokens.unexpected("a string")
        text = text_in(tokens.word)
        if text is None:
            raise tokens.wrong("a string has an escape that is not known here")
        tokens.advance()
        return text
