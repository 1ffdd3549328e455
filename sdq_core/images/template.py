"""Path templates: where the images of a batch are below the output folder, as in ``{batch}/{slug}-{seed}``.

Invariant: whatever prompts and ids say, a path stays below the output folder, and each of its names is one that every
file system takes (`sdq_core.images.safe_names`). A value never makes a folder. Where names are too long, texts are cut
and numbers never are, so that a cut text cannot take the seed along.

A template does not make paths different by itself: `producer.planning.collisions` checks that, and asks here which
tokens make it sure without looking at the images.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from sdq_core.errors import InputError
from sdq_core.images.path import batch_folder
from sdq_core.images.safe_names import MAX_STEM_BYTES, cleaned, component, cut
from sdq_core.images.tokens import CONSTANT, NUMBERS, TEXTS, TOKENS, PathFacts, Token
from sdq_core.printable import quote
from sdq_core.values.names import one_spelling

#: Of a whole path below the output folder; macOS takes 1,024 bytes with the folders above it.
MAX_PATH_BYTES = 640
_MAX_FOLDERS = 8
#: What a text has at least, however many others share its name.
_LEAST_TEXT_BYTES = 12

_TOKEN = re.compile(r"\{([^{}]*)\}")
_WIDTH = re.compile(r"0([1-9]|1[0-9]|20)d?")


@dataclass(frozen=True)
class PathTemplate:
    """A template, taken apart. text: as it was written. parts: each folder and the file, of text and tokens."""

    text: str
    parts: tuple[tuple[str | Token, ...], ...]

    @classmethod
    def parse(cls, text: str) -> PathTemplate:
        """Take a template apart; raise InputError, with a clause, for one that cannot be used."""
        return _parsed(one_spelling(text))

    @cached_property
    def tokens(self) -> frozenset[str]:
        """The names of its tokens."""
        return frozenset(
            piece.name for part in self.parts for piece in part if isinstance(piece, Token)
        )

    def stem(self, facts: PathFacts) -> str:
        """Return an image's path without the ending of its name."""
        return self._written(facts, lambda width: str(facts.seed).rjust(width, "0"))

    def prompt_key(self, facts: PathFacts) -> str:
        """Return an image's path with a stand-in for each of its seeds, without the ending; see `with_seed`."""
        return self._written(facts, chr)

    def with_seed(self, key: str, seed: int) -> str:
        """Return a path from a prompt's key, but for a device's name that only the seed makes one, such as com1."""
        for width in self._seed_widths:
            key = key.replace(chr(width), str(seed).rjust(width, "0"))
        return key

    def tells_apart(self, name: str) -> bool:
        """Whether two images with different values of a number have different paths, whatever else they have.

        name: ``seed``; or ``index``, of images with one seed. So the number stands alone in one of the path's names:
        between characters that are no part of it, and at a distance from one end that is the same for all.
        """
        return any(
            _stands_alone(part, place)
            for part in self.parts
            for place, piece in enumerate(part)
            if isinstance(piece, Token) and piece.name == name
        )

    def folder(self, batch_name: str, date: str) -> str:
        """Return the folder that all images of a batch have in common, empty for the output folder."""
        names: list[str] = []
        for part in self.parts[:-1]:
            if any(isinstance(piece, Token) and piece.name not in CONSTANT for piece in part):
                break
            values = {"batch": batch_folder(batch_name), "date": date or "_"}
            names.append(_name(_shape_of(part), values, str))
        return "/".join(names)

    @property
    def has_own_folder(self) -> bool:
        """Whether a batch has a folder to itself, named as only this batch is."""
        return len(self.parts) > 1 and self.parts[0] == (Token("batch"),)

    @cached_property
    def _seed_widths(self) -> tuple[int, ...]:
        widths = {
            piece.width
            for part in self.parts
            for piece in part
            if isinstance(piece, Token) and piece.name == "seed"
        }
        return tuple(sorted(widths))

    @cached_property
    def _shapes(self) -> tuple[_Shape, ...]:
        return tuple(map(_shape_of, self.parts))

    def _written(self, facts: PathFacts, seed: Callable[[int], str]) -> str:
        values = {
            name: TEXTS[name][0](facts) if name in TEXTS else str(NUMBERS[name][0](facts))
            for name in self.tokens
        }
        return "/".join(_name(shape, values, seed) for shape in self._shapes)


@dataclass(frozen=True, slots=True)
class _Shape:
    """A folder's or file's name. room: bytes for texts. constants, texts: where those are, the former first."""

    pieces: tuple[str | Token, ...]
    room: int
    constants: tuple[int, ...]
    texts: tuple[int, ...]


def _shape_of(part: tuple[str | Token, ...]) -> _Shape:
    texts = [place for place, piece in enumerate(part) if _is_text(piece)]
    constants = tuple(place for place in texts if _is_constant(part[place]))
    others = tuple(place for place in texts if place not in constants)
    return _Shape(part, _room_for_texts(part), constants, others)


