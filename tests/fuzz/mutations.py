"""Changes to a package that keep most of it right, so that they reach what damaged bytes never reach.

A random byte is nearly always found by protobuf's own parser. These change one value of a parsed network: a size, an
offset, a name, an operation's type, an input more or less.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import DecodeError

from tests.fuzz.package_reader import MARK, join
from worker.mlpackage.compression import DECODERS
from worker.mlpackage.messages import Model
from worker.runtimes.onnx.ops import OPS

NUMBERS = (0, 1, 2, 3, 4, 5, 7, 16, 33, 64, 100, 255, 2**31 - 1, 2**31, 2**32, 2**50, 2**63 - 1)
WORDS = (
    "",
    "x",
    "out",
    "main",
    "const",
    "val",
    "axis",
    "shape",
    "a\0b",
    "../a",
    "/etc",
    "\x1b[2J",
    "a" * 2000,
)
_TYPES = (*OPS, *DECODERS, "const")


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Change an input of `package_reader` in a few places; the same `rng` gives the same changes."""
    model, _, weights = data.partition(MARK)
    for _ in range(rng.randint(1, 3)):
        kind = rng.random()
        if kind < 0.1:
            model = noise(model, rng)
        elif kind < 0.2 and weights:
            # The headers of blobs lie at the front of a small file; noise in the values changes nothing.
            weights = noise(weights, rng, most=400)
        else:
            model = _changed(model, rng)
    return join(model, weights)


def noise(data: bytes, rng: random.Random, most: int = 1 << 30) -> bytes:
    """Change single bytes among the first `most`, and sometimes cut the rest off."""
    changed = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        if changed:
            changed[rng.randrange(min(most, len(changed)))] = rng.choice((0, 1, 127, 128, 255))
    return bytes(changed[: rng.randrange(len(changed) + 1)] if rng.random() < 0.1 else changed)


def _changed(model: bytes, rng: random.Random) -> bytes:
    spec = Model()
    try:
        spec.ParseFromString(model)
    except DecodeError:
        return noise(model, rng)
    places = [(message, field) for message in _messages(spec) for field, _ in message.ListFields()]
    if places:
        _change(*rng.choice(places), rng)
    return bytes(spec.SerializeToString())


def _messages(message: Any) -> Iterator[Any]:
    """Give a message and all in it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            inner = [value[key] for key in sorted(value, key=str)]
        else:
            inner = value if _is_list(value) else [value]
        for one in inner:
            if hasattr(one, "ListFields"):
                yield from _messages(one)


def _change(message: Any, field: FieldDescriptor, rng: random.Random) -> None:
    value = getattr(message, field.name)
    if rng.random() < 0.1:
        message.ClearField(field.name)
    elif field.message_type is not None and field.message_type.GetOptions().map_entry:
        keys = sorted(value, key=str)
        one, other = rng.choice(keys), rng.choice(keys)
        if rng.random() < 0.3:
            del value[one]
        elif hasattr(value[one], "CopyFrom"):
            value[one].CopyFrom(value[other])
    elif _is_list(value):
        _change_list(value, field, rng)
    elif field.message_type is None:
        setattr(message, field.name, _scalar(field, value, rng))


def _change_list(values: Any, field: FieldDescriptor, rng: random.Random) -> None:
    place = rng.randrange(len(values))
    kind = rng.random()
    if kind < 0.3:
        del values[place]
    elif kind < 0.6:
        values.extend([values[place]] * rng.choice((1, 2, 40)))
    elif field.message_type is None:
        values[place] = _scalar(field, values[place], rng)
    else:
        values[place].CopyFrom(values[rng.randrange(len(values))])


def _scalar(field: FieldDescriptor, old: Any, rng: random.Random) -> Any:
    if field.type == FieldDescriptor.TYPE_STRING:
        return rng.choice(_TYPES if field.name == "type" else (*WORDS, old))
    if field.type == FieldDescriptor.TYPE_BYTES:
        return rng.choice((b"", old[:-1], old * 2, b"\xff" * len(old)))
    if field.type in (FieldDescriptor.TYPE_FLOAT, FieldDescriptor.TYPE_DOUBLE):
        return rng.choice((0.0, -1.0, float("nan"), float("inf"), 1e38))
    if field.type == FieldDescriptor.TYPE_BOOL:
        return not old
    number = rng.choice((*NUMBERS, old + 1, old - 1, -1))
    wide = field.type in (FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_INT64)
    if field.type in (FieldDescriptor.TYPE_UINT64, FieldDescriptor.TYPE_UINT32):
        number = abs(number)
    return number if wide else number % 2**31


def _is_list(value: Any) -> bool:
    return hasattr(value, "extend")
