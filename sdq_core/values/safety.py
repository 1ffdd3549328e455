"""What happens to an image that the safety checker flags."""

from __future__ import annotations

from enum import StrEnum


class Safety(StrEnum):
    """The values of `--safety`."""

    OFF = "off"
    FLAG = "flag"
    BLUR = "blur"
    BLACK = "black"

    @property
    def checks(self) -> bool:
        """Whether the checker is loaded and run."""
        return self is not Safety.OFF

    @property
    def hides(self) -> bool:
        """Whether a flagged image is hidden in its file."""
        return self in {Safety.BLUR, Safety.BLACK}
