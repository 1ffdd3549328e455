"""Protobuf's wire format, as far as reading a few fields of a large file needs it.

A message is walked field by field; unused fields are skipped by their length. Sizes are bounded, so a damaged file ends
in ValueError, never in a long loop.

https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

Span = tuple[int, int]

_MAX_FIELDS = 1 << 20


def fields(
    data: bytes, span: Span, *, limit: int = _MAX_FIELDS
) -> Iterator[tuple[int, int | Span]]:
    """Yield (field number, value): an int for varints, (start, end) for length-delimited fields."""
    position, end = span
    for _ in range(limit):
        if position >= end:
            return
        # Nearly all keys and lengths are one byte; calling a function for each doubles the time.
        key = data[position]
        position += 1
        if key >= 0x80:
            key, position = varint(data, position - 1, end)
        number, wire_type = key >> 3, key & 7
        if wire_type == 2:
            if position >= end:
                raise ValueError("it ends too early")
            length = data[position]
            position += 1
            if length >= 0x80:
                length, position = varint(data, position - 1, end)
            start, position = position, position + length
            if position > end:
                raise ValueError("a field reaches beyond its end")
            yield number, (start, position)
        elif wire_type == 0:
            value, position = varint(data, position, end)
            yield number, value
        elif wire_type in {1, 5}:
            position += 8 if wire_type == 1 else 4
        else:
            raise ValueError(f"it has wire type {wire_type}")
    raise ValueError("it has too many fields")


def messages(data: bytes, span: Span, number: int) -> Iterator[Span]:
    """Yield the spans of one length-delimited field."""
    for found, value in fields(data, span):
        if found == number and isinstance(value, tuple):
            yield value


def first(data: bytes, span: Span, *path: int) -> Span | None:
    """Descend through length-delimited fields, the first of each number; return None if one is missing."""
    found: Span | None = span
    for number in path:
        if found is None:
            return None
        found = next(messages(data, found, number), None)
    return found


def entry(data: bytes, span: Span, number: int, key: str) -> Span | None:
    """Return the value of a map's key, as protobuf the last one; an absent key counts as the empty one."""
    found = None
    for pair in messages(data, span, number):
        named = first(data, pair, 1)
        if (text(data, named) if named else "") == key:
            found = first(data, pair, 2) or (pair[1], pair[1])
    return found


def text(data: bytes, span: Span) -> str:
    """Return a string field's text; raise ValueError if it is not UTF-8."""
    return data[span[0] : span[1]].decode("utf-8")


def varint(data: bytes, position: int, end: int) -> tuple[int, int]:
    """Read a number of 7 bits a byte; return it and the position after it."""
    result = 0
    for shift in range(0, 70, 7):
        if position >= end:
            raise ValueError("it ends too early")
        byte = data[position]
        position += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, position
    raise ValueError("a number is too long")
