"""Where the pictures are that a line names: beside its own file."""

from __future__ import annotations

import os
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
        init_image=line.init_image and place_of(line.init_image, folder),
        mask=line.mask and place_of(line.mask, folder),
        controlnets=line.controlnets
        and tuple(
            replace(each, picture=place_of(each.picture, folder)) for each in line.controlnets
        ),
    )


def place_of(named: str, folder: Path) -> str:
    """Return the whole path of a picture that is named in a folder, or the name of one that is kept."""
    if named.startswith(KEPT):
        return named
    # No shell takes care of a ~ in a file, nor behind a colon.
    return str((folder / os.path.expanduser(named)).absolute())  # noqa: PTH111  (Path raises for ~NOBODY)
