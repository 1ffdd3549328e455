"""What becomes of a picture that the safety checker flags."""

from __future__ import annotations

from enum import StrEnum


class Safety(StrEnum):
    """What `--safety` takes."""

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
        """Whether a flagged picture is kept out of its file."""
        return self in {Safety.BLUR, Safety.BLACK}
