"""Folders of wildcards for tests."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from producer.dynamic.templates import Templates
from producer.dynamic.wildcards import Wildcards


def write(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def templates(folder: Path, files: Mapping[str, str | bytes] | None = None) -> Templates:
    return Templates(Wildcards(write(folder, files or {}), named=False))


def all_of(made: Templates, text: str) -> list[str]:
    return [one.text for one in made.all(text)]
