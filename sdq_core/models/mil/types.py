"""`tensor<fp16, [1, 77]>`, `int32`, `list<string, 3>`: reading types."""

from __future__ import annotations

import re

from sdq_core.models.element_types import BY_MIL_NUMBER, ElementType
from sdq_core.models.mil.syntax import MilType
from sdq_core.models.mil.tokens import MARK, NAME, NUMBER, TENSOR, Tokens
from sdq_core.models.mlmodel import what_is_impossible
from sdq_core.printable import quote

_BY_NAME = {kind.name: kind for kind in BY_MIL_NUMBER.values()}
_TENSOR = re.compile(r"tensor\s*<\s*(\w+)\s*,\s*\[([^]]*)\]\s*>", re.ASCII)
_SIZES = re.compile(r"\s*(?:\d{1,19}|\?)\s*", re.ASCII)
#: Deeper than any type of Apple's; each level is a call.
_MOST_NESTED = 8


class TypeReader:
    """Reads types; those of tensors, of which a text has few different ones, once each."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._known: dict[str, MilType] = {}

    def read(self, depth: int = 0) -> MilType:
        """Go past a type and return it; raise PackageError for anything else."""
        tokens = self._tokens
        if tokens.kind == TENSOR:
            if (known := self._known.get(tokens.word)) is None:
                known = self._known[tokens.word] = self._tensor(tokens.word)
            tokens.advance()
            return known
        if tokens.kind != NAME:
            raise tokens.unexpected("a type")
        place = tokens.place
        return self.after(tokens.advance(), place, depth)

    def after(self, word: str, place: int, depth: int = 0) -> MilType:
        """Return the type that begins with a word which was read already."""
        if self._tokens.kind != MARK or self._tokens.word != "<":
            return MilType("tensor", self._element(word, place))
        if word == "tensor":
            raise self._tokens.wrong("a tensor's type is not an element and sizes", place)
        return self._list(place, depth) if word == "list" else self._other(word)

    def _list(self, place: int, depth: int) -> MilType:
        tokens = self._tokens
        if depth >= _MOST_NESTED:
            raise tokens.wrong("a type has too many types in it", place)
        tokens.take("<")
        inner = self.read(depth + 1)
        tokens.take(",")
        size = tokens.advance() if tokens.kind == NUMBER or tokens.word == "?" else ""
        tokens.take(">")
        if inner.word != "tensor" or inner.sizes or not re.fullmatch(r"[0-9]{1,9}", size):
            return MilType("list", None)
        return MilType("list", inner.element, (int(size),))

    def _other(self, word: str) -> MilType:
        """Go past what nothing here reads, such as `state<tensor<fp16, [1]>>`."""
        tokens = self._tokens
        opened, start = 0, tokens.place
        while True:
            if tokens.kind not in {MARK, NAME, NUMBER, TENSOR}:
                raise tokens.wrong("a type is not closed", start)
            opened += (tokens.word == "<") - (tokens.word == ">")
            tokens.advance()
            if opened == 0:
                return MilType(word, None)

    def _tensor(self, word: str) -> MilType:
        match = _TENSOR.fullmatch(word)
        if match is None:
            raise self._tokens.unexpected("a type")
        element = self._element(match[1], self._tokens.place)
        written = match[2].split(",") if match[2].strip() else []
        if not all(map(_SIZES.fullmatch, written)):
            raise self._tokens.wrong("a tensor's sizes are not numbers")
        sizes = tuple(None if size.strip() == "?" else int(size) for size in written)
        if impossible := what_is_impossible(sizes):
            raise self._tokens.wrong(f"a tensor {impossible}")
        return MilType("tensor", element, sizes)

    def _element(self, word: str, place: int) -> ElementType:
        element = _BY_NAME.get(word)
        if element is None:
            raise self._tokens.wrong(f"{quote(word)} is not a data type that is known here", place)
        return element
