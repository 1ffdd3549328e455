"""Where the pictures are that a line names: beside its own file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from producer.reading.prompt_line import PromptLine

#: How a picture is named that is kept already.
KEPT = "sha256:"


def with_places(line: PromptLine, folder: Path) -> PromptLine:
    """Return a line with the whole paths of its pictures. folder: that of its file."""
    if line.init_image is None and line.mask is None and not line.controlnets:
        return line
    return replace(
        line,
        init_image=place_of(line.init_image, folder),
        mask=place_of(line.mask, folder),
        controlnets=line.controlnets
        and tuple(
            replace(each, picture=place_of(each.picture, folder) or "") for each in line.controlnets
        ),
    )


def place_of(named: str | None, folder: Path) -> str | None:
    """Return the whole path of a picture that is named in a folder, or the name of one that is kept."""
    if named is None or named.startswith(KEPT):
        return named
    return str((folder / named).absolute())
