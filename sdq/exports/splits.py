"""Splits of a data set, such as train, val and test.

A prompt's split depends on the prompt and the salt only: whatever else an image was drawn with, all images of a prompt
are in one split, and more images or prompts move none from one split to another.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from sdq_core.errors import UsageError
from sdq_core.printable import quote

#: The split of everything if none are named.
TRAIN = "train"

#: What `datasets` takes as the name of a split, and every file system as that of a folder.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
_EXAMPLE = "write --split train=0.9,val=0.05,test=0.05"
#: As far as the sum may be from 1.
_TOLERANCE = 1e-6


@dataclass(frozen=True, kw_only=True)
class Splits:
    """Which part of the prompts goes into which split; fractions: by name, in order, adding up to 1."""

    fractions: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({TRAIN: 1.0}))
    salt: str = ""

    @classmethod
    def parse(cls, text: str, *, salt: str = "") -> Splits:
        """Read fractions such as ``train=0.9,test=0.1``; raise UsageError for any others."""
        fractions: dict[str, float] = {}
        for piece in text.split(","):
            name, equals, written = (part.strip() for part in piece.partition("="))
            if not equals or not _NAME.fullmatch(name):
                raise UsageError(
                    f"--split: {quote(piece.strip())} is not a name with a fraction; {_EXAMPLE}."
                )
            if name in fractions:
                raise UsageError(f"--split names {name} twice. Name each split once.")
            try:
                fraction = float(written)
            except ValueError:
                fraction = math.nan
            if not 0 < fraction <= 1:
                raise UsageError(
                    f"--split: the fraction of {name} is {quote(written)}; it has to be more than 0 and at most 1."
                )
            fractions[name] = fraction
        total = math.fsum(fractions.values())
        if abs(total - 1) > _TOLERANCE:
            raise UsageError(
                f"--split: the fractions add up to {total:g} instead of 1; {_EXAMPLE}."
            )
        return cls(fractions=fractions, salt=salt)

    @property
    def text(self) -> str:
        """What they are, as an index keeps it."""
        fractions = ",".join(f"{name}={fraction!r}" for name, fraction in self.fractions.items())
        return f"{fractions} {self.salt}".strip()

    def of(self, prompt: str) -> str:
        """Return the split of a prompt's images."""
        if len(self.fractions) == 1:
            return next(iter(self.fractions))
        digest = hashlib.sha256(f"{self.salt}\0{prompt}".encode()).digest()
        place = int.from_bytes(digest[:8]) / 2**64
        reached = 0.0
        for name, fraction in self.fractions.items():
            reached += fraction
            if place < reached:
                return name
        return name  # the fractions add up to a little less than 1
