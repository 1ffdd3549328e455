"""Changes to a compiled model's text that keep most of it right: a piece more, less, or another."""

from __future__ import annotations

import random
import re
from pathlib import Path

from tests.fuzz.mutations import NUMBERS, WORDS, noise
from tests.fuzz.package_reader import MARK, join, write_package
from tests.mlmodelc.printer import DIALECTS, parse, text_of

_PIECE = re.compile(r'\s+|"[^"]*"|[\w.@]+|->|[^\w\s]')
_STRANGE = (
    "tensor<fp16, [?]>", "tensor<fp32, []>", "tensor<string, [2]>", "tensor<int4, [3]>", "list<string, 2>",
    "state<tensor<fp16, [1]>>", "dict<string, string>", "BLOBFILE", "func", "program", "inf", "-inf", "nan", "-1",
    "0x1p+0", "0x1p-9999", "1e999", "true", "[]", "[[]]", "()", "{", "}", "(", ")", "[", "]", "<", ">", ",", ";", "=",
    "->", "?", '"', '"\\n"', "\\", "\0", "\n", "é", "[" * 500, "(" * 500, "list<" * 500, "tensor<fp16, [1, 1]>" * 9,
    '"@model_path/../weight.bin"', '"@model_path/weights/../../x"', '"/etc/passwd"', '"@model_path/model.mil"',
)  # fmt: skip


def texts_of(package: bytes, folder: Path) -> list[bytes]:
    """Return inputs of `package_reader` with the network of a package as text, in each form that it is written in."""
    weights = package.partition(MARK)[2]
    spec = parse(write_package(package, folder))
    return [join(text_of(spec, dialect).encode(), weights) for dialect in DIALECTS]


def mutated_text(data: bytes, rng: random.Random) -> bytes:
    """Change a text in a few places; the same `rng` gives the same changes."""
    text, _, weights = data.partition(MARK)
    if rng.random() < 0.1:
        return join(text, noise(weights, rng, most=400))
    if rng.random() < 0.1:
        return join(noise(text, rng), weights)
    pieces = _PIECE.findall(text.decode("utf-8", "replace"))
    for _ in range(rng.randint(1, 3)):
        _change(pieces, rng)
    return join("".join(pieces).encode(), weights)


def _change(pieces: list[str], rng: random.Random) -> None:
    if not pieces:
        return
    place, other = rng.randrange(len(pieces)), rng.randrange(len(pieces))
    kind = rng.random()
    if kind < 0.2:
        del pieces[place : place + rng.choice((1, 1, 2, 9))]
    elif kind < 0.4:
        pieces[place] = pieces[other]
    elif kind < 0.5:
        pieces[place:place] = pieces[other : other + rng.choice((1, 2, 9, 40))]
    elif kind < 0.7:
        numbers = [i for i, piece in enumerate(pieces) if piece.isdigit()] or [place]
        pieces[rng.choice(numbers)] = str(rng.choice((*NUMBERS, -1)))
    elif kind < 0.8:
        pieces[place] = rng.choice(WORDS)
    elif kind < 0.95:
        pieces[place] = rng.choice(_STRANGE)
    else:
        del pieces[place:]
