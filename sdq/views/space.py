"""What images need of their disk, and what it has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from db.estimates import RecentImages
from sdq_core.errors import StorageError
from sdq_core.images.space import free_bytes
from sdq_core.settings import Settings

#: Of a picture that PNG cannot compress, and of the record in its file.
_MOST_BYTES_PER_PIXEL = 3
_RECORD_BYTES = 4096


@dataclass(frozen=True, kw_only=True)
class Space:
    """What new images need, bytes.

    is_bound: no image of their size was drawn yet, so this is the most that they can need.
    waiting_bytes: what the images need that waited before them, if they are as large.
    free_bytes: None if that is not known, for which `problem` is the reason.
    where: the output folder.
    """

    needed_bytes: int
    is_bound: bool
    waiting_bytes: int
    free_bytes: int | None
    where: Path
    problem: str | None = None

    @property
    def total_bytes(self) -> int:
        """What new and waiting images need."""
        return self.needed_bytes + self.waiting_bytes

    @property
    def suffices(self) -> bool | None:
        """Whether there is enough for all of them; None if that is not known."""
        return None if self.free_bytes is None else self.total_bytes <= self.free_bytes

    def to_dict(self) -> dict[str, Any]:
        """Return it for JSON."""
        return {
            "disk_bytes": self.needed_bytes,
            "disk_bytes_are_a_bound": self.is_bound,
            "disk_waiting_bytes": self.waiting_bytes,
            "disk_free_bytes": self.free_bytes,
            "disk_suffices": self.suffices,
        }


def space_for(
    sizes: Mapping[tuple[str, int, int], int],
    *,
    waiting: int,
    suffix: str,
    recent: RecentImages,
    settings: Settings,
) -> Space:
    """Return what images need.

    sizes: model, width and height in pixels -> how many new images.
    suffix: the ending of their format.
    waiting: how many images waited before them.
    """
    needed, is_bound = 0.0, False
    for (model, width, height), images in sizes.items():
        file_bytes = recent.file_bytes(model, width, height, suffix)
        if file_bytes is None:
            is_bound = True
            file_bytes = _MOST_BYTES_PER_PIXEL * width * height + _RECORD_BYTES
        needed += file_bytes * images
    free, problem = None, None
    try:
        free = free_bytes(settings.outputs, settings.home)
    except StorageError as error:
        problem = str(error)
    return Space(
        needed_bytes=round(needed),
        is_bound=is_bound,
        waiting_bytes=round(waiting * needed / sum(sizes.values())) if sizes else 0,
        free_bytes=free,
        where=settings.outputs,
        problem=problem,
    )