def _name(shape: _Shape, values: Mapping[str, str], seed: Callable[[int], str]) -> str:
    """Return a folder's name, or the file's without its ending. seed: returns it, in a width."""
    pieces = [
        piece
        if isinstance(piece, str)
        else seed(piece.width)
        if piece.name == "seed"
        else values[piece.name].rjust(piece.width, "0")
        for piece in shape.pieces
    ]
    room, left = shape.room, len(shape.constants) + len(shape.texts)
    # What is the same for the whole batch is cut before the rest, and always alike.
    for place in shape.constants:
        left -= 1
        pieces[place] = cut(pieces[place], room - _LEAST_TEXT_BYTES * left)
        room -= _size(pieces[place])
    sizes = {place: _size(pieces[place]) for place in shape.texts}
    if sum(sizes.values()) > room:
        # Short ones stay whole; the others share the room that these leave.
        for rank, place in enumerate(sorted(sizes, key=sizes.__getitem__)):
            pieces[place] = cut(pieces[place], room // (len(sizes) - rank))
            room -= _size(pieces[place])
    return component("".join(pieces))


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


def _room_for_texts(part: Sequence[str | Token]) -> int:
    room = MAX_STEM_BYTES
    for piece in part:
        if isinstance(piece, str):
            room -= len(piece.encode())
        elif piece.name in NUMBERS:
            room -= max(piece.width, NUMBERS[piece.name][1])
    return room


def _is_text(piece: str | Token) -> bool:
    return isinstance(piece, Token) and piece.name in TEXTS


def _is_constant(piece: str | Token) -> bool:
    return isinstance(piece, str) or piece.name in CONSTANT


def _stands_alone(part: Sequence[str | Token], place: int) -> bool:
    number, before, after = part[place], part[:place], part[place + 1 :]
    name = number.name if isinstance(number, Token) else ""

    def fixed(pieces: Sequence[str | Token]) -> bool:
        """Whether they are the same for all images; the seed is, of images with one seed."""
        return all(
            _is_constant(piece) or (isinstance(piece, Token) and piece.name == "seed" != name)
            for piece in pieces
        )

    beside = [*before[-1:], *after[:1]]
    separated = all(isinstance(piece, str) for piece in beside) and not (
        (before and str(before[-1])[-1].isalnum()) or (after and str(after[0])[0].isalnum())
    )
    return separated and (fixed(before) or fixed(after))


@lru_cache(maxsize=1000)
def _parsed(text: str) -> PathTemplate:
    if not text.strip():
        raise InputError("the template is empty")
    if text.startswith(("/", "~")):
        raise InputError(
            f"{quote(text)} leads out of the output folder; begin with a folder's name in it"
        )
    names = text.split("/")
    if ".." in names:
        raise InputError(f"{quote(text)} leads out of the output folder; leave .. out")
    if not names[-1]:
        raise InputError(f"{quote(text)} ends with a folder; add the file's name, such as {{seed}}")
    if "" in names or "." in names:
        raise InputError(f"{quote(text)} has a folder without a name")
    if len(names) > _MAX_FOLDERS + 1:
        raise InputError(f"{quote(text)} has more than {_MAX_FOLDERS} folders")
    parts = tuple(tuple(_pieces(name)) for name in names)
    for part in parts:
        texts = sum(_is_text(piece) for piece in part)
        if _room_for_texts(part) < _LEAST_TEXT_BYTES * texts:
            raise InputError(f"{quote(text)} has a name of more than {MAX_STEM_BYTES} bytes")
    longest = sum(_most_bytes(part) + 1 for part in parts)
    if longest > MAX_PATH_BYTES:
        raise InputError(
            f"{quote(text)} can become {longest} bytes long; the limit is {MAX_PATH_BYTES}"
        )
    return PathTemplate(text, parts)


def _pieces(name: str) -> list[str | Token]:
    pieces: list[str | Token] = []
    end = 0
    for found in _TOKEN.finditer(name):
        pieces += _literal(name[end : found.start()])
        pieces.append(_token(found[1]))
        end = found.end()
    return pieces + _literal(name[end:])


def _literal(text: str) -> list[str | Token]:
    if "{" in text or "}" in text:
        raise InputError(
            f"{quote(text)} has a brace without its other half; tokens are written {{seed}}"
        )
    if text and (safe := cleaned(text)) != text:
        bad = next((one for one, other in zip(text, safe, strict=False) if one != other), text[-1])
        raise InputError(
            f"{quote(text)} has the character {quote(bad)}, which not every file system takes"
        )
    return [text] if text else []


def _token(written: str) -> Token:
    name, colon, spec = written.partition(":")
    if name not in TOKENS:
        near = difflib.get_close_matches(name, TOKENS, 1)
        known = f"did you mean {{{near[0]}}}?" if near else f"there are {', '.join(TOKENS)}"
        raise InputError(f"there is no token {quote('{' + written + '}')}; {known}")
    if not colon:
        return Token(name)
    width = _WIDTH.fullmatch(spec)
    if name not in NUMBERS:
        raise InputError(
            f"{{{written}}} has a width, which only {{index}}, {{seed}} and {{steps}} take"
        )
    if width is None:
        raise InputError(f"{{{written}}} has no width that can be used; write {{{name}:05d}}")
    return Token(name, int(width[1]))


def _most_bytes(part: Sequence[str | Token]) -> int:
    size = 0
    for piece in part:
        if isinstance(piece, str):
            size += len(piece.encode())
        elif piece.name in NUMBERS:
            size += max(piece.width, NUMBERS[piece.name][1])
        else:
            size += TEXTS[piece.name][1]
    return min(size, MAX_STEM_BYTES)
