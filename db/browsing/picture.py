"""A finished image's file, as far as it takes to show it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A file. path: relative to the outputs, as the row has it; whoever opens it makes sure that it is below them."""

    path: str
    size_bytes: int
    sha256: str
    pixels_sha256: str
    nsfw_flagged: bool | None
